"""One room: its stream, session, target and timeline; and the page of a notice."""

from typing import Any

from flask import Blueprint, Response, request

from webhook_app.console.components.output_cards import OUTPUT_TITLES, window_view
from webhook_app.console.components.state_diagram import diagram
from webhook_app.console.components.timeline import deliveries_of, room_timeline
from webhook_app.console.context import ConsoleContext, live_part, page
from webhook_app.console.pages.wall import tile
from webhook_app.domain.outputs import Output
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.views import stream_view
from webhook_app.store.queries.streams import newest_streams
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import NotFoundError
from webhook_app.usecases.room_names import find_room

TIMELINE_SHOWN = 40
RUNS_SHOWN = 8


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the page, its live part, and the page of a notice."""

    @blueprint.get("/rooms/<room:room_id>")
    def room(room_id: str) -> str:
        return page("room.html", section="wall", **_page_values(console, room_id))

    @blueprint.get("/page/live/rooms/<room:room_id>")
    def room_live(room_id: str) -> Response:
        return live_part("room_live.html", **_page_values(console, room_id))

    @blueprint.get("/notices/<notice_id>")
    def notice(notice_id: str) -> str:
        deliveries = deliveries_of(console.context, notice_id)
        if not deliveries:
            detail = f"Notice {notice_id} not found. It had no subscribers, or was removed by retention."
            raise NotFoundError(detail)
        return page(
            "notice.html", section="wall", notice_id=notice_id, notice=_notice_of(deliveries), deliveries=deliveries
        )


def _notice_of(deliveries: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The notice that deliveries have in common; None when it was removed by retention."""
    notice = deliveries[0]["notice"] if deliveries else {}
    if "data" not in notice:
        return None
    return {"type": notice["type"], "data": notice["data"], "room_id": notice["data"].get("room_id")}


def _page_values(console: ConsoleContext, room_id: str) -> dict[str, Any]:
    context = console.context
    config, now = context.state.config(), context.now()
    resolved = find_room(context.state, room_id, config)
    room_id, room = resolved.room_id, resolved.state or Room(resolved.room_id)
    cursor, each = request.args.get("cursor") or None, "each" in request.args
    timeline = room_timeline(context, room_id, cursor=cursor, limit=TIMELINE_SHOWN, each=each)
    view = tile(room, config, now)
    runs = _runs(context, room, config, now)
    return {
        "room": view,
        "outputs": view["other_outputs"],
        "output_titles": OUTPUT_TITLES,
        "several_outputs": any(run["output"] != Output.HLS for run in runs),
        "diagram": diagram(room.shown_stream),
        "runs": runs,
        "configured": resolved.configured,
        "rules": config.about(room_id),
        "window": window_view(room, config),
        "timeline": timeline,
        "cursor": cursor,
        "each": each,
        "has_credentials": context.makes_calls,
    }


def _runs(context: AppContext, room: Room, config: Config, now: int) -> list[dict[str, Any]]:
    runs = newest_streams(context.client, room.room_id, RUNS_SHOWN)
    name = config.room_name(room.room_id)
    return [stream_view(run, now, name) | {"because": run.because} for run in runs]
