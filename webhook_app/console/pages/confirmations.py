"""Confirmation dialogs and actions of a room: start, end, release, take a snapshot."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
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
from webhook_app.masking.url_masking import MASK
from webhook_app.schemas.outputs import BODY_FIELDS
from webhook_app.schemas.override import OverrideSchema, ReleaseSchema, StartOverrideSchema
from webhook_app.text.validation_messages import flatten_errors
from webhook_app.usecases.errors import InvalidInputError
from webhook_app.usecases.room_names import find_usable_room
from webhook_app.usecases.rooms import RoomCommand, command_room
from webhook_app.usecases.stream_keys import restored_rtmp

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
DESTINATION_FIELDS = BODY_FIELDS[Output.RTMP]  # how the names of their fields begin in errors


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the dialogs and the actions."""
    context = console.context

    def stored_destinations(room_id: str, output: Output) -> Sequence[Mapping[str, Any]]:
        """The destinations of the first of the room's rules that starts RTMP, sealed as they are stored."""
        if output is not Output.RTMP:
            return ()
        bodies = (rule.body_of(output) for rule in context.state.config().about(room_id))
        return next((body["streams"] for body in bodies if body.get("streams")), ())

    def form(room_id: str, action: str, output: Output, errors: Sequence[tuple[str, str]] = ()) -> str:
        """The dialog; with `errors` as it was sent, without its stream keys."""
        resolved = find_usable_room(context.state, room_id)
        room, config = resolved.state or Room(resolved.room_id), context.state.names()
        view = tile(room, config, context.now())
        return page(
            "room_confirmation.html",
            section="wall",
            action=action,
            room=view,
            card=output_card(room, output, view["outputs"], config),
            destinations=destination_inputs(stored_destinations(room.room_id, output), errors),
            errors=[_fault(field, message) for field, message in errors if not field.startswith(DESTINATION_FIELDS)],
            form=request.form,
            file_formats=FILE_FORMATS,
            override_minutes=OVERRIDE_MINUTES,
            layouts=LAYOUTS,
            qualities=QUALITIES,
            back=back(f"/rooms/{quote(room_id, safe='')}"),
        )

    @blueprint.get("/rooms/<room:room_id>/<any(start, end, release):action>")
    def confirm_room_action(room_id: str, action: str) -> str:
        require_admin(console.auth)
        return form(room_id, action, read_output(request.args))

    @blueprint.post("/rooms/<room:room_id>/capture")
    def take_snapshot(room_id: str) -> BaseResponse:
        def action() -> str:
            command_room(context, room_id, RoomCommand.CAPTURE, {})
            return "Snapshot requested. It will appear here when ready."

        return run_action(action, "/")

    @blueprint.post("/rooms/<room:room_id>/<any(start, end, release):action>")
    def run_room_action(room_id: str, action: str) -> tuple[str, int] | BaseResponse:
        command = RoomCommand(action)

        def run() -> str:
            override = _override(console, command, partial(stored_destinations, room_id))
            command_room(context, room_id, command, override)
            return _message(command, read_output(request.form))

        try:
            return run_action(run, "/")
        except ValidationError as error:
            errors = list(flatten_errors(error.messages_dict))
            return form(room_id, action, read_output(request.form), errors), 422


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


def _override(
    console: ConsoleContext, command: RoomCommand, stored_destinations: Callable[[Output], Sequence[Mapping[str, Any]]]
) -> dict[str, Any]:
    """The override in the form, validated as the API validates it; ValidationError on bad input.

    A masked stream key stands for the stored one of a rule's destination with the same address.
    """
    output = read_output(request.form)
    form: dict[str, Any] = {} if output is Output.HLS else {"output": output.value}
    minutes = request.form.get("minutes", "")
    if command is not RoomCommand.RELEASE and minutes.isdecimal() and int(minutes) in OVERRIDE_MINUTES:
        form["until"] = rfc3339(console.context.now() + int(minutes) * MINUTE)
    if command is RoomCommand.START and (options := _start_options(output)):
        if output is Output.RTMP:
            stored = {"streams": stored_destinations(output)}
            options = restored_rtmp(options, stored, console.context.secret_box)
        form[BODY_FIELDS[output]] = options
    override: dict[str, Any] = SCHEMAS[command]().load(form)
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


def destination_inputs(stored: Sequence[Mapping[str, Any]], errors: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """The inputs for destinations: those that were sent, with what is wrong with each, else those of a rule.

    A stream key is shown as its mask, and only where it was the mask that was sent.
    """
    sent: Sequence[Mapping[str, Any]] = _destinations() if request.method == "POST" else _masked(stored)
    whys_by_place = _whys_by_place(errors)
    inputs: list[dict[str, Any]] = []
    for at in range(max(DESTINATIONS_SHOWN, len(sent))):
        destination = sent[at] if at < len(sent) else {"url": "", "stream_key": ""}
        key = MASK if destination["stream_key"] == MASK else ""
        inputs.append({"url": destination["url"], "stream_key": key, "whys": whys_by_place.get(str(at), [])})
    if any(name in ("rtmp", "rtmp.streams") for name, _ in errors):
        inputs[0]["whys"] = [*inputs[0]["whys"], "Enter where to send it: the address and the stream key."]
    return inputs


def _whys_by_place(errors: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """What is wrong with each destination, by its place in the list; one pass, as a form may hold thousands."""
    prefix = f"{DESTINATION_FIELDS}.streams."
    whys_by_place: dict[str, list[str]] = {}
    for field, message in errors:
        place, _, name = field.removeprefix(prefix).partition(".")
        if name and field.startswith(prefix):
            whys_by_place.setdefault(place, []).append(_fault(field, message))
    return whys_by_place


def _masked(stored: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{"url": str(destination["url"]), "stream_key": MASK} for destination in stored]


def _fault(field: str, message: str) -> str:
    """An error as the dialog shows it: `stream key: must have …`."""
    return f"{field.rpartition('.')[2].replace('_', ' ')}: {message}"


def _destinations() -> list[dict[str, str]]:
    pairs = zip(request.form.getlist("url"), request.form.getlist("stream_key"), strict=False)
    return [{"url": url.strip(), "stream_key": key.strip()} for url, key in pairs if url.strip() or key.strip()]
