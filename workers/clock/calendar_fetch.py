"""Fetch a calendar from a URL or a file, bounded in time and memory."""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import structlog
from yarl import URL

from webhook_app.domain.schedules.calendars.components import CalendarError
from webhook_app.domain.schedules.calendars.reading import CALENDAR_MAX_BYTES
from webhook_app.outbound.addresses import Network
from webhook_app.outbound.calendar_address import fetch_urls
from webhook_app.outbound.proxies import DIRECT, Proxies
from webhook_app.outbound.streaming import GuardedClient, PrivateAddressError, guarded_client
from webhook_app.store.calendar_texts import CalendarText
from webhook_app.text.error_messages import UNFORESEEN, os_error_text
from workers.regular_file import FileIdentity, FileReadError, RegularFile, read_changed_file

DEADLINE_S = 20.0
REDIRECTS_MAX = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"Accept": "text/calendar, */*;q=0.5", "Accept-Encoding": "gzip"}
CHUNK_BYTES = 65_536
VALIDATOR_MAX_CHARS = 500

log = structlog.get_logger()


class CalendarClient:
    """Fetches calendars over HTTP; refuses private addresses, also after redirects."""

    def __init__(self, client: GuardedClient, *, deadline_s: float = DEADLINE_S) -> None:
        self._client = client
        self._deadline_s = deadline_s

    async def fetch(self, source: str, cached: CalendarText | None) -> CalendarText | None:
        """Return a calendar's text, or None if it has not changed.

        Raises CalendarError with the reason if it cannot be fetched within the deadline.
        """
        reasons: list[str] = []
        try:
            async with asyncio.timeout(self._deadline_s):
                for url in fetch_urls(source):
                    try:
                        return await self._fetch_url(url, cached)
                    except (CalendarError, aiohttp.ClientError, OSError, ValueError) as error:
                        reasons.append(_reason(error))
        except TimeoutError:
            reasons.append(f"not received within {self._deadline_s:.0f} seconds")
        except ValueError as error:
            reasons.append(str(error))
        # For webcal: URLs both schemes were tried, so give both reasons.
        raise CalendarError(reasons[0] if len(set(reasons)) == 1 else f"by https: {reasons[0]}; by http: {reasons[-1]}")

    async def _fetch_url(self, url: str, cached: CalendarText | None) -> CalendarText | None:
        headers = {}
        if cached is not None and cached.etag:
            headers["If-None-Match"] = cached.etag
        if cached is not None and cached.last_modified:
            headers["If-Modified-Since"] = cached.last_modified
        address = URL(url, encoded=url.isascii())
        for _ in range(REDIRECTS_MAX + 1):
            async with await self._client.get(address, headers) as response:
                if response.status in _REDIRECTS and "Location" in response.headers:
                    address = _redirected(address, response.headers["Location"])
                    continue
                if response.status == 304 and cached is not None:
                    return None
                if response.status != 200:
                    raise CalendarError(f"the server answered {response.status}")
                raw = await _body(response)
                etag, last_modified = _validator(response, "ETag"), _validator(response, "Last-Modified")
                return CalendarText(raw, response.charset, etag, last_modified)
        raise CalendarError(f"more than {REDIRECTS_MAX} redirects")


@asynccontextmanager
async def calendar_client(
    allowed: Sequence[Network], proxies: Proxies = DIRECT, *, deadline_s: float = DEADLINE_S
) -> AsyncIterator[CalendarClient]:
    """Open a client while the body runs."""
    async with guarded_client(proxies, allowed, headers=_HEADERS) as client:
        yield CalendarClient(client, deadline_s=deadline_s)


def read_file(path: str, last_identity: FileIdentity | None) -> RegularFile | None:
    """Read a calendar file; None if it has not changed. Raises CalendarError with the reason if it is unreadable."""
    try:
        return read_changed_file(Path(path), CALENDAR_MAX_BYTES, last_identity)
    except FileReadError as error:
        raise CalendarError(f"the file {error}") from None


def _redirected(address: URL, location: str) -> URL:
    """Return the target of a redirect; credentials are kept on the same origin. Error messages quote no address."""
    try:
        target = address.join(URL(location))
        is_http = target.scheme in ("http", "https")
        if is_http and target.origin() == address.origin() and target.raw_user is None:
            target = target.with_user(address.user).with_password(address.password)
    except ValueError:
        raise CalendarError("redirected to an invalid address") from None
    if not is_http:
        raise CalendarError("redirected to an address that is not http:// or https://")
    return target


async def _body(response: aiohttp.ClientResponse) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise CalendarError(f"unsupported content encoding {encoding[:40]}")
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if "gzip" in encoding else None
    length = response.content_length
    if inflate is None and length is not None and length > CALENDAR_MAX_BYTES:
        raise CalendarError(_too_big(length))
    body = bytearray()
    try:
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            body += chunk if inflate is None else inflate.decompress(chunk, CALENDAR_MAX_BYTES + 1 - len(body))
            if len(body) > CALENDAR_MAX_BYTES or (inflate is not None and inflate.unconsumed_tail):
                raise CalendarError(_too_big(None))
    except zlib.error:
        raise CalendarError("invalid gzip data") from None
    except aiohttp.ClientPayloadError:
        raise CalendarError("truncated: the connection ended early") from None
    if inflate is not None and not inflate.eof and body:
        raise CalendarError("truncated: the gzip stream ended early")
    return bytes(body)


def _validator(response: aiohttp.ClientResponse, name: str) -> str | None:
    value = response.headers.get(name)
    return value if value is not None and len(value) <= VALIDATOR_MAX_CHARS and value.isprintable() else None


def _too_big(size: int | None) -> str:
    limit = f"a calendar may have at most {CALENDAR_MAX_BYTES // (1024 * 1024)} MiB"
    return limit if size is None else f"{limit}, this one has {size / (1024 * 1024):.1f} MiB"


def _reason(error: BaseException) -> str:
    """Describe an error without its own text, which would quote the address or received data."""
    match error:
        case CalendarError() | PrivateAddressError():
            return str(error)
        case aiohttp.InvalidURL():
            return "invalid address"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered {error.status}"
        case aiohttp.ClientProxyConnectionError():
            return f"the connection to the proxy could not be made: {_reason(error.os_error)}"
        case aiohttp.ClientResponseError():
            return "invalid HTTP response"
        case aiohttp.ConnectionTimeoutError() | TimeoutError():
            return "the connection could not be made in time"
        case aiohttp.ClientConnectorCertificateError():
            return os_error_text(ssl.SSLCertVerificationError())
        case aiohttp.ClientConnectorError():
            return f"the connection could not be made: {_reason(error.os_error)}"
        case aiohttp.ClientConnectionError():
            return "the connection was closed before the answer was complete"
        case OSError():
            return os_error_text(error)
    log.warning("calendar could not be fetched for an unexpected reason", error=f"{type(error).__name__}: {error}")
    return UNFORESEEN
