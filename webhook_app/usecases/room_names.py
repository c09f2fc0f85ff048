"""Resolve a room reference to an id. A reference is a configured name, an id, or `id:` and an id.

Names take precedence over ids. The journal and the store contain ids only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.configured_rooms import ID_PREFIX, ConfiguredRoom
from webhook_app.error_reasons import ErrorReason
from webhook_app.providers.registry import PROVIDER
from webhook_app.store.state.store import StateStore
from webhook_app.usecases.errors import NotFoundError

SUGGESTED_FROM_MAX = 2_000
SUGGESTION_CUTOFF = 0.7
SHOWN_MAX_CHARS = 100


@dataclass(frozen=True, slots=True)
class ResolvedRoom:
    """The room that a reference stands for: its id, and its configuration and state where it has them."""

    room_id: str
    configured: ConfiguredRoom | None
    state: Room | None

    @property
    def is_usable(self) -> bool:
        """Whether commands are accepted: the room is configured or was seen. A room that only a rule names is not."""
        return self.configured is not None or (self.state is not None and self.state.was_observed)


def lookup_room(state: StateStore, reference: str, config: Config | None = None) -> ResolvedRoom:
    """Resolve a reference to a room that need not exist."""
    config = state.names() if config is None else config
    room_id = config.resolve_room(reference)
    is_id = len(room_id) <= PROVIDER.facts.id_max_chars
    return ResolvedRoom(room_id, config.named(room_id), state.room(room_id) if is_id else None)


def find_room(state: StateStore, reference: str, config: Config | None = None) -> ResolvedRoom:
    """Resolve a reference to a room to read; raise NotFoundError for an unknown room."""
    config = state.names() if config is None else config
    room = lookup_room(state, reference, config)
    if room.state is None and room.configured is None:
        raise unknown_room(state, config, reference)
    return room


def find_usable_room(state: StateStore, reference: str) -> ResolvedRoom:
    """Resolve a reference to a room that accepts commands; raise NotFoundError for another."""
    config = state.names()
    room = lookup_room(state, reference, config)
    if not room.is_usable:
        raise unknown_room(state, config, reference)
    return room


def find_room_id(state: StateStore, reference: str | None) -> str | None:
    """Resolve the room filter of a list, None for no filter. The room need not exist."""
    return None if reference is None else state.names().resolve_room(reference)


def unknown_room(state: StateStore, config: Config, reference: str) -> NotFoundError:
    """Build the error for a room that is neither configured nor seen. It suggests a similar room and how to add one."""
    closest = closest_room(reference, config, state.newest_room_ids(SUGGESTED_FROM_MAX))
    label = reference if len(reference) <= SHOWN_MAX_CHARS else reference[:SHOWN_MAX_CHARS] + "…"
    suggestion = f" Did you mean {closest}?" if closest is not None else ""
    return NotFoundError(
        f"Room {label} not found.{suggestion} To add it, pass its id to `tally rooms add` or POST /api/v1/rooms.",
        reason=ErrorReason.UNKNOWN_ROOM,
    )


def closest_room(reference: str, config: Config, seen_ids: Iterable[str] = ()) -> str | None:
    """Return the name or id most similar to a reference, or None. Configured rooms are suggested by name."""
    if len(reference) > PROVIDER.facts.id_max_chars:
        return None
    candidates = {room_id: config.room_name(room_id) or room_id for room_id in [*seen_ids, *config.by_room]}
    candidates |= {room.name: room.name for room in config.names.values() if room.name is not None}
    by_lower_case = {candidate.lower(): label for candidate, label in candidates.items() if candidate != reference}
    close = get_close_matches(reference.lower(), by_lower_case, n=1, cutoff=SUGGESTION_CUTOFF)
    return by_lower_case[close[0]] if close else None


def room_reference(room_id: str, config: Config) -> str:
    """Return the reference to use in a URL path, so that it resolves to this room again.

    Browsers and HTTP clients drop the path segments `.` and `..`, also when encoded; nginx decodes `%2F` before that.
    """
    needs_prefix = room_id.split("/")[0] in (".", "..") or room_id.startswith(ID_PREFIX) or room_id in config.shadowed
    return ID_PREFIX + room_id if needs_prefix else room_id
