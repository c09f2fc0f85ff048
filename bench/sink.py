"""The sink: a minimal, fast endpoint for notices that answers 200 to everything and counts requests."""

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
class Counts:
    """What has arrived so far; `last_at` is `time.monotonic()`, which all processes of a machine share."""

    posts: int
    different: int
    last_at: float


class SinkProtocol(asyncio.Protocol):
    """One connection; passes head and body of each POST to a callback."""

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
    """Counts requests; `GET /counts` returns the counts, `GET /forget` resets them."""

    posts = 0
    last_at = 0.0
    ids: set[bytes] = set()  # noqa: RUF012 - one sink per process

    def __init__(self) -> None:
        super().__init__(_count)

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"POST "):
            _count(head, body)
            return ANSWER
        if head.startswith(b"GET /forget"):
            _Counting.posts, _Counting.ids = 0, set()
        counts = {"posts": self.posts, "different": len(self.ids), "last_at": self.last_at}
        body = json.dumps(counts).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _count(head: bytes, body: bytes) -> None:
    _Counting.posts += 1
    _Counting.last_at = time.monotonic()
    notice_id = _ID.search(head)
    if notice_id:
        _Counting.ids.add(notice_id[1])


class Sink:
    """A sink in another process."""

    def __init__(self, port: int, pid: int) -> None:
        self.port, self.pid = port, pid
        self.url = f"http://127.0.0.1:{port}/notices"

    def counts(self) -> Counts:
        """Return the counts."""
        counts = self._ask("/counts")
        return Counts(int(counts["posts"]), int(counts["different"]), counts["last_at"])

    def forget(self) -> None:
        """Reset the counts."""
        self._ask("/forget")

    def wait_for(self, different: int, *, quiet_s: float) -> Counts:
        """Wait until this many different notices have arrived, or nothing new has arrived for `quiet_s`."""
        before, since = self.counts(), time.monotonic()
        while before.different < different and time.monotonic() - since < quiet_s:
            time.sleep(children.POLL_S)
            now = self.counts()
            if now.posts != before.posts:
                since = time.monotonic()
            before = now
        return before

    def _ask(self, path: str) -> dict[str, float]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        counts: dict[str, float] = json.loads(connection.getresponse().read())
        connection.close()
        return counts


@contextmanager
def running(directory: Path) -> Iterator[Sink]:
    """Run a sink while the body runs."""
    port = children.free_port()
    with children.python("bench.sink", str(port), environ={}, log=directory / "sink.log") as pid:
        children.wait_for(lambda: children.answers(port, "/counts"), "the sink")
        yield Sink(port, pid)


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Counting, "127.0.0.1", port, backlog=2_048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
