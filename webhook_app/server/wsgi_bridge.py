"""The bridge from ASGI to WSGI: builds the environ of a request whose body is complete, and collects the response."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from webhook_app.server.handoff import HANDOFF, HandedOffResponse, Headers
from webhook_app.server.paths import decoded_path

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HEADER_NAMES_CACHED = 256


@dataclass(slots=True)
class WsgiAnswer:
    """What a WSGI app answered: status, headers and whole body, or a response that is completed on the event loop."""

    status: int = 500
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    handed_off: HandedOffResponse | None = None


def environ_of(scope: Any, body: bytes) -> dict[str, Any]:
    """The WSGI environ (PEP 3333) of a request.

    A header name with an underscore is dropped: in an environ it would look the same as one with a hyphen, so a client
    could give a header that only a proxy may set.
    """
    server = scope.get("server") or ("", "0")
    client = scope.get("client") or ("", "0")
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": decoded_path(raw_path.partition(b"?")[0]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
        "REMOTE_ADDR": str(client[0]),
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" in name:
            continue
        text = value.decode("latin-1")
        if name == b"content-type":
            environ["CONTENT_TYPE"] = text
        elif name not in (b"content-length", b"transfer-encoding"):
            key = _variable(name)
            separator = "; " if name == b"cookie" else ","
            environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


@lru_cache(maxsize=HEADER_NAMES_CACHED)
def _variable(name: bytes) -> str:
    return "HTTP_" + name.decode("latin-1").upper().replace("-", "_")


def call(app: "WSGIApplication", environ: dict[str, Any]) -> WsgiAnswer:
    """Run a WSGI app to its end in the calling thread."""
    answer = WsgiAnswer()
    handed_off: list[HandedOffResponse] = []
    environ[HANDOFF] = handed_off

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        answer.status = int(status[:3])
        answer.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return lambda data: None

    chunks: Iterable[bytes] = app(environ, start_response)
    try:
        answer.body = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    if handed_off:
        answer.handed_off = handed_off[0]
    return answer
