"""The sink: the fastest plain endpoint for notices, which answers 200 to everything and remembers what came."""

import asyncio
import http.client
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import children

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ID = re.compile(rb"\r\nwebhook-id: *(\S+)", re.IGNORECASE)

Taken = Callable[[bytes, bytes], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What has come so far; `last_at` is `time.monotonic()`, which all processes of a machine share."""

    posts: int
    different: int
    last_at: float


class SinkProtocol(asyncio.Protocol):
    """One connection: hands over the head and the body of each POST."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            body, self._buffer = self._buffer[end + 4 : whole], self._buffer[whole:]
            self._transport.write(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        self._taken(head, body)
        return ANSWER


class _Counting(SinkProtocol):
    """Counts what comes; `GET /seen` tells, `GET /forget` begins anew."""

    posts = 0
    last_at = 0.0
    ids: set[bytes] = set()  # noqa: RUF012 - one sink to a process

    def __init__(self) -> None:
        super().__init__(_count)

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"POST "):
            _count(head, body)
            return ANSWER
        if head.startswith(b"GET /forget"):
            _Counting.posts, _Counting.ids = 0, set()
        seen = {"posts": self.posts, "different": len(self.ids), "last_at": self.last_at}
        told = json.dumps(seen).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(told), told)


def _count(head: bytes, body: bytes) -> None:
    _Counting.posts += 1
    _Counting.last_at = time.monotonic()
    found = _ID.search(head)
    if found:
        _Counting.ids.add(found[1])


class Sink:
    """A sink that runs in another process."""

    def __init__(self, port: int, pid: int) -> None:
        self.port, self.pid = port, pid
        self.url = f"http://127.0.0.1:{port}/notices"

    def seen(self) -> Seen:
        told = self._ask("/seen")
        return Seen(int(told["posts"]), int(told["different"]), told["last_at"])

    def forget(self) -> None:
        self._ask("/forget")

    def wait_for(self, different: int, *, quiet_s: float) -> Seen:
        """Wait until so many have come, or nothing new has for a while."""
        before, since = self.seen(), time.monotonic()
        while before.different < different and time.monotonic() - since < quiet_s:
            time.sleep(children.POLL_S)
            now = self.seen()
            if now.posts != before.posts:
                since = time.monotonic()
            before = now
        return before

    def _ask(self, path: str) -> dict[str, float]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        line.request("GET", path)
        told: dict[str, float] = json.loads(line.getresponse().read())
        line.close()
        return told


@contextmanager
def running(directory: Path) -> Iterator[Sink]:
    """A sink for as long as the body runs."""
    port = children.free_port()
    with children.python("bench.sink", str(port), environ={}, log=directory / "sink.log") as pid:
        children.wait_for(lambda: children.answers(port, "/seen"), "the sink")
        yield Sink(port, pid)


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Counting, "127.0.0.1", port, backlog=2_048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
