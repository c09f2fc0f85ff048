"""VideoSDK's own record of the webhooks that it sent about a stream, quoted where a probe repairs one.

A probe takes along which of the room's streams look live. When what it finds differs, it reads the record of that
stream, and the repair says what became of the webhook that should have told it. Nothing is concluded from a record of
webhooks; that a stream's own object shows no end yet keeps a start from being repeated too early.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from webhook_app.domain.context import StepContext
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.streams.machine import Stream, StreamState

RECORDS_MAX = 2  # read for one probe: of a stream that ended and of one that was not known
WEBHOOK_TYPES_MAX = 20  # kept of one record
TYPE_MAX_CHARS = 100


def expected_streams(room: Room, at: int, *, overdue_ms: int) -> list[dict[str, Any]]:
    """The streams that look live: how VideoSDK may name them, and whether finding them active is a repair.

    `overdue_ms` is how long after its start a stream should be playable.
    """
    live = [stream for stream in room.streams if stream.live and not stream.provisional]
    return [{"names": _names(stream), "late": _is_late(stream, at, overdue_ms)} for stream in live]


def _names(stream: Stream) -> list[str]:
    return [name for name in (*stream.ids, stream.url_key) if name is not None]


def _is_late(stream: Stream, at: int, overdue_ms: int) -> bool:
    if stream.state is StreamState.STARTED:
        return at - (stream.started_at if stream.started_at is not None else stream.opened_at) >= overdue_ms
    return stream.state is StreamState.STARTING


def records_to_read(expected: Iterable[Mapping[str, Any]], active: Sequence[str]) -> list[str]:
    """Of which streams the record is worth reading, by VideoSDK's id: at most `RECORDS_MAX`.

    `active` holds the names of the stream that was found active, its id first; it is empty when there is none.
    """
    wanted: list[str] = []
    unknown = bool(active)
    for stream in expected:
        names = [name for name in stream.get("names") or () if isinstance(name, str)]
        if set(names).intersection(active):
            unknown = False
            wanted += active[:1] if stream.get("late") else ()
        else:
            wanted += names[:1]
    wanted += active[:1] if unknown else ()
    return [name for name in dict.fromkeys(wanted) if "/" not in name][:RECORDS_MAX]


def read_record(shown: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """How often each webhook of a stream object's `webhook` record was delivered and sent, by its type.

    A type stands in several rows where several addresses get it; what else makes a row is not documented.
    """
    record = shown.get("webhook")
    rows = record.get("data") if isinstance(record, Mapping) else None
    kept: dict[str, tuple[int, int]] = {}
    for row in rows if isinstance(rows, list) else ():
        kind = row.get("type") if isinstance(row, Mapping) else None
        if not isinstance(kind, str) or (kind[:TYPE_MAX_CHARS] not in kept and len(kept) >= WEBHOOK_TYPES_MAX):
            continue
        delivered, sent = kept.get(kind[:TYPE_MAX_CHARS], (0, 0))
        kept[kind[:TYPE_MAX_CHARS]] = delivered + (row.get("success") is True), sent + 1
    return kept


def unended_ids(records: Any) -> frozenset[str]:
    """The ids of the streams whose own object shows that they have not ended."""
    found = records if isinstance(records, list) else []
    ids = (record.get("id") for record in found if isinstance(record, Mapping) and record.get("ended") is False)
    return frozenset(known for known in ids if isinstance(known, str))


def record_delivery_records(context: StepContext, before: Sequence[Stream], records: Any) -> None:
    """Quote the record of each stream that this event has moved."""
    if not isinstance(records, list):
        return
    states = {stream.stream_id: stream.state for stream in before}
    for record in records:
        if not isinstance(record, Mapping) or not isinstance(record.get("webhooks"), Mapping):
            continue
        for stream in context.room.streams:
            if record.get("id") in stream.ids and states.get(stream.stream_id) is not stream.state:
                record_delivery_record(context, f"hls-{stream.state}", record["webhooks"])


def record_delivery_record(context: StepContext, kind: str, webhooks: Mapping[str, Any]) -> None:
    """Quote what VideoSDK's record says of one type of webhook."""
    counts = webhooks.get(kind)
    if not webhooks:
        context.record_effect(Reason.WEBHOOKS_NOT_RECORDED)
    elif not isinstance(counts, Sequence) or len(counts) != 2:
        context.record_effect(Reason.WEBHOOK_NOT_SENT, type=kind)
    elif counts[0] == 0:
        context.record_effect(Reason.WEBHOOK_NOT_DELIVERED, type=kind)
    elif counts[0] == counts[1]:
        context.record_effect(Reason.WEBHOOK_DELIVERED, type=kind)
    else:
        context.record_effect(Reason.WEBHOOK_PARTLY_DELIVERED, type=kind, delivered=counts[0], sent=counts[1])
