"""A wire: one HTTP/1.1 connection to an endpoint. A request goes out whole; of its answer little is kept.

The reading is llhttp's, by httptools: strict, as no answer is worth a guess. What it costs is why this is not left to a
whole client: see docs/decisions/0028.
"""

import asyncio
from dataclasses import dataclass
from time import perf_counter

import httptools

HEAD_MAX_BYTES = 32 * 1024
RETRY_AFTER = b"retry-after"
NAME = b"HTTP/"
ANNOUNCING = range(100, 200)
VERSIONS = ("1.1", "1.0")


class UnansweredError(ConnectionError):
    """The connection ended before anything was heard of a request that went out on it."""


class NotHttpError(ConnectionError):
    """What came is no answer of HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's status, when its head had come (`perf_counter`), the first of its body, and its Retry-After."""

    status: int
    at: float
    body: bytes
    retry_after: str | None


class Wire(asyncio.Protocol):
    """One request at a time. `by` is when it is given up, in the `perf_counter` of the one who sweeps.

    The status settles a request: a body that breaks off, never ends or is long is cut, and the connection with it.
    """

    def __init__(self, *, kept_bytes: int, body_timeout_s: float) -> None:
        self._kept_bytes = kept_bytes
        self._body_timeout_s = body_timeout_s
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Answer] | None = None
        self._heard = 0
        self._status: int | None = None
        self._headed_at = 0.0
        self._body = b""
        self._retry_after: str | None = None
        self._ended = self._surplus = False
        self.by = 0.0
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        """Whether a further request may go out."""
        return self._waiter is None and self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes, *, by: float) -> Answer:
        """Send a request and wait for its answer.

        TimeoutError when no head has come by then; UnansweredError, NotHttpError.
        """
        assert self._waiter is None
        if self._transport is None:
            raise UnansweredError("it hung up as soon as it was there")
        waiter: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        self.by, self._heard, self._status, self._body = by, 0, None, b""
        self._retry_after, self._ended = None, False
        try:
            self._transport.write(request)
            return await waiter
        finally:
            self._waiter = None
            if self._surplus or not self._ended:
                self.cut()

    def sweep(self, now: float) -> None:
        """Give up what has taken too long."""
        if now >= self.by:
            self._settle(TimeoutError("it took too long"))

    def cut(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._parser is None:
            self.cut()  # nobody asked
            return
        if not self._heard and not NAME.startswith(data[: len(NAME)]):
            self._settle(NotHttpError("it is another protocol's"))  # the parser takes its like for HTTP too
            return
        self._heard += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._ended = False
            self._settle(NotHttpError("it does not speak HTTP/1.1"))
            return
        if self._heard > HEAD_MAX_BYTES:  # a head or trailers that never end, or a body of which enough has come
            self._settle(NotHttpError("the head of its answer never ends"))
        elif len(self._body) >= self._kept_bytes:
            self._settle(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = self._parser = None  # which hold this wire, and it them
        if error is None:
            error = NotHttpError("it broke off") if self._heard else UnansweredError("it hung up")
        elif not self._heard and isinstance(error, ConnectionError):
            error = UnansweredError("it hung up")
        self._ended = False
        self._settle(error)

    def on_message_begin(self) -> None:
        if self._waiter is None or self._waiter.done():
            self._surplus = True  # a second answer, or the beginning of one, is not taken for the next request's

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._status is None and name.lower() == RETRY_AFTER:
            self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status in ANNOUNCING:
            return
        if self._parser.get_http_version() not in VERSIONS or status < ANNOUNCING.start:
            raise NotHttpError("it is another protocol's")
        self._status, self._headed_at = status, perf_counter()
        self.by = min(self.by, self._headed_at + self._body_timeout_s)

    def on_body(self, body: bytes) -> None:
        if len(self._body) < self._kept_bytes:
            self._body = (self._body + body)[: self._kept_bytes]

    def on_message_complete(self) -> None:
        if self._status is None:  # what announces an answer is none
            self._retry_after = None
            return
        if not self._surplus and self._parser is not None:
            self._ended = self._parser.should_keep_alive()
            self._settle(None)

    def _settle(self, error: Exception | None) -> None:
        """Answer who waits: with the status if it has come, else with the error."""
        if self._waiter is None or self._waiter.done():
            return
        if self._status is None:
            self._waiter.set_exception(error or NotHttpError("it has no status"))
        else:
            self._waiter.set_result(Answer(self._status, self._headed_at, self._body, self._retry_after))
