"""Responses that are completed on the event loop: a webhook that waits for its append, an open event stream.

A Flask view returns one like any other response. Behind the ASGI front the event loop completes it, and the
request's thread is free at once; under a plain WSGI server that thread completes it.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Response

from webhook_app.server.body import Receive

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HANDOFF = "tallylight.handoff"
LAST_CHUNK_TIMEOUT_S = 0.5
Headers = list[tuple[bytes, bytes]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on the event loop. `draining` is set when the process is about to end."""

    receive: Receive
    send: Send
    draining: asyncio.Event


async def send_response(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class HandedOffResponse(Response):
    """A response that the event loop completes, or the calling thread under a plain WSGI server."""

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Hand this response to the event loop, or complete it on this thread."""
        handoff = environ.get(HANDOFF)
        if handoff is None:
            self.complete_in_thread()
            return super().__call__(environ, start_response)
        handoff.append(self)
        return ()

    def complete_in_thread(self) -> None:
        """Complete the response in the calling thread."""
        raise NotImplementedError

    async def respond(self, exchange: Exchange) -> None:
        """Complete the response on the event loop and send it."""
        raise NotImplementedError

    def discard(self) -> None:
        """Release the response's resources: it will not be completed."""

    def asgi_headers(self) -> Headers:
        """The headers as ASGI wants them."""
        return [
            (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in self.headers.items()
        ]


class StreamResponse(HandedOffResponse):
    """A response whose chunks come from an asynchronous generator; `end_stream` makes that end, from any thread."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], *, end_stream: Callable[[], None], **options: Any) -> None:
        super().__init__(direct_passthrough=True, **options)
        self.chunks = chunks
        self.end_stream = end_stream

    def complete_in_thread(self) -> None:
        """Iterate over the chunks on the calling thread."""
        self.response = _ThreadIterator(self.chunks, self.end_stream)

    def discard(self) -> None:
        """End the stream without sending it."""
        self.end_stream()

    async def respond(self, exchange: Exchange) -> None:
        """Send chunk by chunk, as fast as the peer reads, until the chunks, the peer or the process end."""
        sending = asyncio.ensure_future(self._send_chunks(exchange.send))
        watches = [
            asyncio.ensure_future(_disconnected(exchange.receive)),
            asyncio.ensure_future(exchange.draining.wait()),
        ]
        try:
            # A peer that does not read blocks sending: a disconnect or a shutdown must not wait for it.
            await asyncio.wait([sending, *watches], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            self.end_stream()
            for task in (sending, *watches):
                task.cancel()
            await asyncio.gather(sending, *watches, return_exceptions=True)
            await self.chunks.aclose()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_CHUNK_TIMEOUT_S):
                await exchange.send({"type": "http.response.body", "body": b""})

    async def _send_chunks(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.asgi_headers()})
        async for chunk in self.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)  # sending to a peer that is gone returns at once: let others have their turn


async def _disconnected(receive: Receive) -> None:
    with suppress(Exception):
        while (await receive())["type"] != "http.disconnect":
            pass


class _ThreadIterator:
    """Runs an asynchronous generator on a separate event loop, in the thread that iterates."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], end_stream: Callable[[], None]) -> None:
        self._chunks = chunks
        self.close = end_stream

    def __iter__(self) -> Iterator[bytes]:
        loop = asyncio.new_event_loop()
        try:
            while True:
                try:
                    yield loop.run_until_complete(anext(self._chunks))
                except StopAsyncIteration:
                    return
        finally:
            self.close()
            loop.run_until_complete(self._chunks.aclose())
            loop.close()
