"""Request bodies: read on the event loop, within a size, a time limit and a share of memory.

No thread and no lock is held while a body comes in, so a peer that sends slowly, or not at all, costs a coroutine and
the bytes it has sent.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class BodyTooLargeError(Exception):
    """The body is longer than this path takes."""


class BodyTimeoutError(Exception):
    """The body did not come in time."""


class BodyBrokenError(Exception):
    """The peer went away, or its framing is wrong, before the body was complete."""


class BodyMemory:
    """The bytes that all unfinished bodies of a process may hold together.

    Each body may hold `free_bytes` without asking, more than any ordinary request needs. What goes beyond is taken from
    `shared_bytes`; while that is used up, further large bodies wait, until their own time limit ends them.
    """

    def __init__(self, *, free_bytes: int, shared_bytes: int) -> None:
        self.free_bytes = free_bytes
        self._left = shared_bytes
        self._released = asyncio.Event()

    async def take(self, size: int) -> None:
        """Wait until this many bytes of the shared memory are free, and hold them."""
        while size > self._left:
            self._released.clear()
            await self._released.wait()
        self._left -= size

    def release(self, size: int) -> None:
        """Give bytes back."""
        self._left += size
        self._released.set()


def announced_length(headers: list[tuple[bytes, bytes]]) -> int | None:
    """The Content-Length, None when there is none or it is no number."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else None
    return None


async def read_body(receive: Receive, memory: BodyMemory, *, max_bytes: int, timeout_s: float) -> bytes:
    """The whole body, if it comes to its end within `timeout_s` of the request's head.

    Raises BodyTooLargeError, BodyTimeoutError or BodyBrokenError; nothing of the body is kept then.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(receive, max_bytes, memory)
    except TimeoutError:
        raise BodyTimeoutError from None


async def _read(receive: Receive, max_bytes: int, memory: BodyMemory) -> bytes:
    chunks: list[bytes] = []
    size = held = 0
    try:
        while True:
            try:
                message = await receive()
            except Exception as error:  # the server's own, for framing that is wrong
                raise BodyBrokenError from error
            if message["type"] == "http.disconnect":
                raise BodyBrokenError
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > max_bytes:
                raise BodyTooLargeError
            beyond = max(0, size - memory.free_bytes) - held
            if beyond > 0:
                await memory.take(beyond)
                held += beyond
            chunks.append(chunk)
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    finally:
        if held:
            memory.release(held)
