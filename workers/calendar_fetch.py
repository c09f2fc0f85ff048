"""Fetching one calendar, from a server or a file: bounded in time and memory."""

import asyncio
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from webhook_app.addresses import Network, refused
from webhook_app.calendar_address import fetch_urls
from webhook_app.domain.schedules.calendars.components import CalendarError
from webhook_app.domain.schedules.calendars.reading import CALENDAR_MAX_BYTES
from webhook_app.store.calendar_texts import CalendarText
from workers.regular_file import FileIdentity, FileReadError, RegularFile, read_changed_file

DEADLINE_S = 20.0
CONNECT_TIMEOUT_S = 5.0
REDIRECTS_MAX = 3
CHUNK_BYTES = 65_536
VALIDATOR_MAX_CHARS = 500
MESSAGE_MAX_CHARS = 100


class CalendarClient:
    """Fetches calendars over HTTP from addresses that are not inside, redirects included."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def fetch(self, source: str, known: CalendarText | None) -> CalendarText | None:
        """A calendar's text, or None when it is the one that is known already.

        CalendarError with the reason when it cannot be had within the deadline.
        """
        reasons: list[str] = []
        try:
            async with asyncio.timeout(DEADLINE_S):
                for url in fetch_urls(source):
                    try:
                        return await self._fetch_url(url, known)
                    except (CalendarError, aiohttp.ClientError, OSError, ValueError) as error:
                        reasons.append(_reason(error))
        except TimeoutError:
            reasons.append(f"not there within {DEADLINE_S:.0f} seconds")
        except ValueError as error:
            reasons.append(str(error))
        # For webcal both schemes were tried: the reasons tell which failed how.
        raise CalendarError(reasons[0] if len(set(reasons)) == 1 else f"by https: {reasons[0]}; by http: {reasons[-1]}")

    async def _fetch_url(self, url: str, known: CalendarText | None) -> CalendarText | None:
        headers = {}
        if known is not None and known.etag:
            headers["If-None-Match"] = known.etag
        if known is not None and known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        address = URL(url, encoded=url.isascii())
        async with self._session.get(address, headers=headers, max_redirects=REDIRECTS_MAX) as response:
            if response.status == 304 and known is not None:
                return None
            if response.status != 200:
                raise CalendarError(f"the server answers {response.status}")
            raw = await _body(response)
            return CalendarText(
                raw, response.charset, _validator(response, "ETag"), _validator(response, "Last-Modified")
            )


@asynccontextmanager
async def calendar_client(allowed: Sequence[Network]) -> AsyncIterator[CalendarClient]:
    """A client for as long as the body runs."""
    connector = aiohttp.TCPConnector(
        ssl=_tls(),
        socket_factory=_guarded(tuple(allowed)),
        use_dns_cache=False,
        force_close=True,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
        headers={
            "User-Agent": f"Tallylight/{version('tallylight')}",
            "Accept": "text/calendar, */*;q=0.5",
            "Accept-Encoding": "gzip",
        },
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        yield CalendarClient(session)


def read_file(path: str, known: FileIdentity | None) -> RegularFile | None:
    """Read a calendar's file, None when it is the version that is known; CalendarError with the reason otherwise."""
    try:
        return read_changed_file(Path(path), CALENDAR_MAX_BYTES, known)
    except FileReadError as error:
        raise CalendarError(f"the file {error}") from None


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Made once: reading the authorities takes a moment."""
    return ssl.create_default_context()


def _guarded(allowed: tuple[Network, ...]) -> Callable[[Any], socket.socket]:
    def make(info: Any) -> socket.socket:
        family, kind, proto, _, address = info
        if refused(address[0], allowed):
            raise OSError(f"{address[0]} is private, loopback or reserved; ALLOW_NETWORKS can allow it")
        return socket.socket(family=family, type=kind, proto=proto)

    return make


async def _body(response: aiohttp.ClientResponse) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise CalendarError(f"sent as {encoding[:40]}, which was not asked for")
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
        raise CalendarError("sent as gzip, but it is not") from None
    except aiohttp.ClientPayloadError:
        raise CalendarError("cut short: the connection ended early") from None
    if inflate is not None and not inflate.eof and body:
        raise CalendarError("cut short: the gzip stream ended early")
    return bytes(body)


def _validator(response: aiohttp.ClientResponse, name: str) -> str | None:
    value = response.headers.get(name)
    return value if value is not None and len(value) <= VALIDATOR_MAX_CHARS and value.isprintable() else None


def _too_big(size: int | None) -> str:
    limit = f"a calendar is at most {CALENDAR_MAX_BYTES // (1024 * 1024)} MiB"
    return limit if size is None else f"{limit}, this one has {size / (1024 * 1024):.1f} MiB"


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.TooManyRedirects):
        return f"more than {REDIRECTS_MAX} redirects"
    # The texts of these errors quote the address of a redirect, or what came in place of a header.
    if isinstance(error, aiohttp.NonHttpUrlClientError):
        return "sent on to an address that is no http:// or https://"
    if isinstance(error, aiohttp.InvalidURL):
        return "sent on to an address that cannot be read"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the answer cannot be read as HTTP: {error.message.partition(chr(10))[0][:MESSAGE_MAX_CHARS]}"
    if isinstance(error, aiohttp.ConnectionTimeoutError | TimeoutError):
        return "the connection could not be made in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"the connection could not be made: {_reason(error.os_error)}"
    if isinstance(error, OSError) and error.strerror and not isinstance(error, aiohttp.ClientError):
        return error.strerror
    return str(error) or type(error).__name__
