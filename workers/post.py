"""One attempt at a delivery: a signed POST to an endpoint that must be outside, bounded in time and size."""

import asyncio
import base64
import hmac
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import perf_counter, time
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from webhook_app.addresses import Network, refused
from webhook_app.domain.subscribers import RESPONSE_KEPT_BYTES
from workers.resolving import Resolver

CONNECT_TIMEOUT_S = 5.0
TOTAL_TIMEOUT_S = 15.0
BODY_TIMEOUT_S = 2.0
CONNECTIONS_MAX = 2_048
KEEP_ALIVE_S = 30.0
RETRY_AFTER_MAX_S = 86_400
USER_AGENT = "Tallylight/0.1 (Standard Webhooks)"


class BlockedAddressError(OSError):
    """The endpoint's address is inside, and no setting allows it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one POST came to; `sent` is false when nothing went out, which says nothing about the endpoint."""

    status: int | None
    error: str | None
    duration_ms: int
    response: str = ""
    retry_after_ms: int | None = None
    sent: bool = True


class Poster:
    """Posts over pooled connections; one for each event loop."""

    def __init__(self, *, allowed: Sequence[Network], exempt_url: str | None = None) -> None:
        self._allowed = tuple(allowed)
        self._exempt = _port_of(exempt_url)
        self._resolver = Resolver()
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS_MAX,
            limit_per_host=0,
            resolver=self._resolver,
            ttl_dns_cache=30,
            keepalive_timeout=KEEP_ALIVE_S,
            socket_factory=self._socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=TOTAL_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S),
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": USER_AGENT},
        )

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        """POST once. Any answer settles it, redirects are not followed; never raises."""
        began = perf_counter()
        try:
            # Sent as it was given: what a URL's escapes mean is its owner's business.
            at = _parsed(url)
            async with self._session.post(at, data=body, headers=headers, allow_redirects=False) as answer:
                duration_ms, kept = _since(began), (await _kept(answer)).decode("utf-8", "replace")
                if 200 <= answer.status < 300:
                    return Reply(answer.status, None, duration_ms, kept)
                wait_ms = retry_after(answer.headers.get("Retry-After"), time())
                return Reply(answer.status, "status", duration_ms, kept, retry_after_ms=wait_ms)
        except BlockedAddressError:
            return Reply(None, "blocked", _since(began))
        except (TimeoutError, aiohttp.ServerTimeoutError):
            return Reply(None, "timeout", _since(began))
        except aiohttp.ClientConnectorDNSError:
            return Reply(None, "dns", _since(began))
        except (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError):
            return Reply(None, "tls", _since(began))
        except aiohttp.ClientConnectorError as error:
            blocked = isinstance(error.os_error, BlockedAddressError)
            return Reply(None, "blocked" if blocked else "refused", _since(began))
        except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError):
            return Reply(None, "refused", _since(began))

    async def close(self) -> None:
        """Close the pool."""
        await self._session.close()
        await self._resolver.close()

    def _socket(self, info: Any) -> socket.socket:
        family, kind, proto, _, address = info
        if refused(address[0], self._allowed) and not self._is_exempt(address):
            # Where a name has several addresses, and each is refused in the same words, this very error comes out.
            raise BlockedAddressError("the address is not outside")
        return socket.socket(family=family, type=kind, proto=proto)

    def _is_exempt(self, address: Any) -> bool:
        return self._exempt is not None and self._exempt == (address[0], address[1])


def standard_headers(notice_id: str, at_s: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
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


def body_of(content: Any) -> bytes:
    """A notice's JSON as it is sent and signed."""
    return msgspec.json.encode(content)


@lru_cache(maxsize=10_000)
def _key(secret: str) -> bytes:
    return base64.b64decode(secret)


@lru_cache(maxsize=10_000)
def _parsed(url: str) -> URL:
    return URL(url, encoded=url.isascii())


async def _kept(answer: aiohttp.ClientResponse) -> bytes:
    """What is kept of the body. The status has settled the attempt: a body that breaks off, or never ends, is fine."""
    if answer.content.is_eof():
        return answer.content.read_nowait(RESPONSE_KEPT_BYTES)
    kept = b""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while len(kept) < RESPONSE_KEPT_BYTES:
                piece = await answer.content.read(RESPONSE_KEPT_BYTES - len(kept))
                if not piece:
                    break
                kept += piece
    except (TimeoutError, aiohttp.ClientError):
        pass
    return kept


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


def _since(began: float) -> int:
    return round((perf_counter() - began) * 1000)


def _port_of(url: str | None) -> tuple[str, int] | None:
    if url is None:
        return None
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return host, parts.port or 80
