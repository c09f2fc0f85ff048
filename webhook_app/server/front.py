"""The ASGI application of a web process: routes each request to a Flask app, within limits.

1. Webhooks run on the event loop itself: their body is read, then Flask verifies and parses it (a fraction of a
   millisecond), then the response waits for the append that many share.
2. Health checks run on threads of their own, so that they answer when everything else is busy.
3. The rest (API, console, live links, metrics) runs on a pool of threads, each request with its body complete.
"""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from webhook_app.problems.reasons import reason_of
from webhook_app.runtime.logs import logger
from webhook_app.server.body import (
    BodyBrokenError,
    BodyMemory,
    BodyMemoryFullError,
    BodyTimeoutError,
    BodyTooLargeError,
    Receive,
    announced_length,
    read_body,
)
from webhook_app.server.forwarding import Forwarding
from webhook_app.server.handoff import Exchange, Send, send_response
from webhook_app.server.wsgi_bridge import WsgiAnswer, call, environ_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

KIB = 1024
WEBHOOK_BODY_MAX_BYTES = 256 * KIB
REQUEST_BODY_MAX_BYTES = 1024 * KIB
HEALTH_PATHS = ("/healthz", "/readyz")
HEALTH_THREADS = 4
WAITING_MAX = 1_024
RETRY_AFTER_S = 2

log = logger()


@dataclass(frozen=True, slots=True)
class FrontLimits:
    """Limits on the requests of one process.

    `shared_body_bytes` is for webhooks and for all other requests each: who may send only the others, as webhooks need
    a token, cannot keep webhooks waiting.
    """

    webhook_body_max_bytes: int = WEBHOOK_BODY_MAX_BYTES
    request_body_max_bytes: int = REQUEST_BODY_MAX_BYTES
    body_timeout_s: float = 10.0
    free_body_bytes: int = 64 * KIB
    shared_body_bytes: int = 64 * KIB * KIB
    waiting_requests: int = WAITING_MAX


