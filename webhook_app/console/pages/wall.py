"""The wall: the tally lamps of all rooms, most urgent first, filtered by state, group or text."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from webhook_app.console.components.lamps import LATE, Lamp, lamp_of, lamp_view, urgency
from webhook_app.console.context import FILTER_MAX_CHARS, ConsoleContext, live_part, page, page_of
from webhook_app.domain.explanations import code_text
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.schedules.broadcasts import why_off_air
from webhook_app.domain.views import room_view
from webhook_app.store.queries.rooms import count_rooms
from webhook_app.usecases.delivery_views import all_deliveries_page
from webhook_app.usecases.event_views import event_views

TILES = 60
EVENTS_SHOWN = 12
DELIVERIES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class ListFilter:
    """The filters of a list."""

    state: str
    group: str
    q: str
    number: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing is filtered out."""
        return not (self.state or self.group or self.q)


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the page and its live part."""

    @blueprint.get("/")
    def wall() -> str:
        return page("wall.html", section="wall", **_page_values(console))

    @blueprint.get("/page/live")
    def wall_live() -> Response:
        return live_part("wall_live.html", **_page_values(console))


def tile(room: Room, config: Config, now: int) -> dict[str, Any]:
    """Return what a tile of the wall shows of a room."""
    view = room_view(room, config, now)
    stream, refusal = room.shown_stream, room.control.last_refusal
    return view | {
        "lamp": lamp_view(room),
        "because": stream.because if stream is not None and stream.live else None,
        "operator": room.desires.operator is not None,
        "waits": None if room.control.waiting_for is None else code_text(room.control.waiting_for),
        "late_reason": None
        if room.schedule.window is None or room.late_since is None
        else why_off_air(room, room.schedule.window, config.settings).text,
        "refusal": None if refusal is None or not room.control.retries else refusal.text,
    }


def read_list_filter() -> ListFilter:
    """Read the filters from the query string."""
    number = request.args.get("page", "1")
    state = request.args.get("state", "")
    return ListFilter(
        state=state if state in {LATE, *Lamp} else "",
        group=request.args.get("group", "")[:FILTER_MAX_CHARS],
        q=request.args.get("q", "")[:FILTER_MAX_CHARS].strip(),
        number=int(number) if number.isdecimal() and len(number) < 8 else 1,
    )


def _page_values(console: ConsoleContext) -> dict[str, Any]:
    context, list_filter = console.context, read_list_filter()
    config, now = context.state.names(), context.now()
    rooms = console.rooms.all()
    lamps = {room_id: lamp_of(room) for room_id, room in rooms.items()}
    counts: dict[str, int] = dict.fromkeys((LATE, *Lamp), 0)
    for lamp in lamps.values():
        counts[lamp] += 1
    counts[LATE] = sum(1 for room in rooms.values() if room.late_since is not None)
    matching = [room for room in rooms.values() if _matches(room, lamps[room.room_id], config, list_filter)]
    matching.sort(key=lambda room: (urgency(room), _sort_name(room, config).lower(), room.room_id))
    page_rooms, number, pages = page_of(matching, list_filter.number, TILES)
    first = list_filter.is_empty and number == 1
    return {
        "filters": list_filter,
        "rooms": [tile(room, config, now) for room in page_rooms],
        "counts": counts,
        "on_air": counts[Lamp.ON],
        "max_streams": context.max_streams,
        "total": count_rooms(context.client),
        "number": number,
        "pages": pages,
        "groups": sorted({group for named in config.names.values() for group in named.groups}),
        "query": {name: value for name in ("state", "group", "q") if (value := getattr(list_filter, name))},
        "has_credentials": context.makes_calls,
        **(_recent(console) if first else {"events": None, "deliveries": None}),
    }


def _recent(console: ConsoleContext) -> dict[str, Any]:
    context = console.context
    deliveries = all_deliveries_page(
        context, {"state": None, "notice_id": None, "cursor": None, "limit": DELIVERIES_SHOWN}
    )
    return {
        "events": event_views(context, context.journal.read_back("+", EVENTS_SHOWN)),
        "deliveries": deliveries["items"],
        "subscriber_names": {
            subscriber.subscriber_id: subscriber.name or subscriber.shown_url
            for subscriber in context.subscribers.all()
        },
    }


def _sort_name(room: Room, config: Config) -> str:
    return config.room_name(room.room_id) or room.room_id


def _matches(room: Room, lamp: Lamp, config: Config, list_filter: ListFilter) -> bool:
    if list_filter.state == LATE and room.late_since is None:
        return False
    if list_filter.state not in ("", LATE, lamp):
        return False
    named = config.named(room.room_id)
    if list_filter.group and (named is None or list_filter.group not in named.groups):
        return False
    return (
        not list_filter.q or list_filter.q.lower() in f"{room.room_id} {config.room_name(room.room_id) or ''}".lower()
    )
