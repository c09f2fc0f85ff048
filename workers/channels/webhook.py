"""One attempt at a delivery: a signed POST to an endpoint that must be outside, bounded in time and size."""

import asyncio
import base64
import hmac
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import perf_counter, time
from typing import Any

import msgspec

from webhook_app.domain.delivery.delivery import RESPONSE_KEPT_BYTES
from webhook_app.outbound.addresses import Network
from workers.channels.http.connection import HttpConnection, HttpResponse, NotHttpError, UnansweredError
from workers.channels.http.connector import BlockedAddressError, Connector
from workers.channels.http.pool import ConnectionPool
from workers.channels.http.target import RequestTarget, parse_target

TOTAL_TIMEOUT_S = 15.0
BODY_TIMEOUT_S = 2.0
RETRY_AFTER_MAX_S = 86_400


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What one POST came to; `sent` is false when nothing went out, which says nothing about the endpoint."""

    status: int | None
    error: str | None
    duration_ms: int
    response: str = ""
    retry_after_ms: int | None = None
    sent: bool = True


class WebhookChannel:
    """Posts over connections that are kept for the next time; one for each event loop."""

    def __init__(self, *, allowed: Sequence[Network], exempt_url: str | None = None) -> None:
        self._connector = Connector(allowed=allowed, exempt_url=exempt_url)
        self._pool = ConnectionPool()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> AttemptResult:
        """POST once. Any status line settles it, redirects are not followed; no endpoint makes it raise.

        Without a status, `response` holds what came instead, or the reason why nothing was sent.
        """
        began, received = perf_counter(), ""
        try:
            to = parse_target(url)
            answer = await self._ask(to, to.request(headers, body), began + TOTAL_TIMEOUT_S)
        except BlockedAddressError as blocked:
            error, received = "blocked", str(blocked)
        except NotHttpError as unreadable:
            error, received = "not-http", unreadable.received.decode("utf-8", "replace")
        except UnansweredError:
            error = "not-http"
        except TimeoutError:
            error = "timeout"
        except socket.gaierror:
            error = "dns"
        except ssl.SSLError:
            error = "tls"
        except (OSError, ValueError):
            error = "refused"
        else:
            duration_ms, kept = round((answer.at - began) * 1000), answer.body.decode("utf-8", "replace")
            if 200 <= answer.status < 300:
                return AttemptResult(answer.status, None, duration_ms, kept)
            wait_ms = retry_after(answer.retry_after, time())
            return AttemptResult(answer.status, "status", duration_ms, kept, retry_after_ms=wait_ms)
        return AttemptResult(None, error, round((perf_counter() - began) * 1000), received)

    async def close(self) -> None:
        """Close the connections."""
        self._pool.close()
        await self._connector.close()

    async def _ask(self, to: RequestTarget, request: bytes, by: float) -> HttpResponse:
        wire = self._pool.take(to)
        if wire is not None:
            try:
                return await self._pool.ask(to, wire, request, by)
            except UnansweredError:
                pass  # it had been closed while it was idle; what was sent has its id, should it have been heard
        async with asyncio.timeout(by - perf_counter()):
            wire = await self._connector.connect(to, _wire)
        return await self._pool.ask(to, wire, request, by)


def _wire() -> HttpConnection:
    return HttpConnection(kept_bytes=RESPONSE_KEPT_BYTES, body_timeout_s=BODY_TIMEOUT_S)


def signed_headers(notice_id: str, at_s: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0.0: every secret signs, the newest first."""
    content = f"{notice_id}.{at_s}.".encode() + body
    signatures = " ".join(
        "v1," + base64.b64encode(hmac.digest(_key(secret), content, "sha256")).decode() for secret in secrets
    )
    return {
        "content-type": "application/json",
        "webhook-id": notice_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": signatures,
    }


def encode_body(content: Any) -> bytes:
    """A notice's JSON as it is sent and signed."""
    return msgspec.json.encode(content)


@lru_cache(maxsize=10_000)
def _key(secret: str) -> bytes:
    return base64.b64decode(secret)


def retry_after(value: str | None, now_s: float) -> int | None:
    """A Retry-After header as ms from now: seconds, or a date of HTTP (RFC 9110, 10.2.3)."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        seconds = float(text[:9])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_s
        except (ValueError, IndexError, OverflowError):
            return None
    return round(min(max(seconds, 0.0), RETRY_AFTER_MAX_S) * 1000)
