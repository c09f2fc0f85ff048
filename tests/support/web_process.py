"""A web process on the tests' store, and a swarm of peers that misbehave towards it."""

import contextlib
import os
import resource
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support import paths
from tests.support.polling import scaled_limit, wait_until
from tests.support.ports import free_ports
from tests.support.product import ask, public_pem

TREE = paths.ROOT
ADMIN_TOKEN = "the-admin-token-of-the-swarm"
VIEWER_TOKEN = "the-viewer-token-of-the-swarm"
STARTED_USUALLY_S = 30
SOCKET_TIMEOUT_S = scaled_limit(60)
FILES = 8_192

Misbehave = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(store_url: str, home: Path, **environ: str) -> Iterator[int]:
    """A web process; its port."""
    with serving_process(store_url, home, **environ) as (port, _):
        yield port


@contextlib.contextmanager
def serving_process(store_url: str, home: Path, **environ: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """A web process and its port."""
    (port,) = free_ports(1)
    variables = {"PORT": str(port), "DATA_DIR": str(home), "REDIS_URL": store_url, "VIDEOSDK_PUBLIC_KEY": public_pem()}
    variables |= {"ADMIN_TOKEN": ADMIN_TOKEN, "VIEWER_TOKEN": VIEWER_TOKEN}
    variables |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(TREE)}
    with (home / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers", "web"], cwd=home, env=variables | environ, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: is_up(port), STARTED_USUALLY_S, "the web process")
        yield port, process
    finally:
        process.terminate()
        process.wait(scaled_limit(STARTED_USUALLY_S))


def is_up(port: int) -> bool:
    try:
        return ask("GET", f"http://127.0.0.1:{port}/healthz", limit_s=2).status == 200
    except OSError:
        return False


class Swarm:
    """Peers that each begin the same way and then do nothing; one that the server drops is replaced at once."""

    def __init__(self, port: int, size: int, misbehave: Misbehave) -> None:
        _allow_files(FILES)
        self._port = port
        self._misbehave = misbehave
        self._selector = selectors.DefaultSelector()
        self._not_reading: list[socket.socket] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._replace_dropped, daemon=True)
        for _ in range(size):
            self._connect()

    def __enter__(self) -> "Swarm":
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._thread.join(SOCKET_TIMEOUT_S)
        for peer in (*self._watched(), *self._not_reading):
            peer.close()
        self._selector.close()

    @property
    def size(self) -> int:
        """How many peers are connected."""
        return len(self._watched()) + len(self._not_reading)

    def _watched(self) -> list[socket.socket]:
        return [key.data for key in list(self._selector.get_map().values())]

    def _connect(self) -> None:
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        peer.settimeout(SOCKET_TIMEOUT_S)
        peer.connect(("127.0.0.1", self._port))
        with contextlib.suppress(OSError):
            self._misbehave(peer)
        self._selector.register(peer, selectors.EVENT_READ, data=peer)

    def _replace_dropped(self) -> None:
        while not self._stop.is_set():
            for key, _ in self._selector.select(0.2):
                peer: socket.socket = key.data
                self._selector.unregister(peer)
                if not _is_dropped(peer):
                    self._not_reading.append(peer)
                    continue
                peer.close()
                with contextlib.suppress(OSError):
                    self._connect()


def _is_dropped(peer: socket.socket) -> bool:
    """Whether the server has ended the connection; what it sent before that stays unread."""
    try:
        return peer.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
