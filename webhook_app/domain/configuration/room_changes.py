"""Changes of single rooms: adding, naming and grouping one, and forgetting one. The file's rooms belong to the file."""

from collections.abc import Iterable

from webhook_app.domain.facts.configuration import ForgetRoom, PutRoom
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.domain.state import SystemState


def put_room(state: SystemState, outcome: StepOutcome, change: PutRoom) -> set[str]:
    """Configure a room: its name and groups become those given. Returns the rules that may now mean other rooms.

    1. A room of the configuration file stays as the file says.
    2. A name that another room has, or that is another configured room's id, is not given away.
    3. A room that exists only because a rule or a command took its name for an id is dropped.
    """
    config = state.config
    room = change.room
    configured = config.named(room.room_id)
    if configured is not None and configured.from_file:
        outcome.record_effect(Reason.ROOM_FROM_FILE, room=configured.label)
    elif name_taken(config, room):
        outcome.record_effect(Reason.ROOM_NAME_TAKEN, room=room.name)
    elif room == configured:
        outcome.record_effect(Reason.ROOM_UNCHANGED, room=room.label)
    else:
        rest = {key: other for key, other in config.names.items() if other.room_id != room.room_id}
        outcome.config = config.with_rooms({**rest, room.key: room})
        outcome.record_effect(Reason.ROOM_ADDED if configured is None else Reason.ROOM_CHANGED, room=room.label)
        drop_mistaken_rooms(state, outcome)
        return rules_affected(config, outcome.config)
    return set()


def forget_room(state: SystemState, outcome: StepOutcome, change: ForgetRoom) -> set[str]:
    """Drop a room's state, name and groups. Its events stay, and a new webhook makes it known again."""
    room_id = change.room_id
    config, room = state.config, state.rooms.get(room_id)
    configured = config.named(room_id)
    if configured is not None and configured.from_file:
        outcome.record_effect(Reason.ROOM_FROM_FILE, room=configured.label)
    elif room is not None and is_busy(room):
        outcome.record_effect(Reason.ROOM_LIVE)
    elif naming := rules_naming(config, room_id):
        outcome.record_effect(Reason.ROOM_NAMED_BY_RULES, rules=", ".join(naming))
    elif room is None and configured is None:
        outcome.record_effect(Reason.ROOM_UNKNOWN)
    else:
        outcome.forgotten_rooms.add(room_id)
        outcome.record_effect(Reason.ROOM_FORGOTTEN, room=room_id if configured is None else configured.label)
        if configured is not None:
            outcome.config = config.with_rooms(
                {key: other for key, other in config.names.items() if other is not configured}
            )
            return rules_affected(config, outcome.config)
    return set()


def name_taken(config: Config, room: ConfiguredRoom) -> bool:
    """Whether a room's name already means another one, as its name or as a configured id."""
    if room.name is None:
        return False
    named = config.names.get(room.name)
    return (named is not None and named.room_id != room.room_id) or (
        room.name != room.room_id and config.named(room.name) is not None
    )


def is_busy(room: Room) -> bool:
    """Whether a room has a live stream or a call under way, so that it cannot be forgotten."""
    views = (room.seen_from(output) for output in room.outputs)
    return any(view.control.call is not None or view.has_live_stream for view in views)


def rules_naming(config: Config, room_id: str) -> list[str]:
    """The rules that name a room by its name or id, not by a glob or group."""
    return sorted(name for name, rule in config.rules.items() if names_room(config, rule.rooms, room_id))


def names_room(config: Config, patterns: Iterable[str], room_id: str) -> bool:
    """Whether one of these patterns is the room's name or id."""
    configured = config.named(room_id)
    references = {f"id:{room_id}", *(() if room_id in config.shadowed else (room_id,))}
    return not (
        references | ({configured.name} if configured is not None and configured.name is not None else set())
    ).isdisjoint(patterns)


def rules_affected(before: Config, after: Config) -> set[str]:
    """The rules that are about a room whose configuration differs, before or after."""
    changed = {
        room_id
        for room_id in before.by_room.keys() | after.by_room.keys() | (before.shadowed ^ after.shadowed)
        if before.named(room_id) != after.named(room_id) or (room_id in before.shadowed) != (room_id in after.shadowed)
    }
    return {rule.name for config in (before, after) for room_id in changed for rule in config.about(room_id)}


def drop_mistaken_rooms(state: SystemState, outcome: StepOutcome) -> None:
    """Drop rooms whose id is now another room's name, if nothing was ever seen of them and nothing is under way."""
    config = outcome.config or state.config
    for room_id in config.shadowed - state.config.shadowed:
        room = state.rooms.get(room_id)
        if room is not None and config.named(room_id) is None and not room.was_observed and not is_busy(room):
            outcome.forgotten_rooms.add(room_id)
