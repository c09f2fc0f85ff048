"""Events: the journal, newest first, filtered by room, type or source; and one event in full."""

from typing import Any

from flask import Blueprint, request

from webhook_app.console.context import FILTER_MAX_CHARS, ConsoleContext, page
from webhook_app.domain.events import Source
from webhook_app.store.queries.paging import InvalidCursorError
from webhook_app.usecases.errors import NotFoundError
from webhook_app.usecases.event_views import checked_id, event_with_decisions, events_page
from webhook_app.usecases.room_names import closest_room, lookup_room

EVENTS_SHOWN = 60
SUGGESTED_FROM_MAX = 500


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the list and the page of an event."""
    context = console.context

    @blueprint.get("/events")
    def events() -> str:
        filters = _read_filters()
        query = {name: filters.get(name) for name in ("room_id", "type", "source", "cursor")}
        unknown, closest = False, None
        if query["room_id"] is not None:
            config = context.state.names()
            room = lookup_room(context.state, query["room_id"], config)
            unknown = room.configured is None and room.state is None
            closest = (
                closest_room(query["room_id"], config, context.state.newest_room_ids(SUGGESTED_FROM_MAX))
                if unknown
                else None
            )
            query["room_id"] = room.room_id
        listed = events_page(context, query | {"from_": None, "to": None, "limit": EVENTS_SHOWN})
        without_cursor = {name: value for name, value in filters.items() if name != "cursor"}
        return page(
            "events.html",
            section="system",
            events=listed["items"],
            next=listed["next"],
            filters=filters,
            unknown=unknown,
            closest=closest,
            query=without_cursor,
            sources=[source.value for source in Source],
        )

    @blueprint.get("/events/<event_id>")
    def event(event_id: str) -> str:
        try:
            valid_id = checked_id(event_id)
        except InvalidCursorError:
            valid_id = None
        stored = context.journal.get([valid_id])[0] if valid_id else None
        if stored is None:
            raise NotFoundError(f"Event {event_id} not found.")
        return page("event.html", section="system", event=event_with_decisions(context, stored))


def _read_filters() -> dict[str, Any]:
    filters = {name: request.args.get(name, "")[:FILTER_MAX_CHARS].strip() for name in ("room_id", "type", "source")}
    if filters["source"] not in set(Source):
        filters["source"] = ""
    cursor = request.args.get("cursor", "")
    return {name: value for name, value in (filters | {"cursor": cursor}).items() if value}
