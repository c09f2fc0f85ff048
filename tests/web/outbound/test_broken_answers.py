"""Answers that break while their body is read: the command line and the doctor say so in one line."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from webhook_app.outbound.proxies import DIRECT
from workers.cli.api_client import ApiClient, ProductAddress
from workers.cli.context import CommandError
from workers.doctor import reachability

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
BROKEN = {
    "shorter than announced": HEAD + b'content-length: 100\r\n\r\n{"items": ',
    "a chunk without a length": HEAD + b"transfer-encoding: chunked\r\n\r\nno length\r\n",
    "a chunk that ends early": HEAD + b'transfer-encoding: chunked\r\n\r\n40\r\n{"items"',
    "not what its encoding says": HEAD + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd",
}


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that gives each request this answer, and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_command_ends_with_a_message(answer: bytes) -> None:
    with answering(answer) as url, pytest.raises(CommandError, match=r"is unreachable|unexpected answer"):
        ApiClient(ProductAddress(url, "token")).get("/rooms")


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_an_event_stream_that_is_refused_ends_with_an_error_that_the_command_handles(answer: bytes) -> None:
    refused = answer.replace(b"200 OK", b"503 Unavailable")
    with answering(refused) as url, pytest.raises((CommandError, OSError)):
        list(ApiClient(ProductAddress(url, "token")).stream("/events/stream", last_id=None, read_timeout_s=10.0))


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_the_doctor_has_a_finding(answer: bytes) -> None:
    with answering(answer) as url:
        status, body, _ = reachability._request(DIRECT, "GET", f"{url}/doctor/x")
    assert (status, bool(body)) == (None, True) or status == 200
