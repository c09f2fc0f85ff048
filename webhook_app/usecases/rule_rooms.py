"""Warnings about a rule, with what the store knows of rooms: in the answers to `PUT`, in the editor, in the console."""

from collections.abc import Iterable
from typing import Any

from webhook_app.domain.rules.rule import Config, Rule
from webhook_app.providers.videosdk.types import DOCUMENTED_TYPES
from webhook_app.store import keys
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.rule_warnings import KnownRooms, RuleWarning, rule_quota_warning, rule_warnings


def seen_rooms(context: AppContext) -> list[str]:
    """The ids of all rooms that have a state."""
    return [room_id.decode() for room_id in context.client.zrange(keys.ROOMS, 0, -1)]


def rooms_of(context: AppContext, config: Config, rule: Rule) -> list[str]:
    """The rooms that a rule is about: those it names, and those seen that its patterns match."""
    return rooms_of_rules(context, config, [rule])[rule.name]


def rooms_of_rules(context: AppContext, config: Config, rules: Iterable[Rule]) -> dict[str, list[str]]:
    """The rooms of each rule by its name; the rooms that were seen are read once for all of them."""
    seen: list[str] | None = None
    found = {}
    for rule in rules:
        ids: Iterable[str] | None = config.rooms_of(rule)
        if ids is None:
            seen = seen_rooms(context) if seen is None else seen
            ids = (room_id for room_id in seen if any(config.matches(pattern, room_id) for pattern in rule.rooms))
        found[rule.name] = sorted(ids)
    return found


def rooms_with_windows(context: AppContext, config: Config) -> list[str]:
    """The rooms of all rules with a schedule."""
    scheduled = [rule for rule in config.rules.values() if rule.schedule is not None]
    return sorted({room_id for ids in rooms_of_rules(context, config, scheduled).values() for room_id in ids})


def warnings_of(context: AppContext, rule: Rule, config: Config) -> list[RuleWarning]:
    """Everything that `config check` would warn of, and what only the store knows; `config` may lack the rule."""
    known = KnownRooms(config, _really_seen(context, rule, config), context.rooms)
    warnings = rule_warnings(rule, known, types=DOCUMENTED_TYPES)
    if context.max_streams is not None and rule.schedule is not None:
        with_rule = config.with_rule(rule)
        rooms = rooms_with_windows(context, with_rule)
        crowded = rule_quota_warning(rule, with_rule, rooms, at=context.now(), limit=context.max_streams)
        warnings += [crowded] if crowded is not None else []
    return warnings


def _really_seen(context: AppContext, rule: Rule, config: Config) -> set[str]:
    """The ids of rooms with a state, without those of the rule that only rules have mentioned."""
    seen = set(seen_rooms(context))
    named = [room_id for pattern in rule.rooms if (room_id := config.resolve_room(pattern)) in seen]
    return seen - {room.room_id for room in context.state.rooms(named).values() if not room.was_observed}


def warning_views(warnings: list[RuleWarning]) -> list[dict[str, Any]]:
    """Warnings as the API shows them."""
    return [{"field": one.field, "reason": one.reason.value, "message": one.message} for one in warnings]
