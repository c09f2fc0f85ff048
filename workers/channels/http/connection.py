"""One HTTP/1.1 client connection: sends one request at a time and waits for what settles it."""

import asyncio
from dataclasses import dataclass
from time import perf_counter

from workers.channels.http.response import ResponseReader


class UnansweredError(ConnectionError):
    """The connection ended before the first byte of a response."""


class NotHttpError(ConnectionError):
    """The response has no status line; `received` is its beginning."""

    def __init__(self, reason: str, received: bytes = b"") -> None:
        super().__init__(reason)
        self.received = received


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Status, when its line was received (`perf_counter`), the beginning of the body, and the Retry-After header."""

    status: int
    received_at: float
    body: bytes
    retry_after: str | None


class HttpConnection(asyncio.Protocol):
    """One request at a time. `give_up_at` is its deadline, on the clock of the caller of `expire` (`perf_counter`).

    The status line settles a request. The rest of the response is waited for `body_timeout_s` at most; unless all of it
    was well formed, the connection is closed.
    """

    def __init__(self, *, kept_bytes: int, body_timeout_s: float) -> None:
        self._kept_bytes = kept_bytes
        self._body_timeout_s = body_timeout_s
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[HttpResponse] | None = None
        self._reader: ResponseReader | None = None
        self._status_at: float | None = None
        self.give_up_at = 0.0
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the connection was made and not lost."""
        return self._transport is not None

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent."""
        return self._waiter is None and self._transport is not None and not self._transport.is_closing()

    async def request(self, request: bytes, *, give_up_at: float) -> HttpResponse:
        """Send a request and wait for its response.

        TimeoutError when no status was received in time; UnansweredError, NotHttpError; ConnectionResetError when the
        connection ended before it was used.
        """
        assert self._waiter is None
        if self._transport is None:
            raise ConnectionResetError("the connection ended before it was used")
        waiter: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
        reader = ResponseReader(kept_bytes=self._kept_bytes)
        self._waiter, self._reader, self._status_at, self.give_up_at = waiter, reader, None, give_up_at
        try:
            self._transport.write(request)
            return await waiter
        finally:
            self._waiter = self._reader = None
            reader.close()
            if not reader.clean:
                self.abort()

    def expire(self, now: float) -> None:
        """Settle the request if its deadline has passed."""
        if now >= self.give_up_at:
            self._settle(TimeoutError("no response in time"))

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        reader = self._reader
        if reader is None or self._waiter is None or self._waiter.done():
            self.abort()  # a response to no request
            return
        reader.feed(data)
        if self._status_at is None and reader.status is not None:
            self._status_at = perf_counter()
            self.give_up_at = min(self.give_up_at, self._status_at + self._body_timeout_s)
        if reader.done:
            self._settle(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        self._transport = None  # the two refer to each other
        if error is None or isinstance(error, ConnectionError):
            started = self._reader is not None and self._reader.started
            error = None if started else UnansweredError("the connection ended without a response")
        self._settle(error)

    def _settle(self, error: Exception | None) -> None:
        """End the request: with the status if it was received, else with the error."""
        reader, waiter = self._reader, self._waiter
        if reader is None or waiter is None or waiter.done():
            return
        if reader.status is None or self._status_at is None:
            waiter.set_exception(error or NotHttpError("no status line", reader.body()))
            return
        retry_after = None if 200 <= reader.status < 300 else reader.retry_after()
        waiter.set_result(HttpResponse(reader.status, self._status_at, reader.body(), retry_after))
