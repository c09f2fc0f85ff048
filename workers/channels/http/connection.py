"""One HTTP/1.1 connection to an endpoint: sends a request whole and waits for what settles it."""

import asyncio
from dataclasses import dataclass
from time import perf_counter

from workers.channels.http.response import ResponseReader


class UnansweredError(ConnectionError):
    """The connection ended before a byte of the answer had come."""


class NotHttpError(ConnectionError):
    """What came holds no status line; `received` is the first of it."""

    def __init__(self, reason: str, received: bytes = b"") -> None:
        super().__init__(reason)
        self.received = received


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer's status, when its status line had come (`perf_counter`), the first of its body, and Retry-After."""

    status: int
    at: float
    body: bytes
    retry_after: str | None


class HttpConnection(asyncio.Protocol):
    """One request at a time. `by` is when it is given up, in the `perf_counter` of whoever calls `sweep`.

    The status line settles a request. What follows is waited for `body_timeout_s` at most; unless the whole answer was
    well formed, the connection is closed.
    """

    def __init__(self, *, kept_bytes: int, body_timeout_s: float) -> None:
        self._kept_bytes = kept_bytes
        self._body_timeout_s = body_timeout_s
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[HttpResponse] | None = None
        self._reader: ResponseReader | None = None
        self._answered_at: float | None = None
        self.by = 0.0
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        """Whether a further request may go out."""
        return self._waiter is None and self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes, *, by: float) -> HttpResponse:
        """Send a request and wait for its answer.

        TimeoutError when no status has come by then; UnansweredError, NotHttpError; ConnectionResetError when the
        connection had ended before.
        """
        assert self._waiter is None
        if self._transport is None:
            raise ConnectionResetError("the connection ended before it was used")
        waiter: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()
        reader = ResponseReader(kept_bytes=self._kept_bytes)
        self._waiter, self._reader, self._answered_at, self.by = waiter, reader, None, by
        try:
            self._transport.write(request)
            return await waiter
        finally:
            self._waiter = self._reader = None
            reader.close()
            if not reader.clean:
                self.cut()

    def sweep(self, now: float) -> None:
        """Give up what has taken too long."""
        if now >= self.by:
            self._settle(TimeoutError("no answer in time"))

    def cut(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None or self._waiter is None or self._waiter.done():
            self.cut()  # an answer to no request
            return
        reader.feed(data)
        if self._answered_at is None and reader.status is not None:
            self._answered_at = perf_counter()
            self.by = min(self.by, self._answered_at + self._body_timeout_s)
        if reader.done:
            self._settle(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None  # which holds this connection, and it the transport
        if error is None or isinstance(error, ConnectionError):
            started = self._reader is not None and self._reader.started
            error = None if started else UnansweredError("the connection ended without an answer")
        self._settle(error)

    def _settle(self, error: Exception | None) -> None:
        """Answer the request: with the status if it has come, else with the error."""
        reader, waiter = self._reader, self._waiter
        if reader is None or waiter is None or waiter.done():
            return
        if reader.status is None or self._answered_at is None:
            waiter.set_exception(error or NotHttpError("no status line", reader.body()))
            return
        delay = None if 200 <= reader.status < 300 else reader.retry_after()
        waiter.set_result(HttpResponse(reader.status, self._answered_at, reader.body(), delay))
