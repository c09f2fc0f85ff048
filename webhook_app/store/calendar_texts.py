"""Texts of fetched calendars: to read again when the horizon moves on, and to ask a server for changes only.

A cache of the process that fetches calendars. Folding never reads it.
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
    """A calendar as it was fetched: octets, the charset the server named, and what tells this version from others."""

    raw: bytes
    charset: str | None = None
    etag: str | None = None
    last_modified: str | None = None


class CalendarTexts:
    """Keeps the last good text of each calendar, compressed; one that stays too long for the store is not kept."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, source: str) -> CalendarText | None:
        """The last good text, None when there is none that can be read."""
        stored = self._client.hget(keys.CALENDAR_TEXTS, source)
        if stored is None:
            return None
        try:
            kept = _decode(stored)
            inflate = zlib.decompressobj()
            raw = inflate.decompress(kept.raw, TEXT_MAX_BYTES)
        except (msgspec.MsgspecError, zlib.error):
            return None
        return CalendarText(raw, kept.charset, kept.etag, kept.last_modified) if inflate.eof else None

    def put(self, source: str, text: CalendarText) -> None:
        """Keep a text in place of the last one."""
        packed = msgspec.msgpack.encode(
            CalendarText(zlib.compress(text.raw), text.charset, text.etag, text.last_modified)
        )
        if len(packed) <= STORED_MAX_BYTES:
            self._client.hset(keys.CALENDAR_TEXTS, source, packed)
        else:
            self._client.hdel(keys.CALENDAR_TEXTS, source)

    def keep_only(self, sources: Iterable[str]) -> None:
        """Drop the texts of calendars that no rule names."""
        kept = {source.encode() for source in sources}
        gone = [source for source in self._client.hkeys(keys.CALENDAR_TEXTS) if source not in kept]
        if gone:
            self._client.hdel(keys.CALENDAR_TEXTS, *gone)


_decode = msgspec.msgpack.Decoder(CalendarText).decode
