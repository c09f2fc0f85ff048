"""Confirmation dialogs and actions of a room: start, end, release, take a snapshot."""

from collections.abc import Mapping
from typing import Any, assert_never
from urllib.parse import quote

from flask import Blueprint, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.console.auth import back, require_admin, run_action
from webhook_app.console.components.output_cards import OUTPUT_TITLES, output_card
from webhook_app.console.context import ConsoleContext, page
from webhook_app.console.pages.wall import tile
from webhook_app.domain.outputs import Output
from webhook_app.domain.room import Room
from webhook_app.domain.times import MINUTE, rfc3339
from webhook_app.schemas.outputs import BODY_FIELDS
from webhook_app.schemas.override import OverrideSchema, ReleaseSchema, StartOverrideSchema
from webhook_app.text.validation_messages import flatten_errors
from webhook_app.usecases.errors import InvalidInputError
from webhook_app.usecases.room_names import find_usable_room
from webhook_app.usecases.rooms import RoomCommand, command_room

OVERRIDE_MINUTES = (15, 30, 60, 120, 240)
LAYOUTS = ("GRID", "SPOTLIGHT", "SIDEBAR")
QUALITIES = ("low", "med", "high", "ultra")
SCHEMAS: Mapping[RoomCommand, type[ReleaseSchema]] = {
    RoomCommand.START: StartOverrideSchema,
    RoomCommand.END: OverrideSchema,
    RoomCommand.RELEASE: ReleaseSchema,
}
FILE_FORMATS = ("mp4", "webm")
DESTINATIONS_SHOWN = 3  # of an RTMP stream


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the dialogs and the actions."""
    context = console.context

    @blueprint.get("/rooms/<room:room_id>/<any(start, end, release):action>")
    def confirm_room_action(room_id: str, action: str) -> str:
        require_admin(console.auth)
        output = read_output(request.args)
        resolved = find_usable_room(context.state, room_id)
        room, config = resolved.state or Room(resolved.room_id), context.state.names()
        view = tile(room, config, context.now())
        return page(
            "room_confirmation.html",
            section="wall",
            action=action,
            room=view,
            card=output_card(room, output, view["outputs"], config),
            destinations=range(DESTINATIONS_SHOWN),
            file_formats=FILE_FORMATS,
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
            return _message(command, read_output(request.form))

        return run_action(run, "/")


def _message(command: RoomCommand, output: Output) -> str:
    subject = "" if output is Output.HLS else f"{OUTPUT_TITLES[output]}: "
    match command:
        case RoomCommand.START:
            text = "Start requested."
        case RoomCommand.END:
            text = "End requested."
        case RoomCommand.RELEASE:
            text = "Override cleared."
        case RoomCommand.CAPTURE:
            text = "Snapshot requested."
        case _:
            assert_never(command)
    return subject + (text[:1].lower() + text[1:] if subject else text)


def read_output(values: Mapping[str, str]) -> Output:
    """Read the output that a form or an address names; HLS when it names none."""
    try:
        return Output(values.get("output") or Output.HLS)
    except ValueError:
        names = ", ".join(Output)
        raise InvalidInputError(f"Invalid request: output: must be one of {names}.") from None


def _override(console: ConsoleContext, command: RoomCommand) -> dict[str, Any]:
    """The override in the form, validated as the API validates it."""
    output = read_output(request.form)
    form: dict[str, Any] = {} if output is Output.HLS else {"output": output.value}
    minutes = request.form.get("minutes", "")
    if command is not RoomCommand.RELEASE and minutes.isdecimal() and int(minutes) in OVERRIDE_MINUTES:
        form["until"] = rfc3339(console.context.now() + int(minutes) * MINUTE)
    if command is RoomCommand.START and (options := _start_options(output)):
        form[BODY_FIELDS[output]] = options
    try:
        override: dict[str, Any] = SCHEMAS[command]().load(form)
    except ValidationError as error:
        faults = "; ".join(f"{field}: {message}" for field, message in flatten_errors(error.messages_dict))
        raise InvalidInputError(f"Invalid request: {faults}.") from None
    return {name: value for name, value in override.items() if value is not None}


def _start_options(output: Output) -> dict[str, Any]:
    """The body of an output's start, from the inputs that are filled in."""
    options: dict[str, Any] = {}
    config: dict[str, Any] = {}
    layout, quality = request.form.get("layout", ""), request.form.get("quality", "")
    if layout or quality:
        config["layout"] = {"type": layout or "GRID", "priority": "SPEAKER"}
    if quality:
        config["quality"] = quality
    if config:
        options["config"] = config
    if output is Output.RECORDING and (file_format := request.form.get("file_format", "")):
        options["fileFormat"] = file_format
    if output is Output.RTMP and (streams := _destinations()):
        options["streams"] = streams
    return options


def _destinations() -> list[dict[str, str]]:
    pairs = zip(request.form.getlist("url"), request.form.getlist("stream_key"), strict=False)
    return [{"url": url.strip(), "stream_key": key.strip()} for url, key in pairs if url.strip() or key.strip()]
