"""Add, change and forget rooms; start, end, release and capture them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from webhook_app.domain.configuration.room_changes import is_busy, name_taken, names_room, rules_naming
from webhook_app.domain.events import Source
from webhook_app.domain.globs import any_glob_matches
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.error_reasons import ErrorReason
from webhook_app.providers.registry import PROVIDER
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import ConflictError, InvalidInputError, NotFoundError
from webhook_app.usecases.room_names import find_room, find_usable_room, lookup_room
from webhook_app.usecases.rule_lock import rule_lock
from webhook_app.usecases.stream_keys import sealed_override

LOCK = ":rooms"  # not a valid rule name
LOCKED = "The room list"


class RoomCommand(StrEnum):
    """What an operator can do with a room; the values are event types."""

    START = "start"
    END = "end"
    RELEASE = "release"
    CAPTURE = "capture"


def command_room(context: AppContext, reference: str, command: RoomCommand, data: Mapping[str, Any]) -> str:
    """Journal an operator's command for a room, given by name or id; return the event's id.

    `data` is a validated override, without the fields that are not set.
    """
    room_id = context.state.names().resolve_room(reference)
    if not any_glob_matches(room_id, context.rooms) or len(room_id) > PROVIDER.facts.id_max_chars:
        detail = f"Room {room_id} is not managed here (see the setting ROOMS)."
        raise NotFoundError(detail, reason=ErrorReason.ROOM_NOT_OURS)
    try:
        find_usable_room(context.state, reference)
    except NotFoundError:
        # The webhook that makes the room known may have been acknowledged and not processed yet.
        context.wait_until_processed(context.journal.last_id())
        find_usable_room(context.state, reference)
    context.refuse_when_observing()
    if not context.has_credentials:
        detail = "No VideoSDK credentials are set. Set VIDEOSDK_API_KEY and VIDEOSDK_SECRET."
        raise ConflictError(detail, reason=ErrorReason.NO_CREDENTIALS)
    return context.append(Source.OPERATOR, command.value, room_id, sealed_override(data, context.secret_box))


def add_room(context: AppContext, form: Mapping[str, Any]) -> str:
    """Add a room from a validated form; return the id of the journaled event."""
    room_id = str(form["room_id"])
    if not any_glob_matches(room_id, context.rooms):
        fault = "is excluded by the setting ROOMS: its webhooks are not kept"
        raise InvalidInputError("The room cannot be added.", errors={"room_id": [fault]})
    with rule_lock(context, LOCK, LOCKED):
        config = context.state.config()
        configured = config.named(room_id)
        if configured is not None:
            where = " in the configuration file" if configured.from_file else ""
            detail = f"Room {room_id} is already configured{where}, as {configured.name or 'a room without a name'}."
            raise ConflictError(detail, reason=ErrorReason.NAME_TAKEN)
        if room_id in config.shadowed:
            detail = f"{room_id} is the name of room {config.resolve_room(room_id)}; rename that room first."
            raise ConflictError(detail, errors={"room_id": [detail]}, reason=ErrorReason.NAME_TAKEN)
        if len(config.names) >= context.limits.rooms_max:
            detail = f"Room limit ({context.limits.rooms_max}) reached. Forget some rooms first."
            raise ConflictError(detail, reason=ErrorReason.LIMIT_REACHED)
        return _put(context, config, ConfiguredRoom(None, room_id, from_file=False), form)


def change_room(context: AppContext, reference: str, changes: Mapping[str, Any]) -> tuple[str, str]:
    """Change the name and groups of a room; return its id and the id of the journaled event.

    A room that was only seen becomes configured.
    """
    with rule_lock(context, LOCK, LOCKED):
        config = context.state.config()
        resolved = find_room(context.state, reference, config)
        room = resolved.configured or ConfiguredRoom(None, resolved.room_id, from_file=False)
        _require_editable(resolved.configured)
        name = changes.get("name", room.name)
        if room.name is not None and name != room.name:
            _require_unreferenced(context, config, room, (room.name,), "renamed")
        return resolved.room_id, _put(context, config, room, changes)


def forget_room(context: AppContext, reference: str) -> str:
    """Forget a room's state, name and groups; return the id of the journaled event."""
    with rule_lock(context, LOCK, LOCKED):
        config = context.state.config()
        resolved = find_room(context.state, reference, config)
        room = resolved.configured or ConfiguredRoom(None, resolved.room_id, from_file=False)
        _require_editable(resolved.configured)
        if resolved.state is not None and is_busy(resolved.state):
            raise ConflictError(f"Room {room.name or room.room_id} is live. End its stream first.")
        _require_unreferenced(context, config, room, (), "forgotten")
        return context.append(Source.CONFIG, "room-forgotten", room.room_id, {"room_id": room.room_id})


def _put(context: AppContext, config: Config, current: ConfiguredRoom, changes: Mapping[str, Any]) -> str:
    name, groups = changes.get("name", current.name), changes.get("groups", current.groups)
    room = ConfiguredRoom(name, current.room_id, tuple(dict.fromkeys(groups)), from_file=False)
    if name is not None and name != current.name:
        namesake = lookup_room(context.state, f"id:{name}", config)
        is_seen_id = name != room.room_id and namesake.state is not None and namesake.state.was_observed
        if name_taken(config, room) or is_seen_id:
            owner = (
                f"the name of room {config.resolve_room(name)}" if name in config.names else "the id of another room"
            )
            raise ConflictError(
                f"The name {name} is {owner}.",
                errors={"name": [f"{name} is {owner}; choose another"]},
                reason=ErrorReason.NAME_TAKEN,
            )
    data = {"room_id": room.room_id, "name": room.name, "groups": list(room.groups)}
    return context.append(Source.CONFIG, "room-put", room.room_id, data)


def _require_editable(room: ConfiguredRoom | None) -> None:
    if room is not None and room.from_file:
        detail = f"Room {room.name} is managed by the configuration file. Change it there."
        raise ConflictError(detail, reason=ErrorReason.FROM_FILE)


def _require_unreferenced(
    context: AppContext, config: Config, room: ConfiguredRoom, names: tuple[str, ...], operation: str
) -> None:
    """Raise ConflictError when rules or subscribers refer to a room: by one of `names`, or in any way without them."""

    def refers_to_room(patterns: tuple[str, ...]) -> bool:
        if names:
            return not set(names).isdisjoint(patterns)
        return names_room(config, patterns, room.room_id)

    if names:
        rules = sorted(name for name, rule in config.rules.items() if refers_to_room(rule.rooms))
    else:
        rules = rules_naming(config, room.room_id)
    subscribers = sorted(
        subscriber.name or subscriber.subscriber_id
        for subscriber in context.subscribers.all()
        if refers_to_room(subscriber.wanted.rooms)
    )
    references = [f"rule {name}" for name in rules] + [f"subscriber {name}" for name in subscribers]
    if references:
        title = room.name or room.room_id
        detail = f"Room {title} cannot be {operation}: it is used by {', '.join(references)}. Change these first."
        raise ConflictError(detail)
