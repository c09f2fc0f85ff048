"""One room: where its stream is, who is there, what is wanted, and the timeline that says why."""

from typing import Any

from flask import Blueprint, Response, request

from webhook_app.console.components.state_diagram import diagram
from webhook_app.console.components.timeline import deliveries_of, room_timeline
from webhook_app.console.context import ConsoleContext, live_part, page
from webhook_app.console.pages.wall import tile
from webhook_app.domain.room import Room
from webhook_app.domain.rules.rule import Config
from webhook_app.domain.views import occurrence_view, stream_view
from webhook_app.problems.problems import Problem
from webhook_app.store import codec, keys
from webhook_app.store.queries.paging import InvalidCursorError
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.room_names import find_room

TIMELINE_SHOWN = 40
RUNS_SHOWN = 8


def add(blueprint: Blueprint, desk: ConsoleContext) -> None:
    """The page, and the part of it that changes."""

    @blueprint.get("/rooms/<room:room_id>")
    def room(room_id: str) -> str:
        return page("room.html", here="wall", **_seen(desk, room_id))

    @blueprint.get("/page/live/rooms/<room:room_id>")
    def room_live(room_id: str) -> Response:
        return live_part("room_live.html", **_seen(desk, room_id))

    @blueprint.get("/notices/<notice_id>")
    def notice(notice_id: str) -> str:
        found = deliveries_of(desk.context, notice_id)
        told = _told(found)
        if not found:
            raise Problem(404, f"no notice {notice_id} is kept: nobody asked for it, or it is long ago")
        return page("notice.html", here="wall", notice_id=notice_id, notice=told, deliveries=found)


def _told(deliveries: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The notice of these deliveries, while it is kept."""
    notice = deliveries[0]["notice"] if deliveries else {}
    if "data" not in notice:
        return None
    return {"type": notice["type"], "data": notice["data"], "room_id": notice["data"].get("room_id")}


def _seen(desk: ConsoleContext, room_id: str) -> dict[str, Any]:
    context = desk.context
    config, now = context.state.config(), context.now()
    found = find_room(context.state, room_id, config)
    room_id, room = found.room_id, found.state or Room(found.room_id)
    cursor, each = request.args.get("cursor") or None, "each" in request.args
    try:
        timeline = room_timeline(context, room_id, cursor=cursor, limit=TIMELINE_SHOWN, each=each)
    except InvalidCursorError as error:
        raise Problem(422, str(error)) from None
    window, view = room.schedule.window, tile(room, config, now)
    return {
        "room": view,
        "diagram": diagram(room.shown_stream),
        "runs": _runs(context, room, config, now),
        "configured": found.configured,
        "rules": config.about(room_id),
        "window": None
        if window is None
        else {
            "rules": window.rules,
            "closes_at": None if window.endless else window.closes_at,
            "held": window.suppressed,
        },
        "next_window": None
        if room.schedule.next_window is None
        else occurrence_view(room_id, room.schedule.next_window, room_name=config.room_name(room_id)),
        "timeline": timeline,
        "cursor": cursor,
        "each": each,
        "has_credentials": context.makes_calls,
    }


def _runs(context: AppContext, room: Room, config: Config, now: int) -> list[dict[str, Any]]:
    ids = context.client.zrevrange(keys.room_streams(room.room_id), 0, RUNS_SHOWN - 1)
    found = context.client.mget([keys.stream(one.decode()) for one in ids]) if ids else []
    runs = [codec.stream_of(raw) for raw in found if raw is not None]
    name = config.room_name(room.room_id)
    return [stream_view(run, now, name) | {"because": run.because} for run in runs]
