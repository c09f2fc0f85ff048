"""The outbox: notices in the order in which they were emitted, kept as long as the journal.

Each notice is expanded once, into a delivery for each subscriber whose filter matches. A delivery names its notice by
its entry in this stream, so that a notice is stored once however many subscribers get it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from typing import Any

from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.notices.notice import Notice
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.queue import LEASE_MS, PARK_MS, VERSION_KEYS, Version
from webhook_app.store.scripts import lua

_CURSOR_MOVED = -1


class ExpandResult(IntEnum):
    """The result of making a delivery; the codes of `expand_outbox.lua`."""

    EXISTED = 0
    WAITING = 1  # due, or behind others of its room
    LEASED = 2  # to the caller, who sends it without claiming it


_RESULTS = (ExpandResult.EXISTED, ExpandResult.WAITING, ExpandResult.LEASED)  # by code


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A notice and the id of its entry in the outbox."""

    entry: str
    notice: Notice


@dataclass(frozen=True, slots=True)
class Expansion:
    """A piece of the outbox with its deliveries.

    `before` and `after` are the outbox's cursor; `latest` has the newest sequence by room and family. `free_slots` says
    how many deliveries of each subscriber may be leased at once, -1 to leave the subscriber parked.
    """

    before: str
    after: str
    latest: Mapping[str, int]
    recoveries: Mapping[str, str]
    free_slots: Mapping[str, int]
    deliveries: Sequence[Delivery]


class Outbox:
    """Reads and expands the outbox, with an event loop's client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._expand = client.register_script(lua("expand_outbox"))

    async def cursor(self) -> str:
        """The id of the last expanded entry."""
        value = await self._client.get(keys.OUTBOX_CURSOR)
        return value.decode() if value else "0-0"

    async def read(self, after: str, count: int, *, block_ms: int | None = None) -> tuple[list[OutboxEntry], Version]:
        """Entries after an id, oldest first; waits for one when `block_ms` is given.

        With them the version of subscribers and rooms' names, read in the same round trip when the waiting is over.
        """
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.xread({keys.OUTBOX: after}, count=count, block=block_ms)
            pipe.mget(VERSION_KEYS)
            streams, (subscribers, names) = await pipe.execute()
        if not streams:
            return [], (subscribers, names)
        entries = streams[0][1] if isinstance(streams, list) else next(iter(streams.values()))[0]
        return _entries_of(entries), (subscribers, names)

    async def between(self, after: str, until: str, count: int) -> list[OutboxEntry]:
        """Entries after an id and up to a moment, oldest first."""
        return _entries_of(await self._client.xrange(keys.OUTBOX, f"({after}", until, count=count))

    async def latest(self, fields: Sequence[str]) -> list[int | None]:
        """The newest sequence that was expanded, by room and family."""
        if not fields:
            return []
        return [int(raw) if raw else None for raw in await self._client.hmget(keys.OUTBOX_LATEST, fields)]

    async def expand(self, expansion: Expansion) -> list[ExpandResult] | None:
        """Make deliveries and move the cursor; a result for each. None when another process moved the cursor first."""
        numbers = {subscriber_id: number for number, subscriber_id in enumerate(expansion.free_slots, 1)}
        deliveries: list[Any] = []
        for delivery in expansion.deliveries:
            deliveries += (
                numbers[delivery.subscriber_id],
                delivery.delivery_id,
                codec.encode(delivery).decode(),  # the script's MessagePack knows no bytes
                delivery.created_at,
                delivery.queue or "",
            )
        mappings = (expansion.latest, expansion.recoveries, expansion.free_slots)
        lists = [list(chain.from_iterable(mapping.items())) for mapping in mappings]
        args = [codec.pack([expansion.before, expansion.after, LEASE_MS, PARK_MS, *lists, deliveries])]
        codes = await self._expand(keys=[keys.OUTBOX_CURSOR, keys.PREFIX], args=args)
        return None if codes == _CURSOR_MOVED else [_RESULTS[code] for code in codes]


def outbox_entry_of(entry_id: bytes, fields: Mapping[bytes, bytes]) -> OutboxEntry:
    """An entry as the store gives it."""
    return OutboxEntry(entry_id.decode(), codec.notice_of(fields[b"n"]))


def _entries_of(entries: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> list[OutboxEntry]:
    return [outbox_entry_of(entry_id, fields) for entry_id, fields in entries]
