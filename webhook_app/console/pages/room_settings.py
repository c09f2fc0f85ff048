"""Forms to add, name, group and forget rooms."""

from typing import Any
from urllib.parse import quote

from flask import Blueprint, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.console.auth import flash_and_redirect, require_admin, run_action
from webhook_app.console.context import ConsoleContext, page
from webhook_app.problems.problems import problem_of
from webhook_app.schemas.room import NewRoomSchema, RoomChangeSchema
from webhook_app.usecases.errors import InvalidInputError, UseCaseError
from webhook_app.usecases.room_names import ResolvedRoom, find_room, room_reference
from webhook_app.usecases.rooms import add_room, change_room, forget_room


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the forms and their actions."""
    context = console.context

    def form(room: ResolvedRoom | None, values: dict[str, str], error: UseCaseError | None = None) -> tuple[str, int]:
        errors = error.messages_by_field if error is not None else {}
        field_errors = [message for messages in errors.values() for message in messages]
        html = page(
            "room_settings.html",
            section="wall",
            room=room,
            form=values,
            errors=field_errors,
            back=_room_path(console, room),
        )
        return html, 200 if error is None else problem_of(error).code or 422

    @blueprint.get("/new-room")
    def new_room_form() -> tuple[str, int]:
        require_admin(console.auth)
        return form(None, {})

    @blueprint.post("/new-room")
    def add_new_room() -> tuple[str, int] | BaseResponse:
        try:
            new_room: dict[str, Any] = NewRoomSchema().load({"room_id": _field("room_id"), **_name_and_groups()})
            context.wait_until_processed(add_room(context, new_room))
        except ValidationError as error:
            return form(None, dict(request.form), _invalid(error))
        except UseCaseError as error:
            return form(None, dict(request.form), error)
        room = find_room(context.state, f"id:{new_room['room_id']}")
        return flash_and_redirect("Room added.", _room_path(console, room))

    @blueprint.get("/rooms/<room:room_id>/settings")
    def room_settings_form(room_id: str) -> tuple[str, int]:
        require_admin(console.auth)
        room = find_room(context.state, room_id)
        current = room.configured
        return form(room, {} if current is None else {"name": current.name or "", "groups": " ".join(current.groups)})

    @blueprint.post("/rooms/<room:room_id>/settings")
    def change_settings(room_id: str) -> tuple[str, int] | BaseResponse:
        room = find_room(context.state, room_id)
        try:
            _, event_id = change_room(context, f"id:{room.room_id}", RoomChangeSchema().load(_name_and_groups()))
            context.wait_until_processed(event_id)
        except ValidationError as error:
            return form(room, dict(request.form), _invalid(error))
        except UseCaseError as error:
            return form(room, dict(request.form), error)
        return flash_and_redirect("Room saved.", _room_path(console, room))

    @blueprint.get("/rooms/<room:room_id>/forget")
    def confirm_forget(room_id: str) -> str:
        require_admin(console.auth)
        room = find_room(context.state, room_id)
        return page("room_forget.html", section="wall", room=room, back=_room_path(console, room))

    @blueprint.post("/rooms/<room:room_id>/forget")
    def forget(room_id: str) -> BaseResponse:
        def run() -> str:
            context.wait_until_processed(forget_room(context, room_id))
            return "Room forgotten. Its events are kept; a new webhook adds it again."

        return run_action(run, "/")


def _room_path(console: ConsoleContext, room: ResolvedRoom | None) -> str:
    if room is None:
        return "/"
    return "/rooms/" + quote(room_reference(room.room_id, console.context.state.names()), safe="")


def _field(name: str) -> str:
    return request.form.get(name, "").strip()


def _name_and_groups() -> dict[str, Any]:
    """The name and groups in the form, as the API takes them. Groups are separated by spaces or commas."""
    return {"name": _field("name") or None, "groups": _field("groups").replace(",", " ").split()}


def _invalid(error: ValidationError) -> InvalidInputError:
    messages = {name: [str(text) for text in _texts(errors)] for name, errors in error.messages_dict.items()}
    return InvalidInputError("Invalid room.", errors=messages)


def _texts(messages: Any) -> list[Any]:
    """The texts in marshmallow's messages, which are nested by index where the items of a list are wrong."""
    if isinstance(messages, dict):
        return [text for inner in messages.values() for text in _texts(inner)]
    return list(messages) if isinstance(messages, list) else [messages]
