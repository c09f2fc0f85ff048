"""Adding, naming, grouping and forgetting rooms. The rooms of the configuration file belong to the file."""

from typing import Any

from flask import Response, jsonify
from marshmallow import ValidationError, fields, validate

from webhook_app.api.conditional import rule_lock
from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import AcceptedSchema, ProblemSchema, RequestSchema, RoomSchema
from webhook_app.domain.configuration.room_changes import is_busy, name_taken, names_room, rules_naming
from webhook_app.domain.events import Source
from webhook_app.domain.globs import any_glob_matches, name_fault
from webhook_app.domain.room import Room
from webhook_app.domain.rules.rule import Config, ConfiguredRoom
from webhook_app.domain.views import room_view
from webhook_app.problems.problems import Problem
from webhook_app.problems.reasons import ErrorReason as R
from webhook_app.providers.videosdk.webhook_body import ID_MAX_CHARS
from webhook_app.schemas.rule import NAME
from webhook_app.usecases.context import AppContext, accepted
from webhook_app.usecases.room_names import find_room, lookup_room

GROUPS_MAX = 50
ROOMS_MAX = 20_000  # configured ones: each list of rooms reads them all
ROOM_ID_WRONG = f"a room's id has 1 to {ID_MAX_CHARS} characters"
LOCK = ":rooms"  # no rule's name


def _a_room_id(room_id: str) -> None:
    wrong = name_fault(room_id)
    if wrong is not None:
        raise ValidationError(wrong)


class RoomChangeSchema(RequestSchema):
    """A room's name and groups; what is left out stays as it is."""

    name = fields.String(
        allow_none=True,
        validate=validate.Regexp(NAME, error="a name is a-z, 0-9 and -, at most 64 characters"),
    )
    groups = fields.List(
        fields.String(validate=validate.Regexp(NAME, error="a group is a-z, 0-9 and -")),
        validate=validate.Length(max=GROUPS_MAX),
    )


class NewRoomSchema(RoomChangeSchema):
    """A room to add."""

    room_id = fields.String(required=True, validate=[validate.Length(1, ID_MAX_CHARS, error=ROOM_ID_WRONG), _a_room_id])


def register_room_changes(blp: Blueprint, context: AppContext) -> None:
    """Add these to the resource."""

    @blp.route("", methods=["POST"])
    @blp.arguments(NewRoomSchema)
    @blp.alt_response(201, schema=RoomSchema)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def post_room(given: dict[str, Any]) -> Response:
        """Add a room, with a name and groups if you like. A room that was seen can be added too."""
        return _answered(context, given["room_id"], add_room(context, given), 201)

    @blp.route("/<room:room_id>", methods=["PATCH"])
    @blp.arguments(RoomChangeSchema)
    @blp.alt_response(200, schema=RoomSchema)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def patch_room(given: dict[str, Any], room_id: str) -> Response:
        """Name a room and put it in groups; a name of null takes its name away."""
        room_id, event_id = change_room(context, room_id, given)
        return _answered(context, room_id, event_id, 200)

    @blp.route("/<room:room_id>", methods=["DELETE"])
    @blp.response(204)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def delete_room(room_id: str) -> Response:
        """Forget a room: its state, name and groups. Its events stay; a new webhook makes it known again."""
        event_id = forget_room(context, room_id)
        return Response(status=204) if context.wait_until_processed(event_id) else accepted(event_id)


def add_room(context: AppContext, given: dict[str, Any]) -> str:
    """Journal a new room; the event's id. Problem 409 or 422 says why it cannot be added."""
    room_id = str(given["room_id"])
    if not any_glob_matches(room_id, context.rooms):
        raise Problem(
            422,
            "The room cannot be added.",
            errors={"room_id": ["the setting ROOMS leaves it out: its webhooks are not kept"]},
        )
    with rule_lock(context, LOCK, "rooms"):
        config = context.state.config()
        known = config.named(room_id)
        if known is not None:
            where = " in the configuration file" if known.from_file else ""
            detail = f"Room {room_id} is already configured{where}, as {known.name or 'a room without a name'}."
            raise Problem(409, detail, reason=R.NAME_TAKEN)
        if room_id in config.shadowed:
            detail = f"{room_id} is the name of room {config.resolve_room(room_id)}: rename that room first."
            raise Problem(409, detail, errors={"room_id": [detail]}, reason=R.NAME_TAKEN)
        if len(config.names) >= ROOMS_MAX:
            raise Problem(409, f"There are {ROOMS_MAX} rooms already; forget some first.", reason=R.LIMIT_REACHED)
        return _put(context, config, ConfiguredRoom(None, room_id, from_file=False), given)


