"""Rules as data: what they watch, what they do, and which rooms they are about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webhook_app.domain.calendar import Calendars
from webhook_app.domain.globs import glob_matches, is_glob
from webhook_app.domain.schedule import Schedule
from webhook_app.domain.spread import Spread
from webhook_app.domain.values import replace

CHAIN_MAX_PER_MINUTE = 12


@dataclass(frozen=True)
class Rule:
    """One rule: a `schedule`, `on` a type with an optional `if`, or `when` a condition holds `for` a while.

    `given` is the schedule as it was put, for showing; `skipped` are openings that are passed over, in ms.
    """

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
    schedule: Schedule | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    skipped: tuple[int, ...] = ()
    late_after_s: int = 60
    remind_s: int | None = None
    end_when_empty_s: int | None = None
    overrun_s: int | None = None
    max_run_s: int | None = None
    restart: str = "on-failure"

    @property
    def because(self) -> str:
        """How a wish or a notice names its rule."""
        return f"rule:{self.name}"


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Settings:
    """What of the outside the folding depends on; journaled when it changes.

    `paused`: VideoSDK does not accept our token, so nothing is called until a question is answered again.
    """

    calls: bool = False
    bodies: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """Which rules a pattern belongs to, so that a room's rules are found without looking at the others'."""

    plain: Spread[tuple[str, ...]] = field(default_factory=Spread)
    globs: tuple[tuple[str, str], ...] = ()

    def with_rule(self, rule: Rule) -> "RuleIndex":
        """The index with one rule more."""
        plain, globs = self.plain, list(self.globs)
        for pattern in rule.rooms:
            if is_glob(pattern):
                globs.append((pattern, rule.name))
            else:
                plain = plain.put(pattern, (*plain.get(pattern, ()), rule.name))
        return RuleIndex(plain, tuple(globs))

    def without_rule(self, rule: Rule) -> "RuleIndex":
        """The index without a rule."""
        plain = self.plain
        for pattern in rule.rooms:
            if pattern in plain:
                left = tuple(name for name in plain[pattern] if name != rule.name)
                plain = plain.put(pattern, left) if left else plain.drop(pattern)
        return RuleIndex(plain, tuple(pair for pair in self.globs if pair[1] != rule.name))


@dataclass(frozen=True)
class Config:
    """Rules and room names in force. Frozen: a change makes a new one."""

    rules: Spread[Rule] = field(default_factory=Spread)
    names: Mapping[str, RoomName] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    calendars: Calendars = field(default_factory=dict)
    index: RuleIndex = field(default_factory=RuleIndex, compare=False, repr=False)
    by_room: Mapping[str, RoomName] = field(default_factory=dict, compare=False, repr=False)
    found: dict[str, tuple[Rule, ...]] = field(default_factory=dict, compare=False, repr=False)

    def about(self, room_id: str) -> tuple[Rule, ...]:
        """The rules on a room by name, paused ones left out; looked up once a room and configuration."""
        known = self.found.get(room_id)
        if known is None:
            named = self.by_room.get(room_id)
            patterns = [room_id, *((named.name, *(f"group:{group}" for group in named.groups)) if named else ())]
            names = {name for pattern in patterns for name in self.index.plain.get(pattern, ())}
            names |= {name for pattern, name in self.index.globs if glob_matches(room_id, pattern)}
            known = tuple(rule for name in sorted(names) if not (rule := self.rules[name]).paused)
            self.found[room_id] = known
        return known

    def named(self, room_id: str) -> RoomName | None:
        """How the configuration names a room."""
        return self.by_room.get(room_id)

    def with_rule(self, rule: Rule) -> "Config":
        """The configuration with a rule added or changed."""
        old = self.rules.get(rule.name)
        index = self.index if old is None else self.index.without_rule(old)
        return replace(self, rules=self.rules.put(rule.name, rule), index=index.with_rule(rule), found={})

    def without_rule(self, rule: Rule) -> "Config":
        """The configuration without a rule."""
        return replace(self, rules=self.rules.drop(rule.name), index=self.index.without_rule(rule), found={})

    def rooms_of(self, rule: Rule) -> frozenset[str] | None:
        """The ids of the rooms that a rule is about, or None when it may be about any."""
        ids: set[str] = set()
        for pattern in rule.rooms:
            if is_glob(pattern):
                return None
            if pattern.startswith("group:"):
                ids |= {known.room_id for known in self.names.values() if pattern[6:] in known.groups}
            else:
                ids.add(self.names[pattern].room_id if pattern in self.names else pattern)
        return frozenset(ids)


def make_config(
    rules: Mapping[str, Rule],
    names: Mapping[str, RoomName],
    settings: Settings,
    calendars: Calendars | None = None,
) -> Config:
    """A configuration with its index."""
    plain: dict[str, list[str]] = {}
    globs: list[tuple[str, str]] = []
    for rule in rules.values():
        for pattern in rule.rooms:
            if is_glob(pattern):
                globs.append((pattern, rule.name))
            else:
                plain.setdefault(pattern, []).append(rule.name)
    index = RuleIndex(Spread({pattern: tuple(found) for pattern, found in plain.items()}), tuple(globs))
    by_room = {known.room_id: known for known in names.values()}
    return Config(Spread(rules), names, settings, calendars or {}, index, by_room)


def matches(pattern: str, room_id: str, named: RoomName | None) -> bool:
    """Whether a rule's or subscriber's pattern means this room: a name, an id, a glob of ids, `group:x`."""
    if pattern.startswith("group:"):
        return named is not None and pattern[6:] in named.groups
    if named is not None and pattern == named.name:
        return True
    return pattern == room_id or glob_matches(room_id, pattern)
