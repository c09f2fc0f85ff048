"""Adding, naming, grouping and forgetting rooms on the pages, each by a form that says what will happen."""

from typing import Any
from urllib.parse import quote

from flask import Blueprint, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.api.room_changes import NewRoomSchema, RoomChangeSchema, add_room, change_room, forget_room
from webhook_app.console.auth import flash_and_redirect, require_admin, run_action
from webhook_app.console.context import ConsoleContext, page
from webhook_app.problems.problems import Problem
from webhook_app.usecases.room_names import ResolvedRoom, find_room, room_reference


def add(blueprint: Blueprint, desk: ConsoleContext) -> None:
    """The forms, and what they do."""
    context = desk.context

    def form(found: ResolvedRoom | None, values: dict[str, str], problem: Problem | None = None) -> tuple[str, int]:
        errors = (problem.errors or {"": [problem.description]}) if problem is not None else {}
        wrong = [message for messages in errors.values() for message in messages]
        html = page(
            "room_settings.html", here="wall", found=found, form=values, wrong=wrong, back=_room_path(desk, found)
        )
        return html, 200 if problem is None else problem.code or 422

    @blueprint.get("/new-room")
    def ask_new_room() -> tuple[str, int]:
        require_admin(desk.door)
        return form(None, {})

    @blueprint.post("/new-room")
    def add_new_room() -> tuple[str, int] | BaseResponse:
        try:
            given: dict[str, Any] = NewRoomSchema().load({"room_id": _field("room_id"), **_given()})
            context.wait_until_processed(add_room(context, given))
        except ValidationError as error:
            return form(None, dict(request.form), _problem(error))
        except Problem as problem:
            return form(None, dict(request.form), problem)
        found = find_room(context.state, f"id:{given['room_id']}")
        return flash_and_redirect("The room is added.", _room_path(desk, found))

    @blueprint.get("/rooms/<room:room_id>/settings")
    def ask_room_settings(room_id: str) -> tuple[str, int]:
        require_admin(desk.door)
        found = find_room(context.state, room_id)
        known = found.configured
        return form(found, {} if known is None else {"name": known.name or "", "groups": " ".join(known.groups)})

    @blueprint.post("/rooms/<room:room_id>/settings")
    def change_settings(room_id: str) -> tuple[str, int] | BaseResponse:
        found = find_room(context.state, room_id)
        try:
            _, event_id = change_room(context, f"id:{found.room_id}", RoomChangeSchema().load(_given()))
            context.wait_until_processed(event_id)
        except ValidationError as error:
            return form(found, dict(request.form), _problem(error))
        except Problem as problem:
            return form(found, dict(request.form), problem)
        return flash_and_redirect("The room is changed.", _room_path(desk, found))

    @blueprint.get("/rooms/<room:room_id>/forget")
    def ask_forget(room_id: str) -> str:
        require_admin(desk.door)
        found = find_room(context.state, room_id)
        return page("room_forget.html", here="wall", found=found, back=_room_path(desk, found))

    @blueprint.post("/rooms/<room:room_id>/forget")
    def forget(room_id: str) -> BaseResponse:
        def give() -> str:
            context.wait_until_processed(forget_room(context, room_id))
            return "The room is forgotten. Its events stay; a new webhook makes it known again."

        return run_action(give, "/")


def _room_path(desk: ConsoleContext, found: ResolvedRoom | None) -> str:
    if found is None:
        return "/"
    return "/rooms/" + quote(room_reference(found.room_id, desk.context.state.names()), safe="")


def _field(name: str) -> str:
    return request.form.get(name, "").strip()


def _given() -> dict[str, Any]:
    """Name and groups as the API takes them; groups are separated by spaces or commas."""
    return {"name": _field("name") or None, "groups": _field("groups").replace(",", " ").split()}


def _problem(error: ValidationError) -> Problem:
    messages = {name: [str(why) for why in _flat(found)] for name, found in error.messages_dict.items()}
    return Problem(422, "The room is not right.", errors=messages)


def _flat(messages: Any) -> list[Any]:
    """The texts in marshmallow's messages, which are keyed by index where a list's item is wrong."""
    if isinstance(messages, dict):
        return [text for inner in messages.values() for text in _flat(inner)]
    return list(messages) if isinstance(messages, list) else [messages]