def change_room(context: AppContext, reference: str, given: dict[str, Any]) -> tuple[str, str]:
    """Journal a room's new name or groups; the room's and the event's id. A room that was seen becomes configured."""
    with rule_lock(context, LOCK, "rooms"):
        config = context.state.config()
        found = find_room(context.state, reference, config)
        known = found.configured or ConfiguredRoom(None, found.room_id, from_file=False)
        _not_of_the_file(found.configured)
        name = given.get("name", known.name)
        if known.name is not None and name != known.name:
            _not_named(context, config, known, (known.name,), "renamed")
        return found.room_id, _put(context, config, known, given)


def forget_room(context: AppContext, reference: str) -> str:
    """Journal that a room is forgotten; the event's id. Problem 409 says why it cannot be."""
    with rule_lock(context, LOCK, "rooms"):
        config = context.state.config()
        found = find_room(context.state, reference, config)
        known = found.configured or ConfiguredRoom(None, found.room_id, from_file=False)
        _not_of_the_file(found.configured)
        if found.state is not None and is_busy(found.state):
            raise Problem(409, f"Room {known.name or found.room_id} is live: end its stream first.")
        _not_named(context, config, known, (), "forgotten")
        return context.append(Source.CONFIG, "room-forgotten", found.room_id, {"room_id": found.room_id})


def _put(context: AppContext, config: Config, known: ConfiguredRoom, given: dict[str, Any]) -> str:
    name, groups = given.get("name", known.name), given.get("groups", known.groups)
    room = ConfiguredRoom(name, known.room_id, tuple(dict.fromkeys(groups)), from_file=False)
    if name is not None and name != known.name:
        other = lookup_room(context.state, f"id:{name}", config)
        seen_as_id = name != room.room_id and other.state is not None and other.state.was_observed
        if name_taken(config, room) or seen_as_id:
            other_id = config.resolve_room(name)
            whose = f"the name of room {other_id}" if name in config.names else "the id of another room"
            raise Problem(
                409,
                f"The name {name} is {whose}.",
                errors={"name": [f"{name} is {whose}; choose another"]},
                reason=R.NAME_TAKEN,
            )
    data = {"room_id": room.room_id, "name": room.name, "groups": list(room.groups)}
    return context.append(Source.CONFIG, "room-put", room.room_id, data)


def _not_of_the_file(known: ConfiguredRoom | None) -> None:
    """409 when a room belongs to the configuration file."""
    if known is not None and known.from_file:
        raise Problem(409, f"Room {known.name} belongs to the configuration file: change it there.", reason=R.FROM_FILE)


def _not_named(context: AppContext, config: Config, room: ConfiguredRoom, names: tuple[str, ...], done: str) -> None:
    """409 when rules or subscribers name a room: by these names, or in any way when there are none."""

    def names_it(patterns: tuple[str, ...]) -> bool:
        if names:
            return not set(names).isdisjoint(patterns)
        return names_room(config, patterns, room.room_id)

    if names:
        rules = sorted(name for name, rule in config.rules.items() if names_it(rule.rooms))
    else:
        rules = rules_naming(config, room.room_id)
    subscribers = sorted(
        known.name or known.subscriber_id for known in context.subscribers.all() if names_it(known.wanted.rooms)
    )
    naming = [f"rule {name}" for name in rules] + [f"subscriber {name}" for name in subscribers]
    if naming:
        shown = room.name or room.room_id
        raise Problem(409, f"Room {shown} cannot be {done}: it is named by {', '.join(naming)}. Change these first.")


def _answered(context: AppContext, room_id: str, event_id: str, status: int) -> Response:
    if not context.wait_until_processed(event_id):
        return accepted(event_id)
    config = context.state.names()
    if config.named(room_id) is None:
        raise Problem(409, "Somebody else changed the rooms meanwhile: read them again.")
    room = context.state.room(room_id) or Room(room_id)
    response = jsonify(room_view(room, config, context.now()))
    response.status_code = status
    return response
