"""Confirmation dialogs and actions of a room: start, end, release, take a snapshot."""

from typing import Any
from urllib.parse import quote

from flask import Blueprint, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.console.auth import back, require_admin, run_action
from webhook_app.console.context import ConsoleContext, page
from webhook_app.console.pages.wall import tile
from webhook_app.domain.room import Room
from webhook_app.domain.times import MINUTE, rfc3339
from webhook_app.schemas.override import OverrideSchema, StartOverrideSchema
from webhook_app.text.validation_messages import flatten_errors
from webhook_app.usecases.errors import InvalidInputError
from webhook_app.usecases.room_names import find_usable_room
from webhook_app.usecases.rooms import RoomCommand, command_room

OVERRIDE_MINUTES = (15, 30, 60, 120, 240)
LAYOUTS = ("GRID", "SPOTLIGHT", "SIDEBAR")
QUALITIES = ("low", "med", "high", "ultra")
MESSAGES = {
    RoomCommand.START: "Start requested.",
    RoomCommand.END: "End requested.",
    RoomCommand.RELEASE: "Override cleared.",
}


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the dialogs and the actions."""
    context = console.context

    @blueprint.get("/rooms/<room:room_id>/<any(start, end, release):action>")
    def confirm_room_action(room_id: str, action: str) -> str:
        require_admin(console.auth)
        resolved = find_usable_room(context.state, room_id)
        room = resolved.state or Room(resolved.room_id)
        return page(
            "room_confirmation.html",
            section="wall",
            action=action,
            room=tile(room, context.state.names(), context.now()),
            override_minutes=OVERRIDE_MINUTES,
            layouts=LAYOUTS,
            qualities=QUALITIES,
            back=back(f"/rooms/{quote(room_id, safe='')}"),
        )

    @blueprint.post("/rooms/<room:room_id>/capture")
    def take_snapshot(room_id: str) -> BaseResponse:
        def action() -> str:
            command_room(context, room_id, RoomCommand.CAPTURE, {})
            return "Snapshot requested. It will appear here when ready."

        return run_action(action, "/")

    @blueprint.post("/rooms/<room:room_id>/<any(start, end, release):action>")
    def run_room_action(room_id: str, action: str) -> BaseResponse:
        command = RoomCommand(action)

        def run() -> str:
            command_room(context, room_id, command, _override(console, command))
            return MESSAGES[command]

        return run_action(run, "/")


def _override(console: ConsoleContext, command: RoomCommand) -> dict[str, Any]:
    """The override in the form, validated as the API validates it."""
    if command is RoomCommand.RELEASE:
        return {}
    form: dict[str, Any] = {}
    minutes = request.form.get("minutes", "")
    if minutes.isdecimal() and int(minutes) in OVERRIDE_MINUTES:
        form["until"] = rfc3339(console.context.now() + int(minutes) * MINUTE)
    if command is RoomCommand.START and (options := _start_options()):
        form["start"] = options
    schema = StartOverrideSchema() if command is RoomCommand.START else OverrideSchema()
    try:
        override: dict[str, Any] = schema.load(form)
    except ValidationError as error:
        faults = "; ".join(f"{field}: {message}" for field, message in flatten_errors(error.messages_dict))
        raise InvalidInputError(f"Invalid request: {faults}.") from None
    return {name: value for name, value in override.items() if value is not None}


def _start_options() -> dict[str, Any]:
    config: dict[str, Any] = {}
    layout, quality = request.form.get("layout", ""), request.form.get("quality", "")
    if layout or quality:
        config["layout"] = {"type": layout or "GRID", "priority": "SPEAKER"}
    if quality:
        config["quality"] = quality
    return {"config": config} if config else {}
