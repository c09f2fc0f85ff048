"""The events: the journal newest first, found by room, type or source; and one of them with all that is known."""

from typing import Any

from flask import Blueprint, request

from webhook_app.console.context import ConsoleContext, page
from webhook_app.domain.events import Source
from webhook_app.problems.problems import Problem
from webhook_app.store.queries.paging import InvalidCursorError
from webhook_app.usecases.event_views import checked_id, event_with_decisions, events_page
from webhook_app.usecases.room_names import closest_room, lookup_room

SHOWN = 60
WORDS_MAX_CHARS = 200


def add(blueprint: Blueprint, desk: ConsoleContext) -> None:
    """The list and the one."""
    context = desk.context

    @blueprint.get("/events")
    def events() -> str:
        asked = _asked()
        query = {name: asked.get(name) for name in ("room_id", "type", "source", "cursor")}
        unknown, closest = False, None
        if query["room_id"] is not None:
            config = context.state.names()
            found_room = lookup_room(context.state, query["room_id"], config)
            unknown = found_room.configured is None and found_room.state is None
            closest = closest_room(query["room_id"], config, context.state.newest_room_ids(500)) if unknown else None
            query["room_id"] = found_room.room_id
        try:
            found = events_page(context, query | {"from_": None, "to": None, "limit": SHOWN})
        except InvalidCursorError as error:
            raise Problem(422, str(error)) from None
        rest = {name: value for name, value in asked.items() if name != "cursor"}
        return page(
            "events.html",
            here="system",
            events=found["items"],
            next=found["next"],
            asked=asked,
            unknown=unknown,
            closest=closest,
            query=rest,
            sources=[source.value for source in Source],
        )

    @blueprint.get("/events/<event_id>")
    def event(event_id: str) -> str:
        try:
            checked = checked_id(event_id)
        except InvalidCursorError:
            checked = None
        found = context.journal.get([checked]) if checked else [None]
        if found[0] is None:
            raise Problem(404, f"No event {event_id} is kept.")
        return page("event.html", here="system", event=event_with_decisions(context, found[0]))


def _asked() -> dict[str, Any]:
    given = {name: request.args.get(name, "")[:WORDS_MAX_CHARS].strip() for name in ("room_id", "type", "source")}
    if given["source"] not in set(Source):
        given["source"] = ""
    cursor = request.args.get("cursor", "")
    return {name: value for name, value in (given | {"cursor": cursor}).items() if value}
