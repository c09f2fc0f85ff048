"""The bridge to WSGI: what an app sees of a request, and what comes back."""

from typing import Any

import pytest

from webhook_app.server.wsgi_bridge import call, environ_of


def scope(raw_path: bytes = b"/", headers: list[tuple[bytes, bytes]] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", "8000"),
        "client": ("192.0.2.7", "4711"),
        "path": "/",
        "raw_path": raw_path,
        "query_string": b"a=%20b",
        "headers": headers or [],
        **more,
    }


@pytest.mark.parametrize(
    ("raw_path", "path_info"),
    [
        (b"/rooms/a%2fb/start", "/rooms/a%2Fb/start"),
        (b"/rooms/50%25", "/rooms/50%25"),
        (b"/rooms/a%252Fb", "/rooms/a%252Fb"),
        (b"/rooms/%C3%A4", "/rooms/ä".encode().decode("latin-1")),
        (b"/rooms/%ff", "/rooms/\xff"),
        (b"//x/../y", "//x/../y"),
    ],
)
def test_the_path_is_decoded_once_and_kept_as_it_came(raw_path: bytes, path_info: str) -> None:
    assert environ_of(scope(raw_path), b"")["PATH_INFO"] == path_info


def test_headers_become_environ_keys() -> None:
    headers = [
        (b"host", b"tally.example"),
        (b"content-type", b"application/json"),
        (b"content-length", b"999"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"x-forwarded-for", b"192.0.2.1"),
        (b"x-forwarded-for", b"192.0.2.2"),
        (b"x_forwarded_for", b"203.0.113.9"),
        (b"x-name", b"\xc3\xa4"),
    ]
    environ = environ_of(scope(headers=headers), b"12345")
    assert environ["HTTP_HOST"] == "tally.example"
    assert environ["CONTENT_TYPE"] == "application/json"
    assert environ["CONTENT_LENGTH"] == "5"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.1,192.0.2.2"
    assert environ["HTTP_X_NAME"] == "\xc3\xa4"
    assert environ["REMOTE_ADDR"] == "192.0.2.7"
    assert environ["wsgi.input"].read() == b"12345"


def test_the_response_is_collected_and_closed() -> None:
    closed: list[bool] = []

    class Chunks(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("201 Created", [("X-Name", "ä")])
        return Chunks([b"a", b"", b"b"])

    answer = call(app, environ_of(scope(), b""))
    assert (answer.status, answer.headers, answer.body) == (201, [(b"x-name", b"\xe4")], b"ab")
    assert closed == [True]
