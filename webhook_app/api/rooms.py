"""Rooms: what is on air, the timeline that says why, and an operator's wishes."""

from collections.abc import Sequence
from typing import Any

from flask import Response
from marshmallow import ValidationError, fields, validates

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.room_changes import register_room_changes
from webhook_app.api.schemas import (
    AcceptedSchema,
    Moment,
    PageQuery,
    ProblemSchema,
    RequestSchema,
    RoomSchema,
    TimelineItemSchema,
    page_of,
)
from webhook_app.domain.events import Source
from webhook_app.domain.globs import any_glob_matches
from webhook_app.domain.room import Room
from webhook_app.domain.rules.rule import Config
from webhook_app.domain.views import room_view
from webhook_app.problems.problems import Problem
from webhook_app.problems.reasons import ErrorReason
from webhook_app.providers.videosdk.webhook_body import ID_MAX_CHARS
from webhook_app.schemas.start import StartSchema
from webhook_app.store import keys
from webhook_app.store.queries.paging import page_by_score
from webhook_app.usecases.context import AppContext, accepted
from webhook_app.usecases.event_views import outline_page, timeline_page
from webhook_app.usecases.room_names import find_room, find_usable_room


class RoomsQuery(PageQuery):
    """Which rooms."""

    on_air = fields.Boolean(load_default=None)
    group = fields.String(load_default=None)
    q = fields.String(load_default=None)


class TimelineQuery(PageQuery):
    """Which page, and whether runs of checks that changed nothing are one item each."""

    collapse = fields.Boolean(load_default=False)


class OverrideSchema(RequestSchema):
    """How long a wish holds: until released, when `until` is left out."""

    until = Moment(load_default=None)

    @validates("until")
    def _later(self, value: int | None, **kwargs: Any) -> None:
        from time import time

        if value is not None and value <= time() * 1000:
            raise ValidationError("`until` has passed; give a time that is to come")


class StartOverrideSchema(OverrideSchema):
    """An operator's start, with what the stream is to be like."""

    start = fields.Nested(StartSchema, load_default=None)


def rooms(context: AppContext) -> Blueprint:
    """The resource."""
    blp = Blueprint("rooms", __name__, url_prefix="/api/v1/rooms", description=__doc__)

    @blp.route("")
    @blp.arguments(RoomsQuery, location="query")
    @blp.response(200, page_of(RoomSchema))
    def list_rooms(query: dict[str, Any]) -> dict[str, Any]:
        """Rooms, the newest known first."""
        config, now = context.state.names(), context.now()

        def load(room_ids: Sequence[str]) -> list[Room | None]:
            found = context.state.rooms(room_ids)
            return [found.get(room_id) for room_id in room_ids]

        found, cursor = page_by_score(
            context.client,
            keys.ROOMS,
            cursor=query["cursor"],
            limit=query["limit"],
            load=load,
            keep=lambda room: _asked_for(room, config, query),
        )
        return {"items": [room_view(room, config, now) for room in found], "next": cursor}

    @blp.route("/<room:room_id>")
    @blp.response(200, RoomSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_room(room_id: str) -> dict[str, Any]:
        """One room."""
        config = context.state.names()
        return room_view(_found(context, room_id, config), config, context.now())

    @blp.route("/<room:room_id>/timeline")
    @blp.arguments(TimelineQuery, location="query")
    @blp.response(200, page_of(TimelineItemSchema))
    @blp.alt_response(404, schema=ProblemSchema)
    def get_timeline(query: dict[str, Any], room_id: str) -> dict[str, Any]:
        """Everything that concerned the room, newest first, with what rules and controller made of it.

        With `collapse` checks in a row that changed nothing are one item: the last of them, with `run`.
        """
        room = _found(context, room_id, context.state.names())
        page_of_room = outline_page if query["collapse"] else timeline_page
        return page_of_room(context, room.room_id, cursor=query["cursor"], limit=query["limit"])

    @blp.route("/<room:room_id>/start", methods=["POST"])
    @blp.arguments(StartOverrideSchema, required=False)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def start_room(wish: dict[str, Any] | None, room_id: str) -> Response:
        """Want the room on air. Repeating it is harmless."""
        return _command(context, room_id, "start", _wish(wish))

    @blp.route("/<room:room_id>/end", methods=["POST"])
    @blp.arguments(OverrideSchema, required=False)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def end_room(wish: dict[str, Any] | None, room_id: str) -> Response:
        """Want the room off air. Repeating it is harmless."""
        return _command(context, room_id, "end", _wish(wish))

    @blp.route("/<room:room_id>/release", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def release_room(room_id: str) -> Response:
        """Drop the operator's wish: what a rule wants holds again."""
        return _command(context, room_id, "release", {})

    @blp.route("/<room:room_id>/capture", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def capture_room(room_id: str) -> Response:
        """Ask VideoSDK for a picture of what is on air; it becomes the stream's `snapshot`."""
        return _command(context, room_id, "capture", {})

    register_room_changes(blp, context)
    return blp


def _asked_for(room: Room, config: Config, query: dict[str, Any]) -> bool:
    named = config.named(room.room_id)
    if query["on_air"] is not None and room.on_air != query["on_air"]:
        return False
    if query["group"] is not None and (named is None or query["group"] not in named.groups):
        return False
    if query["q"]:
        text = f"{room.room_id} {config.room_name(room.room_id) or ''}".lower()
        return query["q"].lower() in text
    return True


def _found(context: AppContext, reference: str, config: Config) -> Room:
    found = find_room(context.state, reference, config)
    return found.state or Room(found.room_id)


def _wish(wish: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (wish or {}).items() if value is not None}


def _command(context: AppContext, room_id: str, command: str, data: dict[str, Any]) -> Response:
    return accepted(request_room_command(context, room_id, command, data))


def request_room_command(context: AppContext, reference: str, command: str, data: dict[str, Any]) -> str:
    """Journal an operator's command for a room, named by name or id; the event's id."""
    room_id = context.state.names().resolve_room(reference)
    if not any_glob_matches(room_id, context.rooms) or len(room_id) > ID_MAX_CHARS:
        detail = f"room {room_id} is not one of ours (see the setting ROOMS)"
        raise Problem(404, detail, reason=ErrorReason.ROOM_NOT_OURS)
    try:
        find_usable_room(context.state, reference)
    except Problem:
        # The webhook that makes the room known may be acknowledged and not processed yet.
        context.wait_until_processed(context.journal.last_id())
        find_usable_room(context.state, reference)
    context.refuse_when_observing()
    if not context.has_credentials:
        detail = "there are no VideoSDK credentials: set VIDEOSDK_API_KEY and VIDEOSDK_SECRET"
        raise Problem(409, detail, reason=ErrorReason.NO_CREDENTIALS)
    return context.append(Source.OPERATOR, command, room_id, data)
