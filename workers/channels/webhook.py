"""Sends notices as signed webhooks (Standard Webhooks 1.0.0) to http(s) endpoints."""

import base64
import hmac
import socket
import ssl
from binascii import b2a_base64
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import perf_counter, time
from typing import Any

import msgspec

from webhook_app.domain.delivery.delivery import AttemptError
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.masking.masked_excerpt import masked_excerpt
from workers.channels.blocked import BlockedAddressError
from workers.channels.http.client import HttpClient
from workers.channels.http.connection import NotHttpError, UnansweredError
from workers.channels.port import AttemptResult, Message
from workers.channels.settings import ChannelSettings

SECRETS_CACHED = 10_000
RETRY_AFTER_MAX_S = 86_400


class WebhookChannel:
    """POSTs each notice once per attempt.

    Any 2xx status line is a success, whatever follows it. Redirects are not followed. Addresses inside are refused as
    they are connected to, after the name was resolved.
    """

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def send(self, message: Message, subscriber: Subscriber, *, room: ConfiguredRoom | None) -> AttemptResult:
        """Sign and POST a notice."""
        now_s = time()
        secrets = subscriber.secrets(int(now_s * 1000))
        headers = signed_headers(message.notice.notice_id, int(now_s), message.body, secrets)
        return await self.post(subscriber.url, message.body, headers)

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> AttemptResult:
        """POST a body once; no endpoint makes it raise.

        Without a status, `response` holds what came instead, or the reason why nothing was sent.
        """
        started, received = perf_counter(), ""
        try:
            response = await self._client.post(url, body, headers)
        except BlockedAddressError as blocked:
            error, received = AttemptError.BLOCKED, str(blocked)
        except NotHttpError as unreadable:
            error, received = AttemptError.NOT_HTTP, unreadable.received.decode("utf-8", "replace")
        except UnansweredError:
            error = AttemptError.NOT_HTTP
        except TimeoutError:
            error = AttemptError.TIMEOUT
        except socket.gaierror:
            error = AttemptError.DNS
        except ssl.SSLError:
            error = AttemptError.TLS
        except (OSError, ValueError):
            error = AttemptError.REFUSED
        else:
            duration_ms = round((response.received_at - started) * 1000)
            text = _masked(response.body.decode("utf-8", "replace"), url)
            if 200 <= response.status < 300:
                return AttemptResult(response.status, None, duration_ms, text)
            wait_ms = parse_retry_after(response.retry_after, time())
            return AttemptResult(response.status, AttemptError.STATUS, duration_ms, text, retry_after_ms=wait_ms)
        return AttemptResult(None, error, round((perf_counter() - started) * 1000), _masked(received, url))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def open_channel(settings: ChannelSettings) -> WebhookChannel:
    """Build the channel with a client of its own."""
    return WebhookChannel(HttpClient(allowed=settings.allowed, exempt_url=settings.sandbox_url, limits=settings.http))


def signed_headers(notice_id: str, at_s: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0.0, signed with each secret (base64, without `whsec_`), the newest first."""
    content = f"{notice_id}.{at_s}.".encode() + body
    signatures = " ".join([_signature(content, secret) for secret in secrets])
    return {
        "content-type": "application/json",
        "webhook-id": notice_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": signatures,
    }


def encode_body(content: Any) -> bytes:
    """A notice's JSON as it is sent and signed."""
    return msgspec.json.encode(content)


def parse_retry_after(value: str | None, now_s: float) -> int | None:
    """A Retry-After header as ms from now: seconds, or an HTTP date (RFC 9110, section 10.2.3)."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        seconds = float(text[:9])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_s
        except (ValueError, IndexError, OverflowError):
            return None
    return round(min(max(seconds, 0.0), RETRY_AFTER_MAX_S) * 1000)


def _masked(text: str, url: str) -> str:
    """Mask the request path, which an endpoint may quote: anyone with read access sees the delivery."""
    return masked_excerpt(text, url) if text else text


def _signature(content: bytes, secret: str) -> str:
    mac = _empty_mac(secret).copy()  # a third of the time that it takes from the key
    mac.update(content)
    return "v1," + b2a_base64(mac.digest(), newline=False).decode()


@lru_cache(maxsize=SECRETS_CACHED)
def _empty_mac(secret: str) -> hmac.HMAC:
    return hmac.new(base64.b64decode(secret), digestmod="sha256")
