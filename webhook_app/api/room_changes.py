"""Add, change and forget rooms. Rooms of the configuration file are changed in the file."""

from typing import Any

from flask import Response, jsonify

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.responses import accepted
from webhook_app.api.schemas import AcceptedSchema, ProblemSchema, RoomSchema
from webhook_app.domain.room import Room
from webhook_app.domain.views import room_view
from webhook_app.schemas.room import NewRoomSchema, RoomChangeSchema
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import ConflictError
from webhook_app.usecases.rooms import add_room, change_room, forget_room


def register_room_changes(blp: Blueprint, context: AppContext) -> None:
    """Add the changes to the rooms blueprint."""

    @blp.route("", methods=["POST"])
    @blp.arguments(NewRoomSchema)
    @blp.alt_response(201, schema=RoomSchema)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def post_room(body: dict[str, Any]) -> Response:
        """Add a room, optionally with a name and groups. Rooms that were already seen can be added too."""
        return _room_response(context, body["room_id"], add_room(context, body), 201)

    @blp.route("/<room:room_id>", methods=["PATCH"])
    @blp.arguments(RoomChangeSchema)
    @blp.alt_response(200, schema=RoomSchema)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def patch_room(body: dict[str, Any], room_id: str) -> Response:
        """Change the name and groups of a room. A null name removes the name."""
        room_id, event_id = change_room(context, room_id, body)
        return _room_response(context, room_id, event_id, 200)

    @blp.route("/<room:room_id>", methods=["DELETE"])
    @blp.response(204)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def delete_room(room_id: str) -> Response:
        """Forget a room's state, name and groups. Its events are kept; a new webhook adds the room again."""
        event_id = forget_room(context, room_id)
        return Response(status=204) if context.wait_until_processed(event_id) else accepted(event_id)


def _room_response(context: AppContext, room_id: str, event_id: str, status: int) -> Response:
    """The room after the change, or 202 when the change was not processed within the time limit."""
    if not context.wait_until_processed(event_id):
        return accepted(event_id)
    config = context.state.names()
    if config.named(room_id) is None:
        raise ConflictError("The rooms were changed by another request in the meantime. Fetch them again.")
    room = context.state.room(room_id) or Room(room_id)
    response = jsonify(room_view(room, config, context.now()))
    response.status_code = status
    return response
