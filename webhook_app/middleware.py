"""API middleware: request ids, ETags, rate limiting, request logs."""

import re
import threading
from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_hex
from time import monotonic

import structlog
from flask import Flask, Response, g, request

from webhook_app.masking.url_masking import shown_url
from webhook_app.problems.problems import Problem
from webhook_app.runtime.logs import logger

PREFIX = "/api/"
EVENTS = "/api/v1/events/"
READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REQUEST_ID = "X-Request-Id"
SLOW_MS = 2_000
PATH_LOGGED_MAX_CHARS = 300
ETAG_MAX_BYTES = 4 * 1024 * 1024
log = logger()
_SO_FAR = re.compile(rb'"duration_s":[0-9.]+,(?="ended_at":null)')
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")


@dataclass(frozen=True)
class RateLimit:
    """The requests per second and role that one process accepts, and how many in a burst."""

    per_s: float = 300
    burst: float = 600


class TokenBucket:
    """Allows a rate of requests, and bursts up to the size of the bucket."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._left = limit.burst
        self._at = monotonic()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take a token; return whether there was one."""
        with self._lock:
            now = monotonic()
            self._left = min(self._limit.burst, self._left + (now - self._at) * self._limit.per_s)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


class RateLimiter:
    """One bucket per role, so two at most."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._buckets: dict[str, TokenBucket] = {}

    def check(self, role: str) -> None:
        """Raise Problem 429 when a role sends too many requests."""
        if not self._buckets.setdefault(role, TokenBucket(self._limit)).take():
            raise Problem(429, f"Rate limit exceeded ({self._limit.per_s:g} requests per second).")


def install(app: Flask) -> None:
    """Give each request an id, each polled response an ETag, and log requests."""

    @app.before_request
    def begin() -> None:
        g.started_at = monotonic()
        g.request_id = request_id_of(request.headers.get(REQUEST_ID, "")) or token_hex(8)
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers[REQUEST_ID] = g.get("request_id") or token_hex(8)
        _log(response)
        if request.method in ("GET", "HEAD") and request.path.startswith(PREFIX) and _polled(response):
            response.headers.setdefault("Cache-Control", "private, no-cache")
            if "ETag" not in response.headers:
                response.set_etag(*_etag(response.get_data()))
            response.make_conditional(request)
        return response

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        structlog.contextvars.unbind_contextvars("request_id")


def request_id_of(sent_id: str) -> str | None:
    """Return the id that a client sent, None if it is malformed."""
    return sent_id if _WELL_FORMED.fullmatch(sent_id) else None


def _log(response: Response) -> None:
    """Log changes, and slow requests; other reads only at debug level."""
    took_ms = round((monotonic() - g.get("began", monotonic())) * 1000)
    fields = {
        "method": request.method,
        "path": _logged_path(request.path),
        "status": response.status_code,
        "ms": took_ms,
    }
    if request.method not in READ_METHODS:
        location = response.headers.get("Location", "")
        if location.startswith(EVENTS):
            fields["event_id"] = location.removeprefix(EVENTS)
        log.info("request", **fields)
    elif took_ms > SLOW_MS:
        log.warning("slow request", **fields)
    else:
        log.debug("request", **fields)


def _logged_path(path: str) -> str:
    """Mask secrets in a path: one that resembles the webhook address may contain its token."""
    return shown_url(f"http://host{path}").removeprefix("http://host")[:PATH_LOGGED_MAX_CHARS]


def _etag(body: bytes) -> tuple[str, bool]:
    """Return an ETag, and whether it is weak: the growing duration of live streams does not count as a change."""
    stable = _SO_FAR.sub(b"", body)
    return blake2b(stable, digest_size=10).hexdigest(), len(stable) != len(body)


def _polled(response: Response) -> bool:
    return (
        response.status_code == 200
        and not response.direct_passthrough
        and (response.content_length or 0) <= ETAG_MAX_BYTES
    )
