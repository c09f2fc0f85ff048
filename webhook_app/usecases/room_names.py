"""Resolve what a user calls a room to its id: a configured name, an id, or `id:` and an id.

A name comes before an id. Everything behind the edge, the journal above all, holds ids.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from webhook_app.domain.room import Room
from webhook_app.domain.rules.rule import ID_PREFIX, Config, ConfiguredRoom
from webhook_app.problems.problems import Problem
from webhook_app.problems.reasons import ErrorReason
from webhook_app.providers.videosdk.webhook_body import ID_MAX_CHARS
from webhook_app.store.state.store import StateStore

SUGGESTED_FROM_MAX = 2_000
SUGGESTION_CUTOFF = 0.7
SHOWN_MAX_CHARS = 100


@dataclass(frozen=True, slots=True)
class ResolvedRoom:
    """A room that somebody named: its id, its configuration if it has one, its state if there is one."""

    room_id: str
    configured: ConfiguredRoom | None
    state: Room | None

    @property
    def is_usable(self) -> bool:
        """Whether commands are accepted: the room is configured or was seen. A rule's mention is not enough."""
        return self.configured is not None or (self.state is not None and self.state.was_observed)


def lookup_room(state: StateStore, reference: str, config: Config | None = None) -> ResolvedRoom:
    """What is known of the room that a name, an id or `id:` and an id stands for."""
    config = state.names() if config is None else config
    room_id = config.resolve_room(reference)
    return ResolvedRoom(room_id, config.named(room_id), state.room(room_id) if len(room_id) <= ID_MAX_CHARS else None)


def find_room(state: StateStore, reference: str, config: Config | None = None) -> ResolvedRoom:
    """A room to read, by name or id; Problem 404 when nothing is known of it."""
    config = state.names() if config is None else config
    found = lookup_room(state, reference, config)
    if found.state is None and found.configured is None:
        raise unknown_room(state, config, reference)
    return found


def find_usable_room(state: StateStore, reference: str) -> ResolvedRoom:
    """A room for a command, by name or id; Problem 404 when it is neither configured nor seen."""
    config = state.names()
    found = lookup_room(state, reference, config)
    if not found.is_usable:
        raise unknown_room(state, config, reference)
    return found


def find_room_id(state: StateStore, reference: str | None) -> str | None:
    """The id for a filter of a list, None for no filter. Nothing need be known of the room: the list is empty then."""
    return None if reference is None else state.names().resolve_room(reference)


def unknown_room(state: StateStore, config: Config, reference: str) -> Problem:
    """Problem 404 for a room that is neither configured nor seen, with the closest one and how to add it."""
    closest = closest_room(reference, config, state.newest_room_ids(SUGGESTED_FROM_MAX))
    shown = reference if len(reference) <= SHOWN_MAX_CHARS else reference[:SHOWN_MAX_CHARS] + "…"
    did_you_mean = f" Did you mean {closest}?" if closest is not None else ""
    return Problem(
        404,
        f"Room {shown} is neither configured nor seen.{did_you_mean}"
        " To add it, give its id to `tally rooms add` or POST /api/v1/rooms.",
        reason=ErrorReason.UNKNOWN_ROOM,
    )


def closest_room(reference: str, config: Config, seen: Iterable[str] = ()) -> str | None:
    """The name or id closest to what was given, None when none is close. A configured room is shown by its name."""
    if len(reference) > ID_MAX_CHARS:
        return None
    candidates = {room_id: config.room_name(room_id) or room_id for room_id in [*seen, *config.by_room]}
    candidates |= {known.name: known.name for known in config.names.values() if known.name is not None}
    by_lower_case = {candidate.lower(): shown for candidate, shown in candidates.items() if candidate != reference}
    close = get_close_matches(reference.lower(), by_lower_case, n=1, cutoff=SUGGESTION_CUTOFF)
    return by_lower_case[close[0]] if close else None


def room_reference(room_id: str, config: Config) -> str:
    """What stands for a room's id in an address, so that it comes back as this room.

    Browsers and HTTP clients drop the path segments `.` and `..`, encoded or not; nginx decodes `%2F` before it does.
    """
    needs_prefix = room_id.split("/")[0] in (".", "..") or room_id.startswith(ID_PREFIX) or room_id in config.shadowed
    return ID_PREFIX + room_id if needs_prefix else room_id
