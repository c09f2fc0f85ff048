"""A web worker that is to end does so, whatever its peers have begun and do not finish."""

import os
import socket
from pathlib import Path

import pytest

from tests.support.polling import scaled_limit, wait_until
from tests.support.product import ask, signature, webhook
from tests.support.web_process import VIEWER_TOKEN, serving_process
from webhook_app.server.drain import DRAIN_SIGNAL
from webhook_app.store.connection.clients import Client

pytestmark = pytest.mark.process

UNFINISHED = {
    "half a head": b"GET /healthz HTTP/1.1\r\nhost: x",
    "a body that stops": b"POST /login HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nx",
    "responses that nobody reads": b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 60,
    "an event stream": (
        b"GET /api/v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + VIEWER_TOKEN.encode() + b"\r\n\r\n"
    ),
}


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def is_web_worker(pid: int) -> bool:
    try:
        return b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for the worker in /proc")
@pytest.mark.parametrize("kind", UNFINISHED)
def test_a_worker_that_drains_ends_beside_unfinished_requests(
    client: Client, store_url: str, tmp_path: Path, kind: str
) -> None:
    with serving_process(store_url, tmp_path) as (port, process):
        (worker,) = filter(is_web_worker, children(process.pid))
        with socket.create_connection(("127.0.0.1", port), timeout=scaled_limit(10)) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            peer.sendall(UNFINISHED[kind])
            body = webhook("hls-started", "room-a")
            inbox = f"http://127.0.0.1:{port}/webhooks/videosdk"
            response = ask("POST", inbox, body, {"videosdk-signature": signature(body)}, limit_s=scaled_limit(10))
            assert response.status == 200
            os.kill(worker, DRAIN_SIGNAL)
            wait_until(lambda: worker not in children(process.pid), 5, "the worker's end")
