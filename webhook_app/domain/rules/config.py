"""The configuration in force: rules with their index by room, configured rooms, calendars and settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from webhook_app.domain.frozen import replace
from webhook_app.domain.globs import glob_matches, is_glob
from webhook_app.domain.persistent_map import PersistentMap
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.configured_rooms import (
    ID_PREFIX,
    ConfiguredRoom,
    matches,
    plain_patterns,
    rooms_by_id,
    shadowed_ids,
)
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import ConditionTrigger, EventTrigger, ScheduleTrigger
from webhook_app.domain.schedules.calendars.calendar import Calendars

MAX_STREAM_S = 7_200  # until the journal has the setting


@dataclass(frozen=True)
class Settings:
    """What the reducer depends on outside the journal; a change of it is journaled.

    `paused`: VideoSDK does not accept our token, so nothing is called until a probe is answered again.
    `max_stream_s`: how long the provider lets a stream run.
    `observing`: this copy of the product records only; then `calls` is false, and no notice leaves it.
    """

    calls: bool = False
    bodies: bool = False
    paused: bool = False
    max_stream_s: int = MAX_STREAM_S
    observing: bool = False

    def reason_for_no_calls(self, otherwise: Reason) -> Reason:
        """Why nothing is called: this copy only observes, or else the caller's reason (missing credentials)."""
        return Reason.OBSERVING if self.observing else otherwise


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """Rule names by their room patterns, so that a room's rules are found without a search of all rules."""

    plain: PersistentMap[tuple[str, ...]] = field(default_factory=PersistentMap)
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


@dataclass(frozen=True, slots=True)
class RoomRules:
    """The rules of one room by name, without paused ones, and those that each stage of its step evaluates.

    `on_control` are those `on_state` that may depend on what the controller changes; `with_mp4` want MP4 files.
    """

    rules: tuple[Rule, ...]
    on_event: tuple[tuple[Rule, EventTrigger], ...]
    on_state: tuple[tuple[Rule, ConditionTrigger], ...]
    on_control: tuple[tuple[Rule, ConditionTrigger], ...]
    with_mp4: tuple[Rule, ...]


def _room_rules(rules: tuple[Rule, ...]) -> RoomRules:
    on_event: list[tuple[Rule, EventTrigger]] = []
    on_state: list[tuple[Rule, ConditionTrigger]] = []
    for rule in rules:
        match rule.trigger:
            case EventTrigger() as trigger:
                on_event.append((rule, trigger))
            case ConditionTrigger() as trigger:
                on_state.append((rule, trigger))
            case ScheduleTrigger():
                pass  # `schedules.windows` runs when its timers go off
            case _ as never:
                assert_never(never)
    on_control = tuple((rule, trigger) for rule, trigger in on_state if trigger.depends_on_control)
    with_mp4 = tuple(rule for rule in rules if rule.mp4)
    return RoomRules(rules, tuple(on_event), tuple(on_state), on_control, with_mp4)


@dataclass(frozen=True)
class Config:
    """Rules and configured rooms in force. Frozen: a change makes a new one.

    `names` holds the configured rooms by `ConfiguredRoom.key`, `by_room` by id. `shadowed` are ids that are the name of
    another room: without `id:`, they mean that room.
    """

    rules: PersistentMap[Rule] = field(default_factory=PersistentMap)
    names: Mapping[str, ConfiguredRoom] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    calendars: Calendars = field(default_factory=dict)
    index: RuleIndex = field(default_factory=RuleIndex, compare=False, repr=False)
    by_room: Mapping[str, ConfiguredRoom] = field(default_factory=dict, compare=False, repr=False)
    shadowed: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    rules_by_room: dict[str, RoomRules] = field(default_factory=dict, compare=False, repr=False)

    def about(self, room_id: str) -> tuple[Rule, ...]:
        """The rules of a room by name, without paused ones."""
        return self.room_rules(room_id).rules

    def room_rules(self, room_id: str) -> RoomRules:
        """The rules of a room by what sets them off; cached per room."""
        room_rules = self.rules_by_room.get(room_id)
        if room_rules is None:
            patterns = plain_patterns(room_id, self.by_room.get(room_id), shadowed=room_id in self.shadowed)
            names = {name for pattern in patterns for name in self.index.plain.get(pattern, ())}
            names |= {name for pattern, name in self.index.globs if glob_matches(room_id, pattern)}
            room_rules = _room_rules(tuple(rule for name in sorted(names) if not (rule := self.rules[name]).paused))
            self.rules_by_room[room_id] = room_rules
        return room_rules

    def named(self, room_id: str) -> ConfiguredRoom | None:
        """A room as it is configured, None when it is not."""
        return self.by_room.get(room_id)

    def room_name(self, room_id: str | None) -> str | None:
        """A room's name, None when it has none."""
        configured = self.by_room.get(room_id or "")
        return None if configured is None else configured.name

    def resolve_room(self, reference: str) -> str:
        """The id of the room that a name, an id or `id:` and an id stands for; a name comes before an id."""
        configured = self.names.get(reference)
        return configured.room_id if configured is not None else reference.removeprefix(ID_PREFIX)

    def matches(self, pattern: str, room_id: str) -> bool:
        """Whether a rule's pattern means this room."""
        return matches(pattern, room_id, self.by_room.get(room_id), shadowed=room_id in self.shadowed)

    def with_rooms(self, names: Mapping[str, ConfiguredRoom]) -> "Config":
        """The configuration with other configured rooms."""
        by_room = rooms_by_id(names)
        return replace(self, names=names, by_room=by_room, shadowed=shadowed_ids(names), rules_by_room={})

    def with_rule(self, rule: Rule) -> "Config":
        """The configuration with a rule added or changed."""
        old = self.rules.get(rule.name)
        index = self.index if old is None else self.index.without_rule(old)
        return replace(self, rules=self.rules.put(rule.name, rule), index=index.with_rule(rule), rules_by_room={})

    def without_rule(self, rule: Rule) -> "Config":
        """The configuration without a rule."""
        return replace(self, rules=self.rules.drop(rule.name), index=self.index.without_rule(rule), rules_by_room={})

    def rooms_of(self, rule: Rule) -> frozenset[str] | None:
        """The ids of the rooms that a rule is about, or None when it may be about any."""
        ids: set[str] = set()
        for pattern in rule.rooms:
            if is_glob(pattern):
                return None
            if pattern.startswith("group:"):
                ids |= {configured.room_id for configured in self.names.values() if pattern[6:] in configured.groups}
            else:
                ids.add(self.resolve_room(pattern))
        return frozenset(ids)


def make_config(
    rules: Mapping[str, Rule],
    names: Mapping[str, ConfiguredRoom],
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
    index = RuleIndex(
        PersistentMap({pattern: tuple(rule_names) for pattern, rule_names in plain.items()}), tuple(globs)
    )
    return Config(
        PersistentMap(rules), names, settings, calendars or {}, index, rooms_by_id(names), shadowed_ids(names)
    )
