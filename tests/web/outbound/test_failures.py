"""What a request that got no answer says, tried on real sockets: no class names, no addresses."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.support.certificates import certified
from tests.support.outside import outside
from webhook_app.outbound.blocking import make_session
from webhook_app.outbound.failures import failure_text
from webhook_app.outbound.proxies import DIRECT, Proxies

LIMIT_S = 10.0


def failure(url: str, proxies: Proxies = DIRECT, *, limit_s: float = LIMIT_S) -> str:
    with make_session(proxies) as session, pytest.raises(requests.RequestException) as caught:
        session.get(url, timeout=limit_s)
    return failure_text(caught.value)


@contextmanager
def server(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A server that takes one connection, reads what comes and does `answer`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(LIMIT_S)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_refused_connection_and_an_unknown_name_are_distinguished() -> None:
    assert failure(f"http://127.0.0.1:{closed_port()}/") == "the connection was refused"
    assert failure("http://nowhere.invalid/") == "the host's name cannot be resolved"


def test_an_unknown_authority_is_named_with_the_setting_that_adds_one(tmp_path: Path) -> None:
    tls, _ = certified(tmp_path)
    with outside(tls) as (outer, _):
        assert "SSL_CERT_FILE" in failure(f"https://127.0.0.1:{outer.port}/")


def test_tls_to_a_server_without_it_is_named() -> None:
    with server(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert failure(f"https://127.0.0.1:{port}/") == "TLS could not be agreed on with the host"


def test_a_connection_that_ends_without_an_answer_is_named() -> None:
    with server(lambda connection: None) as port:
        assert failure(f"http://127.0.0.1:{port}/") == "the connection was closed before the answer was complete"


def test_a_server_that_never_answers_is_named() -> None:
    done = threading.Event()
    with server(lambda connection: done.wait(LIMIT_S) and None) as port:
        assert failure(f"http://127.0.0.1:{port}/", limit_s=0.2) == "the host did not answer in time"
        done.set()


def test_a_proxy_that_refuses_or_is_not_there_is_named() -> None:
    refusing = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    with server(lambda connection: connection.sendall(refusing)) as port:
        assert failure("https://far.example/", Proxies(https=f"http://127.0.0.1:{port}")) == "the proxy answers 403"
    nobody = f"http://user:secret@127.0.0.1:{closed_port()}"
    for url in ("https://far.example/", "http://far.example/"):
        message = failure(url, Proxies(https=nobody, http=nobody))
        assert message == "the connection to the proxy could not be made: the connection was refused"


@pytest.mark.parametrize(
    "error", [requests.ConnectionError(), requests.RequestException("http://a.example/secret"), OSError()]
)
def test_an_error_that_says_nothing_quotes_nothing(error: Exception) -> None:
    assert failure_text(error) == "the connection failed"