class RefusalError(Exception):
    """A request that is answered before it reaches Flask."""

    def __init__(self, status: int, title: str, *, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.headers = headers


CountOutcome = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WebhookApp:
    """The receiver's Flask app, what is refused by the head alone, and who counts refusals by outcome."""

    app: "WSGIApplication"
    handles_path: Callable[[str], bool]
    refuse_head: Callable[[str, list[tuple[bytes, bytes]]], RefusalError | None]
    count: CountOutcome


class _Responses:
    """Counts the requests that came in whole and have not been answered yet."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *error: object) -> None:
        self.count -= 1


class Front:
    """The ASGI application."""

    def __init__(
        self,
        rest: "WSGIApplication",
        webhooks: WebhookApp | None,
        *,
        threads: int,
        limits: FrontLimits | None = None,
        forwarding: Forwarding | None = None,
    ) -> None:
        self.on_start: Callable[[], None] = lambda: None
        self.background: set[asyncio.Task[None]] = set()
        self._rest = rest
        self._webhooks = webhooks
        self._limits = limits or FrontLimits()
        self._forwarding = forwarding or Forwarding(None, ())
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._health_pool = ThreadPoolExecutor(HEALTH_THREADS, thread_name_prefix="health")
        self._requests = 0
        self._responses = _Responses()
        self._draining = asyncio.Event()
        self._webhook_memory = self._body_memory()
        self._request_memory = self._body_memory()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection: lifespan, a webhook, or a request for Flask."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    def drain(self) -> None:
        """End open streams because the process is about to stop. Call it on the event loop."""
        self._draining.set()

    @property
    def is_responding(self) -> bool:
        """Whether a completely received request has not been answered yet."""
        return self._responses.count > 0

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.on_start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Any, receive: Receive, send: Send) -> None:
        webhooks = self._webhooks
        try:
            scope = self._forwarding.applied(scope)
            if webhooks is not None and webhooks.handles_path(scope["path"]):
                await self._webhook(webhooks, scope, receive, send)
            else:
                await self._request(scope, receive, send)
        except BodyBrokenError:
            await _refuse(send, RefusalError(400, "The request's body broke off."))
        except RefusalError as refusal:
            await _refuse(send, refusal)
        except Exception:
            log.exception("a request failed", method=scope["method"])
            await _refuse(send, RefusalError(500, "Internal error. See the log."))

    async def _webhook(self, webhooks: WebhookApp, scope: Any, receive: Receive, send: Send) -> None:
        refusal = webhooks.refuse_head(scope["path"], scope["headers"]) if scope["method"] == "POST" else None
        if refusal is not None:
            raise refusal
        try:
            async with self._body(scope, receive, self._webhook_memory, self._limits.webhook_body_max_bytes) as body:
                with self._responses:
                    answer = call(webhooks.app, environ_of(scope, body))
                    await self._send(answer, scope, receive, send)
        except BodyTooLargeError:
            webhooks.count("too-large")
            raise RefusalError(413, f"a webhook is at most {self._limits.webhook_body_max_bytes} bytes") from None
        except BodyTimeoutError:
            webhooks.count("too-slow")
            raise RefusalError(408, "the webhook's body was not received in time") from None
        except BodyMemoryFullError:
            webhooks.count("overloaded")
            raise _memory_full() from None

    async def _request(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            async with self._body(scope, receive, self._request_memory, self._limits.request_body_max_bytes) as body:
                with self._responses:
                    answer = await self._call_in_thread(scope, body)
        except BodyTooLargeError:
            raise RefusalError(413, f"a request is at most {self._limits.request_body_max_bytes} bytes") from None
        except BodyTimeoutError:
            raise RefusalError(408, "the request's body was not received in time") from None
        except BodyMemoryFullError:
            raise _memory_full() from None
        with self._responses:
            await self._send(answer, scope, receive, send)

    async def _call_in_thread(self, scope: Any, body: bytes) -> WsgiAnswer:
        is_health = scope["path"] in HEALTH_PATHS
        if not is_health and self._requests >= self._limits.waiting_requests:
            raise RefusalError(503, "too many requests are waiting; try again", headers=_RETRY_AFTER)
        self._requests += 1
        try:
            pool = self._health_pool if is_health else self._pool
            return await asyncio.get_running_loop().run_in_executor(pool, call, self._rest, environ_of(scope, body))
        finally:
            self._requests -= 1

    async def _send(self, answer: WsgiAnswer, scope: Any, receive: Receive, send: Send) -> None:
        response = answer.handed_off
        if response is None:
            await send_response(send, answer.status, answer.headers, answer.body)
        elif scope["method"] == "HEAD":
            response.discard()
            await send_response(send, response.status_code, response.asgi_headers(), b"")
        else:
            await response.respond(Exchange(receive, send, self._draining))

    def _body_memory(self) -> BodyMemory:
        return BodyMemory(free_bytes=self._limits.free_body_bytes, shared_bytes=self._limits.shared_body_bytes)

    def _body(
        self, scope: Any, receive: Receive, memory: BodyMemory, max_bytes: int
    ) -> AbstractAsyncContextManager[bytes]:
        length = announced_length(scope["headers"])
        if length is not None and length > max_bytes:
            raise BodyTooLargeError
        if length is None and scope["method"] in ("GET", "HEAD"):
            return nullcontext(b"")
        return read_body(receive, memory, max_bytes=max_bytes, timeout_s=self._limits.body_timeout_s)


_RETRY_AFTER = ((b"retry-after", str(RETRY_AFTER_S).encode()),)


def _memory_full() -> RefusalError:
    return RefusalError(503, "too many large requests are under way; try again", headers=_RETRY_AFTER)


async def _refuse(send: Send, refusal: RefusalError) -> None:
    body = json.dumps({"title": refusal.title, "status": refusal.status, "reason": reason_of(refusal.status)}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close"), *refusal.headers]
    with suppress(Exception):  # the response may have begun
        await send_response(send, refusal.status, headers, body)
