"""The wall: the tally lamps of all rooms, most urgent first, filtered by state, group or text."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from webhook_app.console.components.lamps import (
    BADGE_NAMES,
    LATE,
    RECORDING,
    Lamp,
    badges_of,
    lamp_of,
    lamp_view,
    output_lamp,
    urgency,
)
from webhook_app.console.components.output_cards import ACTIVE, output_cards, status_of
from webhook_app.console.context import FILTER_MAX_CHARS, ConsoleContext, live_part, page, page_of
from webhook_app.domain.outputs import Output
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.views import next_opening, room_view
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
    cards = output_cards(room, view["outputs"], config)
    stream = room.shown_stream
    return (
        view
        | status_of(room, config)
        | {
            "lamp": lamp_view(room),
            "badges": badges_of(room),
            "active": output_lamp(room) in ACTIVE,
            "started_by": None if stream is None else stream.because,
            "other_outputs": cards,
            "next_opening": _next_opening(view),
            "late_outputs": [card for card in cards if card["late_since"] is not None],
        }
    )


def _next_opening(view: dict[str, Any]) -> dict[str, Any] | None:
    opening = next_opening(view["outputs"])
    if opening is None:
        return None
    opens_at, outputs = opening
    badges = [] if Output.HLS in outputs else [BADGE_NAMES[Output(output)] for output in outputs]
    return {"opens_at": opens_at, "badges": badges}


def read_list_filter() -> ListFilter:
    """Read the filters from the query string."""
    number = request.args.get("page", "1")
    state = request.args.get("state", "")
    return ListFilter(
        state=state if state in {LATE, RECORDING, *Lamp} else "",
        group=request.args.get("group", "")[:FILTER_MAX_CHARS],
        q=request.args.get("q", "")[:FILTER_MAX_CHARS].strip(),
        number=int(number) if number.isdecimal() and len(number) < 8 else 1,
    )


def _page_values(console: ConsoleContext) -> dict[str, Any]:
    context, list_filter = console.context, read_list_filter()
    config, now = context.state.names(), context.now()
    rooms = console.rooms.all()
    lamps = {room_id: lamp_of(room) for room_id, room in rooms.items()}
    counts: dict[str, int] = dict.fromkeys((LATE, RECORDING, *Lamp), 0)
    for lamp in lamps.values():
        counts[lamp] += 1
    counts[LATE] = sum(1 for room in rooms.values() if _is_late(room))
    counts[RECORDING] = sum(1 for room in rooms.values() if room.is_running(Output.RECORDING))
    matching = [room for room in rooms.values() if _matches(room, lamps[room.room_id], config, list_filter)]
    matching.sort(key=lambda room: (urgency(room), _sort_name(room, config).lower(), room.room_id))
    page_rooms, number, pages = page_of(matching, list_filter.number, TILES)
    first = list_filter.is_empty and number == 1
    return {
        "filters": list_filter,
        "rooms": [tile(room, config, now) for room in page_rooms],
        "counts": counts,
        "on_air": counts[Lamp.ON],
        "hls_on_air": sum(1 for room in rooms.values() if room.on_air),
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


def _is_late(room: Room) -> bool:
    return any(room.seen_from(output).late_since is not None for output in room.outputs)


def _sort_name(room: Room, config: Config) -> str:
    return config.room_name(room.room_id) or room.room_id


def _matches(room: Room, lamp: Lamp, config: Config, list_filter: ListFilter) -> bool:
    if list_filter.state == LATE and not _is_late(room):
        return False
    if list_filter.state == RECORDING and not room.is_running(Output.RECORDING):
        return False
    if list_filter.state not in ("", LATE, RECORDING, lamp):
        return False
    named = config.named(room.room_id)
    if list_filter.group and (named is None or list_filter.group not in named.groups):
        return False
    return (
        not list_filter.q or list_filter.q.lower() in f"{room.room_id} {config.room_name(room.room_id) or ''}".lower()
    )
