"""Reads request bodies on the event loop, with limits on size, time and shared memory.

No thread or lock is held while a body arrives, so a client that sends slowly or not at all uses only a coroutine and
the bytes it has sent.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class BodyTooLargeError(Exception):
    """The body is longer than this path accepts."""


class BodyTimeoutError(Exception):
    """The body was not received in time."""


class BodyMemoryFullError(Exception):
    """Other large bodies held the shared memory until this body's time limit."""


class BodyBrokenError(Exception):
    """The client disconnected, or its framing was invalid, before the body was complete."""


class BodyMemory:
    """Limits the memory that all large bodies of a process hold, from their first byte until they are processed.

    Each body may hold `free_bytes` outside that limit, more than any ordinary request needs. What goes beyond is taken
    from `shared_bytes`; while that is used up, further large bodies wait, until their own time limit ends them.
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


class _Hold:
    """One body's share of the shared memory."""

    def __init__(self, memory: BodyMemory) -> None:
        self.is_waiting = False
        self._memory = memory
        self._held = 0

    async def grow(self, size: int) -> None:
        """Wait until the shared memory has room for a body of this size."""
        beyond = size - self._memory.free_bytes - self._held
        if beyond <= 0:
            return
        self.is_waiting = True
        await self._memory.take(beyond)
        self.is_waiting = False
        self._held += beyond

    def release(self) -> None:
        """Give everything back."""
        if self._held:
            self._memory.release(self._held)


def announced_length(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return the Content-Length, or None if it is missing or not a number."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else None
    return None


def read_body(
    receive: Receive, memory: BodyMemory, *, max_bytes: int, timeout_s: float
) -> AbstractAsyncContextManager[bytes]:
    """Read the whole body within `timeout_s` of the request's head.

    Its memory is held until the context ends: a complete body that waits for a thread takes as much as one that is
    still coming in. Raises BodyTooLargeError, BodyTimeoutError, BodyMemoryFullError or BodyBrokenError; nothing of the
    body is kept then.
    """
    return _BodyContext(receive, memory, max_bytes=max_bytes, timeout_s=timeout_s)


class _BodyContext(AbstractAsyncContextManager[bytes]):
    """The context of `read_body`; as a generator it would cost each webhook more."""

    def __init__(self, receive: Receive, memory: BodyMemory, *, max_bytes: int, timeout_s: float) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._hold = _Hold(memory)

    async def __aenter__(self) -> bytes:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await _read(self._receive, self._max_bytes, self._hold)
        except BaseException as error:
            self._hold.release()
            if isinstance(error, TimeoutError):
                raise (BodyMemoryFullError if self._hold.is_waiting else BodyTimeoutError) from None
            raise

    async def __aexit__(self, *error: object) -> None:
        self._hold.release()


async def _read(receive: Receive, max_bytes: int, hold: _Hold) -> bytes:
    body = bytearray()  # not a list of chunks: an object for each of a peer's tiny chunks would take far more
    while True:
        try:
            message = await receive()
        except Exception as error:  # raised by the server for invalid framing
            raise BodyBrokenError from error
        if message["type"] == "http.disconnect":
            raise BodyBrokenError
        chunk: bytes = message.get("body", b"")
        size = len(body) + len(chunk)
        if size > max_bytes:
            raise BodyTooLargeError
        await hold.grow(size)
        if not message.get("more_body"):
            return bytes(body + chunk) if body else chunk
        body += chunk
