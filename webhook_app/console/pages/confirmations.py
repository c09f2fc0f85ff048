"""An operator's orders to a room: start, end, release, each asked about once more before it is given."""

from typing import Any
from urllib.parse import quote

from flask import Blueprint, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.api.rooms import OverrideSchema, StartOverrideSchema, request_room_command
from webhook_app.console.auth import back, require_admin, run_action
from webhook_app.console.context import ConsoleContext, page
from webhook_app.console.pages.wall import tile
from webhook_app.domain.room import Room
from webhook_app.domain.times import MINUTE, rfc3339
from webhook_app.problems.problems import Problem
from webhook_app.schemas.validation_messages import flatten_errors
from webhook_app.usecases.room_names import find_usable_room

HOLDS_MIN = (15, 30, 60, 120, 240)
LAYOUTS = ("GRID", "SPOTLIGHT", "SIDEBAR")
QUALITIES = ("low", "med", "high", "ultra")
SAID = {
    "start": "The start is ordered. The lamp follows when VideoSDK says so.",
    "end": "The end is ordered. The lamp follows when VideoSDK says so.",
    "release": "Your wish is dropped. Whatever a rule wants holds again.",
}


def add(blueprint: Blueprint, desk: ConsoleContext) -> None:
    """The question and the order."""

    @blueprint.get("/rooms/<room:room_id>/<any(start, end, release):order>")
    def ask_order(room_id: str, order: str) -> str:
        require_admin(desk.door)
        context = desk.context
        found = find_usable_room(context.state, room_id)
        room = found.state or Room(found.room_id)
        return page(
            "order.html",
            here="wall",
            order=order,
            room=tile(room, context.state.names(), context.now()),
            holds=HOLDS_MIN,
            layouts=LAYOUTS,
            qualities=QUALITIES,
            back=back(f"/rooms/{quote(room_id, safe='')}"),
        )

    @blueprint.post("/rooms/<room:room_id>/capture")
    def take_picture(room_id: str) -> BaseResponse:
        def give() -> str:
            request_room_command(desk.context, room_id, "capture", {})
            return "A picture is asked for. It stands beside the stream when VideoSDK has taken it."

        return run_action(give, "/")

    @blueprint.post("/rooms/<room:room_id>/<any(start, end, release):order>")
    def give_order(room_id: str, order: str) -> BaseResponse:

        def give() -> str:
            request_room_command(desk.context, room_id, order, _wish(desk, order))
            return SAID[order]

        return run_action(give, "/")


def _wish(desk: ConsoleContext, order: str) -> dict[str, Any]:
    """The wish in the form, checked as the API checks it."""
    if order == "release":
        return {}
    asked: dict[str, Any] = {}
    holds = request.form.get("holds", "")
    if holds.isdecimal() and int(holds) in HOLDS_MIN:
        asked["until"] = rfc3339(desk.context.now() + int(holds) * MINUTE)
    if order == "start" and (start := _start()):
        asked["start"] = start
    try:
        loaded: dict[str, Any] = (StartOverrideSchema() if order == "start" else OverrideSchema()).load(asked)
    except ValidationError as error:
        wrong = "; ".join(f"{field}: {message}" for field, message in flatten_errors(error.messages_dict))
        raise Problem(422, f"Something is wrong with it: {wrong}.") from None
    return {name: value for name, value in loaded.items() if value is not None}


def _start() -> dict[str, Any]:
    config: dict[str, Any] = {}
    layout, quality = request.form.get("layout", ""), request.form.get("quality", "")
    if layout or quality:
        config["layout"] = {"type": layout or "GRID", "priority": "SPEAKER"}
    if quality:
        config["quality"] = quality
    return {"config": config} if config else {}
