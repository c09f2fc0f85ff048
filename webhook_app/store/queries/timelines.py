"""Rows of rooms' timelines: what each event did, and what was decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webhook_app.domain.outcome import Decision
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.state import outline


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """What an event did to a room; each part is decoded when it is read.

    The letters are explained in `store/state/outline.py`.
    """

    fields: Mapping[bytes, bytes]

    @property
    def effect(self) -> str:
        """What the event did, as a sentence."""
        return outline.effect_text(self.fields)

    @property
    def reasons(self) -> list[str]:
        """The codes of what the event did, in order."""
        return self.fields.get(b"r", b"").decode().split()

    @property
    def is_unchanged(self) -> bool:
        """Whether this was a timer or a probe that changed nothing."""
        return b"q" in self.fields

    @property
    def decisions(self) -> list[Decision]:
        """What rules and controller decided."""
        raw = self.fields[b"d"]
        return codec.decisions_of(raw) if raw else []

    @property
    def notices(self) -> list[tuple[str, str]]:
        """Ids and types of the notices that were emitted."""
        raw = self.fields.get(b"n")
        return [(notice_id, kind) for notice_id, kind, *_ in (codec.decode(raw) if raw else [])]


def timeline_rows(client: Client, places: Sequence[tuple[str, str]]) -> list[TimelineRow | None]:
    """One row for each (room id, event id); room id "" means events without a room.

    None where an event is not processed yet, or is no longer kept.
    """
    with client.pipeline(transaction=False) as pipe:
        for room_id, event_id in places:
            pipe.xrange(keys.timeline(room_id), min=event_id, max=event_id)
        answers = pipe.execute()
    return [TimelineRow(entries[0][1]) if entries else None for entries in answers]


def timeline_row(client: Client, room_id: str, event_id: str) -> TimelineRow | None:
    """One row."""
    return timeline_rows(client, [(room_id, event_id)])[0]


def rows_before(client: Client, room_id: str, before: str | None, count: int) -> list[tuple[str, TimelineRow]]:
    """Event ids and rows of a room before an event's id, the newest first. None: from the newest event."""
    top = "+" if before is None else f"({before}"
    entries = client.xrevrange(keys.timeline(room_id), max=top, count=count)
    return [(entry_id.decode(), TimelineRow(fields)) for entry_id, fields in entries]


def event_ids_between(client: Client, room_id: str, after: str, until: str, count: int) -> list[str]:
    """Ids of the events on a room's timeline after one id and up to another, the oldest first."""
    entries = client.xrange(keys.timeline(room_id), min=f"({after}", max=until, count=count)
    return [entry_id.decode() for entry_id, _ in entries]
