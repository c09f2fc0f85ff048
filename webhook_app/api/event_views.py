"""Events and timelines as they are shown: the journal's facts with the effects that folding them had."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from webhook_app.api.context import Context
from webhook_app.domain import views
from webhook_app.domain.events import Event, Source
from webhook_app.domain.ids import order
from webhook_app.masked_data import shown_data, without_webhook_token
from webhook_app.masking import masked
from webhook_app.store import codec, keys
from webhook_app.store.clients import Client
from webhook_app.store.listing import SCAN_MAX, BadCursorError, decode_cursor, encode_cursor

READ_CHUNK = 250
ID_PART_MAX = 2**64 - 1
VIDEOSDKS_WORDS = frozenset({Source.VIDEOSDK, Source.CALL, Source.PROBE})
_ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")


def event_view(event: Event, effect: str | None) -> dict[str, Any]:
    """One event; `effect` is None while it is not folded."""
    shown = views.event_view(event, data=_shown_data(event))
    return shown | {"effect": None if effect is None else masked(effect)}


def _shown_data(event: Event) -> Any:
    """What VideoSDK sent holds addresses that are meant to be seen; ours may hold secrets."""
    return (without_webhook_token if event.source in VIDEOSDKS_WORDS else shown_data)(dict(event.data))


def effects_of(client: Client, events: Sequence[Event]) -> list[str | None]:
    """What folding each event came to."""
    with client.pipeline(transaction=False) as pipe:
        for event in events:
            pipe.xrange(keys.timeline(event.room_id or ""), min=event.id, max=event.id)
        found = pipe.execute()
    return [entries[0][1][b"e"].decode() if entries else None for entries in found]


def event_views(context: Context, events: Sequence[Event]) -> list[dict[str, Any]]:
    """Events with their effects."""
    effects = effects_of(context.client, events) if events else []
    return [event_view(event, effect) for event, effect in zip(events, effects, strict=True)]


def event_with_decisions(context: Context, event: Event) -> dict[str, Any]:
    """One event as the timeline shows it: with its effect and what rules and controller decided."""
    entries = context.client.xrange(keys.timeline(event.room_id or ""), min=event.id, max=event.id)
    if not entries:
        return event_view(event, None) | {"decisions": [], "notices": []}
    return event_view(event, entries[0][1][b"e"].decode()) | _what_came_of_it(entries[0][1])


def timeline_page(context: Context, room_id: str, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """A room's timeline, newest first."""
    before = checked_id(decode_cursor(cursor))
    top = "+" if before is None else f"({before}"
    entries = context.client.xrevrange(keys.timeline(room_id), max=top, count=limit)
    ids = [entry_id.decode() for entry_id, _ in entries]
    items = []
    for event, (_, fields) in zip(context.journal.get(ids) if ids else [], entries, strict=True):
        if event is None:
            continue
        items.append(event_view(event, fields[b"e"].decode()) | _what_came_of_it(fields))
    return {"items": items, "next": encode_cursor(ids[-1]) if len(ids) == limit else None}


def events_page(context: Context, query: dict[str, Any]) -> dict[str, Any]:
    """Events newest first, filtered; the cursor names the last one looked at."""
    before = checked_id(decode_cursor(query["cursor"])) or "+"
    found: list[Event] = []
    looked = 0
    while looked < SCAN_MAX:
        events = _read_back(context, query["room_id"], before)
        for event in events:
            looked += 1
            before = event.id
            if _asked_for(event, query):
                found.append(event)
                if len(found) == query["limit"]:
                    return {"items": event_views(context, found), "next": encode_cursor(before)}
        if len(events) < READ_CHUNK:
            return {"items": event_views(context, found), "next": None}
    return {"items": event_views(context, found), "next": encode_cursor(before)}


def checked_id(position: str | None) -> str | None:
    """A journal id out of a cursor."""
    if position is None:
        return None
    if not _ID.fullmatch(position) or not (0, 0) < order(position) <= (ID_PART_MAX, ID_PART_MAX):
        raise BadCursorError("the cursor is not one of ours; leave it out to begin")
    return position


def _what_came_of_it(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    decisions, told = fields[b"d"], fields.get(b"n")
    return {
        "decisions": [
            {"rule": one.rule, "did": one.did, "call_id": one.call_id, "notice_id": one.notice_id}
            for one in (codec.decisions_of(decisions) if decisions else [])
        ],
        "notices": [{"id": notice_id, "type": kind} for notice_id, kind, *_ in (codec.decode(told) if told else [])],
    }


def _read_back(context: Context, room_id: str | None, before: str) -> list[Event]:
    if room_id is None:
        return context.journal.read_back(before, READ_CHUNK)
    top = before if before == "+" else f"({before}"
    entries = context.client.xrevrange(keys.timeline(room_id), max=top, count=READ_CHUNK)
    found = context.journal.get([entry_id.decode() for entry_id, _ in entries]) if entries else []
    return [event for event in found if event is not None]


def _asked_for(event: Event, query: dict[str, Any]) -> bool:
    return (
        (query["room_id"] is None or event.room_id == query["room_id"])
        and (query["type"] is None or event.type == query["type"])
        and (query["source"] is None or event.source == query["source"])
        and (query["from_"] is None or event.at >= query["from_"])
        and (query["to"] is None or event.at < query["to"])
    )
