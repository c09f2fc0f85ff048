"""A minimal HTTP client on one keep-alive connection, and load at a given rate."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

LENGTH = b"content-length:"


class HttpClient(asyncio.Protocol):
    """Sends one request at a time and returns the status of its answer."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, port: int) -> "HttpClient":
        """Connect to a local port."""
        _, client = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return client

    def send(self, request: bytes) -> "asyncio.Future[int]":
        """Send a request; the future gets the status once the answer is complete."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Close the connection."""
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
            self._answer.set_exception(ConnectionError("connection lost"))


async def pace(
    port: int,
    requests: Sequence[bytes],
    *,
    per_s: float,
    seconds: float,
    connections: int,
    sent: Callable[[int, float], None] = lambda number, at: None,
) -> list[float]:
    """Send requests at a steady rate, independent of the answers; returns the seconds from due time to answer.

    `sent` is called with each request's number and due time. Raises ConnectionError for an answer other than 2xx.
    """
    loop = asyncio.get_running_loop()
    idle: asyncio.Queue[HttpClient] = asyncio.Queue()
    for _ in range(connections):
        idle.put_nowait(await HttpClient.open(port))
    took: list[float] = []

    async def send_one(number: int, due: float) -> None:
        client = await idle.get()
        status = await client.send(requests[number % len(requests)])
        took.append(loop.time() - due)
        idle.put_nowait(client)
        if not 200 <= status < 300:
            raise ConnectionError(f"answered {status}")

    started_at = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(int(per_s * seconds)):
            due = started_at + number / per_s
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            sent(number, due)
            group.create_task(send_one(number, due))
    while not idle.empty():
        idle.get_nowait().close()
    return took


def as_request(path: str, body: bytes, signature: str = "") -> bytes:
    """Return a POST request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    signed = f"videosdk-signature: {signature}\r\n" if signature else ""
    return f"{head}{signed}content-length: {len(body)}\r\n\r\n".encode() + body


def read_posts(path: Path) -> list[tuple[str, bytes]]:
    """Read signatures and bodies from the file of the load tool."""
    return [
        (signature.decode(), body)
        for signature, _, body in (line.partition(b" ") for line in path.read_bytes().splitlines())
    ]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that this percentage does not exceed; 0 without values."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))] if ranked else 0.0
