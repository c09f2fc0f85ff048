"""Texts of fetched calendars, to be read again when the horizon moves, and for conditional requests.

A cache of the process that fetches calendars; the reducer never reads it.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client

STORED_MAX_BYTES = 4 * 1024 * 1024
TEXT_MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CalendarText:
    """A fetched calendar: its bytes, the charset that the server named, and the validators of conditional requests."""

    raw: bytes
    charset: str | None = None
    etag: str | None = None
    last_modified: str | None = None


class CalendarTexts:
    """Stores the last good text of each calendar, compressed; texts that are too large for the store are left out."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, source: str) -> CalendarText | None:
        """The last good text; None when none is stored or readable."""
        stored = self._client.hget(keys.CALENDAR_TEXTS, source)
        if stored is None:
            return None
        try:
            packed = _decode(stored)
            inflate = zlib.decompressobj()
            raw = inflate.decompress(packed.raw, TEXT_MAX_BYTES)
        except (msgspec.MsgspecError, zlib.error):
            return None
        return CalendarText(raw, packed.charset, packed.etag, packed.last_modified) if inflate.eof else None

    def put(self, source: str, text: CalendarText) -> None:
        """Replace a calendar's text."""
        packed = msgspec.msgpack.encode(
            CalendarText(zlib.compress(text.raw), text.charset, text.etag, text.last_modified)
        )
        if len(packed) <= STORED_MAX_BYTES:
            self._client.hset(keys.CALENDAR_TEXTS, source, packed)
        else:
            self._client.hdel(keys.CALENDAR_TEXTS, source)

    def keep_only(self, sources: Iterable[str]) -> None:
        """Drop the texts of calendars that no rule names."""
        in_use = {source.encode() for source in sources}
        unused = [source for source in self._client.hkeys(keys.CALENDAR_TEXTS) if source not in in_use]
        if unused:
            self._client.hdel(keys.CALENDAR_TEXTS, *unused)


_decode = msgspec.msgpack.Decoder(CalendarText).decode
