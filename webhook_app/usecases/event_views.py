"""Events and timelines as the API and the console show them: journal entries with their effects."""

import re
from collections.abc import Sequence
from typing import Any

from webhook_app.domain import views
from webhook_app.domain.events import Event, Source
from webhook_app.domain.explanations import text_of
from webhook_app.domain.ids import order
from webhook_app.domain.rules.config import Config
from webhook_app.domain.times import rfc3339
from webhook_app.masking.masked_data import shown_data, shown_provider_data
from webhook_app.masking.masking import masked
from webhook_app.store.connection.clients import Client
from webhook_app.store.queries import timelines
from webhook_app.store.queries.paging import SCAN_MAX, InvalidCursorError, decode_cursor, encode_cursor
from webhook_app.store.queries.timelines import TimelineRow
from webhook_app.store.state import outline
from webhook_app.usecases.context import AppContext

READ_CHUNK = 250
ID_PART_MAX = 2**64 - 1
VIDEOSDK_SOURCES = frozenset({Source.VIDEOSDK, Source.CALL, Source.PROBE})
_ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")


def event_view(event: Event, row: TimelineRow | None, config: Config) -> dict[str, Any]:
    """Render an event with its timeline row (None until it is processed) and the current name of its room.

    `unchanged` is true for a timer or probe that confirmed the current state.
    """
    reasons = [] if row is None else row.reasons
    effect = {
        "effect": None if row is None else masked(row.effect),
        "reason": next(iter(reasons), None),
        "reasons": reasons,
        "unchanged": row is not None and row.is_unchanged,
    }
    return views.event_view(event, data=_shown_data(event), room_name=config.room_name(event.room_id)) | effect


def _shown_data(event: Event) -> Any:
    """URLs in VideoSDK's data are meant to be seen; our own data may contain secrets.

    What our processes report holds explanations, which are shown as texts.
    """
    if event.source in VIDEOSDK_SOURCES:
        return shown_provider_data(dict(event.data))
    if event.source is Source.SYSTEM:
        return shown_data({name: text_of(value) for name, value in event.data.items()})
    return shown_data(dict(event.data))


def timeline_rows(client: Client, events: Sequence[Event], room_id: str | None = None) -> list[TimelineRow | None]:
    """The row of each event on the timeline of its room, or of `room_id`; None while it is not processed."""
    return timelines.timeline_rows(
        client, [(event.room_id or "" if room_id is None else room_id, event.id) for event in events]
    )


def event_views(context: AppContext, events: Sequence[Event]) -> list[dict[str, Any]]:
    """Render events with their effects."""
    rows = timeline_rows(context.client, events) if events else []
    config = context.state.names()
    return [event_view(event, row, config) for event, row in zip(events, rows, strict=True)]


def event_with_decisions(context: AppContext, event: Event) -> dict[str, Any]:
    """Render an event with its effect, and the decisions of rules and the controller."""
    row = timelines.timeline_row(context.client, event.room_id or "", event.id)
    config = context.state.names()
    if row is None:
        return event_view(event, None, config) | {"decisions": [], "notices": []}
    return event_view(event, row, config) | _decisions_and_notices(row)


def timeline_page(context: AppContext, room_id: str, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """Return a page of a room's timeline, newest first."""
    before = checked_id(decode_cursor(cursor))
    rows = timelines.rows_before(context.client, room_id, before, limit)
    ids = [event_id for event_id, _ in rows]
    items, config = [], context.state.names()
    for event, (_, row) in zip(context.journal.get(ids) if ids else [], rows, strict=True):
        if event is None:
            continue
        items.append(event_view(event, row, config) | _decisions_and_notices(row) | {"run": None})
    return {"items": items, "next": encode_cursor(ids[-1]) if len(ids) == limit else None}


def outline_page(context: AppContext, room_id: str, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """Return a page of a room's timeline, newest first, with consecutive checks that changed nothing merged.

    A merged item is the last check, with `run`: how many checks and events it stands for, and since when.
    """
    entries = outline.read(context.client, room_id, before=checked_id(decode_cursor(cursor)), count=limit)
    ids = [entry.shown_id for entry in entries]
    items, config = [], context.state.names()
    events = context.journal.get(ids) if ids else []
    rows = iter(timeline_rows(context.client, [event for event in events if event is not None], room_id))
    for entry, event in zip(entries, events, strict=True):
        row = None if event is None else next(rows)
        if event is None or row is None:
            continue
        run = None if entry.run is None else _run_view(entry)
        items.append(event_view(event, row, config) | _decisions_and_notices(row) | {"run": run})
    oldest = entries[-1] if len(entries) == limit else None
    after = None if oldest is None else oldest.run.first_id if oldest.run else oldest.event_id
    return {"items": items, "next": None if after is None else encode_cursor(after)}


def _run_view(entry: outline.OutlineEntry) -> dict[str, Any]:
    run = entry.run
    assert run is not None
    since = int(run.first_id.partition("-")[0])
    return {
        "checks": run.probes,
        "events": run.events,
        "since": rfc3339(since),
        "first_id": run.first_id,
        "last_id": entry.event_id,
    }


def events_page(context: AppContext, query: dict[str, Any]) -> dict[str, Any]:
    """Return a page of events, newest first, filtered; the cursor is the last event that was read."""
    before = checked_id(decode_cursor(query["cursor"])) or "+"
    matching: list[Event] = []
    read = 0
    while read < SCAN_MAX:
        events = _read_back(context, query["room_id"], before)
        for event in events:
            read += 1
            before = event.id
            if _matches(event, query):
                matching.append(event)
                if len(matching) == query["limit"]:
                    return {"items": event_views(context, matching), "next": encode_cursor(before)}
        if len(events) < READ_CHUNK:
            return {"items": event_views(context, matching), "next": None}
    return {"items": event_views(context, matching), "next": encode_cursor(before)}


def checked_id(position: str | None) -> str | None:
    """Validate a journal id; raise InvalidCursorError when it is malformed."""
    if position is None:
        return None
    if not _ID.fullmatch(position) or not (0, 0) < order(position) <= (ID_PART_MAX, ID_PART_MAX):
        raise InvalidCursorError
    return position


def _decisions_and_notices(row: TimelineRow) -> dict[str, Any]:
    return {
        "decisions": [
            {
                "rule": decision.rule,
                "did": decision.text,
                "reason": decision.reason,
                "call_id": decision.call_id,
                "notice_id": decision.notice_id,
            }
            for decision in row.decisions
        ],
        "notices": [{"id": notice_id, "type": kind} for notice_id, kind in row.notices],
    }


def _read_back(context: AppContext, room_id: str | None, before: str) -> list[Event]:
    if room_id is None:
        return context.journal.read_back(before, READ_CHUNK)
    rows = timelines.rows_before(context.client, room_id, None if before == "+" else before, READ_CHUNK)
    stored = context.journal.get([event_id for event_id, _ in rows]) if rows else []
    return [event for event in stored if event is not None]


def _matches(event: Event, query: dict[str, Any]) -> bool:
    return (
        (query["room_id"] is None or event.room_id == query["room_id"])
        and (query["type"] is None or event.type == query["type"])
        and (query["source"] is None or event.source == query["source"])
        and (query["from_"] is None or event.at >= query["from_"])
        and (query["to"] is None or event.at < query["to"])
    )
