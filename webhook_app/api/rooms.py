"""Rooms: what is on air, their timelines, and commands of operators."""

from collections.abc import Sequence
from typing import Any

from flask import Response
from marshmallow import fields

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.responses import accepted
from webhook_app.api.room_changes import register_room_changes
from webhook_app.api.schemas import (
    AcceptedSchema,
    PageQuery,
    ProblemSchema,
    RoomSchema,
    TimelineItemSchema,
    page_of,
)
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.views import room_view
from webhook_app.schemas.override import OverrideSchema, ReleaseSchema, StartOverrideSchema
from webhook_app.store.queries.indexes import rooms_index
from webhook_app.store.queries.paging import page_by_score
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.event_views import outline_page, timeline_page
from webhook_app.usecases.room_names import find_room
from webhook_app.usecases.rooms import RoomCommand, command_room


class RoomsQuery(PageQuery):
    """Filters of the list of rooms."""

    on_air = fields.Boolean(load_default=None)
    group = fields.String(load_default=None)
    q = fields.String(load_default=None)


class TimelineQuery(PageQuery):
    """A page of a timeline; `collapse` merges consecutive checks that changed nothing."""

    collapse = fields.Boolean(load_default=False)


def rooms(context: AppContext) -> Blueprint:
    """Build the blueprint of the resource."""
    blp = Blueprint("rooms", __name__, url_prefix="/api/v1/rooms", description=__doc__)

    @blp.route("")
    @blp.arguments(RoomsQuery, location="query")
    @blp.response(200, page_of(RoomSchema))
    def list_rooms(query: dict[str, Any]) -> dict[str, Any]:
        """List rooms (most recent first)."""
        config, now = context.state.names(), context.now()

        def load(room_ids: Sequence[str]) -> list[Room | None]:
            rooms_by_id = context.state.rooms(room_ids)
            return [rooms_by_id.get(room_id) for room_id in room_ids]

        page, cursor = page_by_score(
            context.client,
            rooms_index(),
            cursor=query["cursor"],
            limit=query["limit"],
            load=load,
            keep=lambda room: _matches(room, config, query),
        )
        return {"items": [room_view(room, config, now) for room in page], "next": cursor}

    @blp.route("/<room:room_id>")
    @blp.response(200, RoomSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_room(room_id: str) -> dict[str, Any]:
        """Get a room."""
        config = context.state.names()
        return room_view(_require_room(context, room_id, config), config, context.now())

    @blp.route("/<room:room_id>/timeline")
    @blp.arguments(TimelineQuery, location="query")
    @blp.response(200, page_of(TimelineItemSchema))
    @blp.alt_response(404, schema=ProblemSchema)
    def get_timeline(query: dict[str, Any], room_id: str) -> dict[str, Any]:
        """List the events of a room, newest first, with the decisions of rules and the controller.

        With `collapse`, consecutive checks that changed nothing are one item: the last of them, with `run`.
        """
        room = _require_room(context, room_id, context.state.names())
        read_page = outline_page if query["collapse"] else timeline_page
        return read_page(context, room.room_id, cursor=query["cursor"], limit=query["limit"])

    @blp.route("/<room:room_id>/start", methods=["POST"])
    @blp.arguments(StartOverrideSchema, required=False)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def start_room(override: dict[str, Any] | None, room_id: str) -> Response:
        """Start an output of a room, by default HLS. Idempotent."""
        return _command(context, room_id, RoomCommand.START, override)

    @blp.route("/<room:room_id>/end", methods=["POST"])
    @blp.arguments(OverrideSchema, required=False)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def end_room(override: dict[str, Any] | None, room_id: str) -> Response:
        """End an output of a room, by default HLS. Idempotent."""
        return _command(context, room_id, RoomCommand.END, override)

    @blp.route("/<room:room_id>/release", methods=["POST"])
    @blp.arguments(ReleaseSchema, required=False)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def release_room(release: dict[str, Any] | None, room_id: str) -> Response:
        """Clear the operator override of an output. Rules take control again."""
        return _command(context, room_id, RoomCommand.RELEASE, release)

    @blp.route("/<room:room_id>/capture", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def capture_room(room_id: str) -> Response:
        """Request a snapshot of the stream that is on air. It becomes the `snapshot` of the stream."""
        return _command(context, room_id, RoomCommand.CAPTURE)

    register_room_changes(blp, context)
    return blp


def _matches(room: Room, config: Config, query: dict[str, Any]) -> bool:
    named = config.named(room.room_id)
    if query["on_air"] is not None and room.live != query["on_air"]:
        return False
    if query["group"] is not None and (named is None or query["group"] not in named.groups):
        return False
    if query["q"]:
        text = f"{room.room_id} {config.room_name(room.room_id) or ''}".lower()
        return query["q"].lower() in text
    return True


def _require_room(context: AppContext, reference: str, config: Config) -> Room:
    resolved = find_room(context.state, reference, config)
    return resolved.state or Room(resolved.room_id)


def _command(
    context: AppContext, room_id: str, command: RoomCommand, override: dict[str, Any] | None = None
) -> Response:
    data = {name: value for name, value in (override or {}).items() if value is not None}
    return accepted(command_room(context, room_id, command, data))
