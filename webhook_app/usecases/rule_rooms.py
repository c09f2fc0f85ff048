"""The rooms that rules apply to, and warnings about a rule in the light of the rooms in the store."""

from collections.abc import Iterable
from typing import Any

from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import Rule
from webhook_app.providers.registry import PROVIDER
from webhook_app.store.queries.rooms import known_room_ids
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.rule_warnings import KnownRooms, RuleWarning, rule_quota_warning, rule_warnings


def seen_rooms(context: AppContext) -> list[str]:
    """Return the ids of all rooms that have a state."""
    return known_room_ids(context.client)


def rooms_of(context: AppContext, config: Config, rule: Rule) -> list[str]:
    """Return the rooms that a rule applies to: those it names, and those with a state that its patterns match."""
    return rooms_of_rules(context, config, [rule])[rule.name]


def rooms_of_rules(context: AppContext, config: Config, rules: Iterable[Rule]) -> dict[str, list[str]]:
    """Return the rooms of several rules by rule name."""
    seen_ids: list[str] | None = None  # read once, and only when a rule has patterns
    rooms = {}
    for rule in rules:
        ids: Iterable[str] | None = config.rooms_of(rule)
        if ids is None:
            seen_ids = seen_rooms(context) if seen_ids is None else seen_ids
            ids = (room_id for room_id in seen_ids if any(config.matches(pattern, room_id) for pattern in rule.rooms))
        rooms[rule.name] = sorted(ids)
    return rooms


def rooms_with_windows(context: AppContext, config: Config) -> list[str]:
    """Return the rooms of all rules with a schedule."""
    scheduled = [rule for rule in config.rules.values() if rule.schedule_trigger is not None]
    return sorted({room_id for ids in rooms_of_rules(context, config, scheduled).values() for room_id in ids})


def warnings_of(context: AppContext, rule: Rule, config: Config) -> list[RuleWarning]:
    """Return the warnings of `config check`, and those that need the store. `config` need not contain the rule."""
    known_rooms = KnownRooms(config, _seen_without_rule(context, rule, config), context.rooms)
    warnings = rule_warnings(rule, known_rooms, types=PROVIDER.facts.documented_types)
    if context.max_streams is not None and rule.schedule_trigger is not None:
        with_rule = config.with_rule(rule)
        rooms = rooms_with_windows(context, with_rule)
        quota_warning = rule_quota_warning(rule, with_rule, rooms, at=context.now(), limit=context.max_streams)
        warnings += [quota_warning] if quota_warning is not None else []
    return warnings


def _seen_without_rule(context: AppContext, rule: Rule, config: Config) -> set[str]:
    """The ids of rooms with a state, except rooms of this rule that have one only because a rule names them."""
    seen_ids = set(seen_rooms(context))
    named = [room_id for pattern in rule.rooms if (room_id := config.resolve_room(pattern)) in seen_ids]
    return seen_ids - {room.room_id for room in context.state.rooms(named).values() if not room.was_observed}


def warning_views(warnings: Iterable[RuleWarning]) -> list[dict[str, Any]]:
    """Render warnings for the API."""
    return [
        {"field": warning.field, "reason": warning.reason.value, "message": warning.message} for warning in warnings
    ]
