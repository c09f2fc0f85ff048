"""One kept-open HTTP connection for load of our own making, and load at a given pace."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

LENGTH = b"content-length:"


class HttpClient(asyncio.Protocol):
    """Asks one thing at a time and gives the answer's status."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int) -> "HttpClient":
        _, line = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return line

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        """Send; the future holds the status once the answer is whole."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        head = self._buffer[:end].lower()
        _, _, after = head.partition(LENGTH)
        length = int(after.split(b"\r\n", 1)[0]) if after else 0
        if len(self._buffer) >= end + 4 + length:
            self._buffer = b""
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the line was cut"))


async def pace(
    port: int,
    requests: Sequence[bytes],
    *,
    per_s: float,
    seconds: float,
    lines: int,
    sent: Callable[[int, float], None] = lambda number, at: None,
) -> list[float]:
    """Ask at a steady pace, whatever the answers do; seconds from when each was due to its answer.

    `sent` hears each request's number and when it was due. Refused requests raise.
    """
    loop = asyncio.get_running_loop()
    idle: asyncio.Queue[HttpClient] = asyncio.Queue()
    for _ in range(lines):
        idle.put_nowait(await HttpClient.open(port))
    took: list[float] = []

    async def ask(number: int, due: float) -> None:
        line = await idle.get()
        status = await line.ask(requests[number % len(requests)])
        took.append(loop.time() - due)
        idle.put_nowait(line)
        if not 200 <= status < 300:
            raise ConnectionError(f"answered {status}")

    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(int(per_s * seconds)):
            due = began + number / per_s
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            sent(number, due)
            group.create_task(ask(number, due))
    while not idle.empty():
        idle.get_nowait().close()
    return took


def as_request(path: str, body: bytes, signature: str = "") -> bytes:
    """A POST as bytes."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    signed = f"videosdk-signature: {signature}\r\n" if signature else ""
    return f"{head}{signed}content-length: {len(body)}\r\n\r\n".encode() + body


def read_posts(path: Path) -> list[tuple[str, bytes]]:
    """Signatures and bodies from the load tool's file."""
    return [
        (signature.decode(), body)
        for signature, _, body in (line.partition(b" ") for line in path.read_bytes().splitlines())
    ]


def percentile(found: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed; 0 of nothing."""
    ranked = sorted(found)
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))] if ranked else 0.0
