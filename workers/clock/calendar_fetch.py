"""Fetch a calendar from a URL or a file, bounded in time and memory."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import structlog
from yarl import URL

from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.failures import Failure
from webhook_app.domain.schedules.calendars.components import CalendarError
from webhook_app.domain.schedules.calendars.faults import CalendarFault
from webhook_app.domain.schedules.calendars.reading import CALENDAR_MAX_BYTES
from webhook_app.outbound.addresses import Network
from webhook_app.outbound.calendar_address import fetch_urls
from webhook_app.outbound.proxies import DIRECT, Proxies
from webhook_app.outbound.streaming import GuardedClient, PrivateAddressError, guarded_client
from webhook_app.store.calendar_texts import CalendarText
from webhook_app.text.error_messages import explain_os_error
from workers.regular_file import FileIdentity, FileReadError, RegularFile, read_changed_file

DEADLINE_S = 20.0
REDIRECTS_MAX = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"Accept": "text/calendar, */*;q=0.5", "Accept-Encoding": "gzip"}
CHUNK_BYTES = 65_536
VALIDATOR_MAX_CHARS = 500
MIB = 1024 * 1024

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
        reasons: list[Explanation] = []
        try:
            async with asyncio.timeout(self._deadline_s):
                for url in fetch_urls(source):
                    try:
                        return await self._fetch_url(url, cached)
                    except (CalendarError, aiohttp.ClientError, OSError, ValueError) as error:
                        reasons.append(explain_fetch_error(error))
        except TimeoutError:
            reasons.append(explain(CalendarFault.NOT_RECEIVED, seconds=round(self._deadline_s)))
        except ValueError as error:
            reasons.append(explain(CalendarFault.ADDRESS_UNUSABLE, error=error))
        # For webcal: URLs both schemes were tried, so give both reasons.
        if reasons[0] == reasons[-1]:
            raise CalendarError(reasons[0])
        raise CalendarError(CalendarFault.BY_SCHEME, https=reasons[0], http=reasons[-1])

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
                    raise CalendarError(CalendarFault.STATUS, status=response.status)
                raw = await _body(response)
                etag, last_modified = _validator(response, "ETag"), _validator(response, "Last-Modified")
                return CalendarText(raw, response.charset, etag, last_modified)
        raise CalendarError(CalendarFault.TOO_MANY_REDIRECTS, limit=REDIRECTS_MAX)


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
        raise CalendarError(CalendarFault.FILE, why=error.explanation) from None


def _redirected(address: URL, location: str) -> URL:
    """Return the target of a redirect; credentials are kept on the same origin. Error messages quote no address."""
    try:
        target = address.join(URL(location))
        is_http = target.scheme in ("http", "https")
        if is_http and target.origin() == address.origin() and target.raw_user is None:
            target = target.with_user(address.user).with_password(address.password)
    except ValueError:
        raise CalendarError(CalendarFault.REDIRECT_INVALID) from None
    if not is_http:
        raise CalendarError(CalendarFault.REDIRECT_NOT_HTTP)
    return target


async def _body(response: aiohttp.ClientResponse) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise CalendarError(CalendarFault.CONTENT_ENCODING, encoding=encoding[:40])
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if "gzip" in encoding else None
    length = response.content_length
    if inflate is None and length is not None and length > CALENDAR_MAX_BYTES:
        size_mib = f"{length / MIB:.1f}"
        raise CalendarError(CalendarFault.TOO_LARGE_BY, limit=CALENDAR_MAX_BYTES // MIB, size=size_mib)
    body = bytearray()
    try:
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            body += chunk if inflate is None else inflate.decompress(chunk, CALENDAR_MAX_BYTES + 1 - len(body))
            if len(body) > CALENDAR_MAX_BYTES or (inflate is not None and inflate.unconsumed_tail):
                raise CalendarError(CalendarFault.TOO_LARGE, limit=CALENDAR_MAX_BYTES // MIB)
    except zlib.error:
        raise CalendarError(CalendarFault.BAD_GZIP) from None
    except aiohttp.ClientPayloadError:
        raise CalendarError(CalendarFault.CONNECTION_CUT_SHORT) from None
    if inflate is not None and not inflate.eof and body:
        raise CalendarError(CalendarFault.GZIP_CUT_SHORT)
    return bytes(body)


def _validator(response: aiohttp.ClientResponse, name: str) -> str | None:
    value = response.headers.get(name)
    return value if value is not None and len(value) <= VALIDATOR_MAX_CHARS and value.isprintable() else None


def explain_fetch_error(error: BaseException) -> Explanation:
    """Explain an error without its own text, which would quote the address or received data."""
    match error:
        case CalendarError() | PrivateAddressError():
            return error.explanation
        case aiohttp.InvalidURL():
            return explain(Failure.INVALID_ADDRESS)
        case aiohttp.ClientHttpProxyError():
            return explain(Failure.PROXY_STATUS, status=error.status)
        case aiohttp.ClientProxyConnectionError():
            return explain(Failure.PROXY_CONNECT_FAILED, why=explain_fetch_error(error.os_error))
        case aiohttp.ClientResponseError():
            return explain(Failure.NOT_HTTP)
        case aiohttp.ConnectionTimeoutError() | TimeoutError():
            return explain(Failure.CONNECT_TIMED_OUT)
        case aiohttp.ClientConnectorCertificateError():
            return explain(Failure.TLS_UNTRUSTED)
        case aiohttp.ClientConnectorError():
            return explain(Failure.CONNECT_FAILED, why=explain_fetch_error(error.os_error))
        case aiohttp.ClientConnectionError():
            return explain(Failure.CLOSED_EARLY)
        case OSError():
            return explain_os_error(error)
    log.warning("calendar could not be fetched for an unexpected reason", error=f"{type(error).__name__}: {error}")
    return explain(Failure.UNFORESEEN)
