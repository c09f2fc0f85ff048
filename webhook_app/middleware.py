"""Manners of the API's answers: a request id, an ETag where one polls, and a limit to how often one asks."""

import re
import threading
from hashlib import blake2b
from secrets import token_hex
from time import monotonic

import structlog
from flask import Flask, Response, g, request

from webhook_app.ops.logs import logger
from webhook_app.problems.problems import Problem
from webhook_app.text.masking import shown_url

PREFIX = "/api/"
EVENTS = "/api/v1/events/"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
REQUEST_ID = "X-Request-Id"
SLOW_MS = 2_000
PATH_LOGGED_MAX_CHARS = 300
RATE_PER_S = 300
BURST = 600
ETAG_MAX_BYTES = 4 * 1024 * 1024
log = logger()
_SO_FAR = re.compile(rb'"duration_s":[0-9.]+,(?="ended_at":null)')
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")


class Bucket:
    """Tokens that run in at a rate and are taken one a request."""

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rate = rate_per_s
        self._burst = burst
        self._left = burst
        self._at = monotonic()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """One, if there is one."""
        with self._lock:
            now = monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._rate)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


class Limits:
    """A bucket for each token that is one of ours; there are two at most."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}

    def check(self, who: str) -> None:
        """Refuse with 429 when this one has asked too often."""
        if not self._buckets.setdefault(who, Bucket(RATE_PER_S, BURST)).take():
            raise Problem(429, f"More than {RATE_PER_S} requests a second; wait a moment.")


def install(app: Flask) -> None:
    """Give every request an id, and every answer that is polled an ETag."""

    @app.before_request
    def begin() -> None:
        g.began = monotonic()
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


def request_id_of(given: str) -> str | None:
    """A request's own id, if it is well formed."""
    return given if _WELL_FORMED.fullmatch(given) else None


def _log(response: Response) -> None:
    """What changes something is worth a line, and what took long; looking is not."""
    took_ms = round((monotonic() - g.get("began", monotonic())) * 1000)
    said = {"method": request.method, "path": _logged_path(request.path), "status": response.status_code, "ms": took_ms}
    if request.method not in READING:
        ordered = response.headers.get("Location", "")
        if ordered.startswith(EVENTS):
            said["event_id"] = ordered.removeprefix(EVENTS)
        log.info("asked", **said)
    elif took_ms > SLOW_MS:
        log.warning("a slow answer", **said)
    else:
        log.debug("answered", **said)


def _logged_path(path: str) -> str:
    """A path as the log may show it: one that nearly is the webhooks' address may hold their token."""
    return shown_url(f"http://host{path}").removeprefix("http://host")[:PATH_LOGGED_MAX_CHARS]


def _etag(body: bytes) -> tuple[str, bool]:
    """An ETag and whether it is a weak one: that a live stream has gone on for a moment longer is no change."""
    lasting = _SO_FAR.sub(b"", body)
    return blake2b(lasting, digest_size=10).hexdigest(), len(lasting) != len(body)


def _polled(response: Response) -> bool:
    return (
        response.status_code == 200
        and not response.direct_passthrough
        and (response.content_length or 0) <= ETAG_MAX_BYTES
    )
