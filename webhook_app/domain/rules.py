"""Rules as data: what they watch, what they do, and which rooms they are about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

CHAIN_MAX_PER_MINUTE = 12


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `on` a type with an optional `if`, or `when` a condition holds `for` a while; then `do`."""

    name: str
    rooms: tuple[str, ...]
    do: str
    on: str | None = None
    if_: str | None = None
    when: str | None = None
    for_s: int = 0
    message: str | None = None
    cooldown_s: int = 0
    start: Mapping[str, Any] = field(default_factory=dict)
    timezone: str = "UTC"
    paused: bool = False
    from_file: bool = False

    @property
    def because(self) -> str:
        """How a wish or a notice names its rule."""
        return f"rule:{self.name}"


@dataclass(frozen=True, slots=True)
class RuleMemory:
    """What a rule has done: when it last acted, and why its condition last could not be said."""

    last_fired_at: int | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class RoomName:
    """A room as the configuration names it."""

    name: str
    room_id: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What of the outside the folding depends on; journaled when it changes."""

    calls: bool = False
    bodies: bool = False


@dataclass(frozen=True)
class Config:
    """Rules and room names in force. Frozen: a change makes a new one, with a fresh index."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    names: Mapping[str, RoomName] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    index: dict[str, tuple[Rule, ...]] = field(default_factory=dict, compare=False, repr=False)
    by_room: dict[str, RoomName] = field(default_factory=dict, compare=False, repr=False)

    def about(self, room_id: str) -> tuple[Rule, ...]:
        """The rules on a room, oldest name first; computed once a room and configuration."""
        found = self.index.get(room_id)
        if found is None:
            named = self.named(room_id)
            found = tuple(
                rule
                for _, rule in sorted(self.rules.items())
                if not rule.paused and any(matches(pattern, room_id, named) for pattern in rule.rooms)
            )
            self.index[room_id] = found
        return found

    def named(self, room_id: str) -> RoomName | None:
        """How the configuration names a room."""
        if not self.by_room and self.names:
            self.by_room.update({known.room_id: known for known in self.names.values()})
        return self.by_room.get(room_id)


def matches(pattern: str, room_id: str, named: RoomName | None) -> bool:
    """Whether a rule's or subscriber's pattern means this room: a name, an id, a glob of ids, `group:x`."""
    if pattern.startswith("group:"):
        return named is not None and pattern[6:] in named.groups
    if named is not None and pattern == named.name:
        return True
    return pattern == room_id or fnmatchcase(room_id, pattern)
