"""The rulebook: changes of rules, room names and settings, each giving a new configuration."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from webhook_app.domain.rules import RoomName, Rule, Settings, make_config
from webhook_app.domain.turn import Outcome, World


def put_rule(world: World, outcome: Outcome, data: Mapping[str, Any]) -> set[str]:
    """A rule was put by the API; what the file names belongs to the file."""
    rule = rule_from(data["rule"])
    known = world.config.rules.get(rule.name)
    if known is not None and known.from_file:
        outcome.effect = f"no change: rule {rule.name} belongs to the configuration file"
        return set()
    if known == rule:
        outcome.effect = f"no change: rule {rule.name} says this already"
        return set()
    outcome.config = world.config.with_rule(rule)
    outcome.effect = f"rule {rule.name} {'changed' if known else 'added'}"
    return {rule.name}


def delete_rule(world: World, outcome: Outcome, data: Mapping[str, Any]) -> set[str]:
    """A rule was deleted by the API."""
    name = str(data["name"])
    known = world.config.rules.get(name)
    if known is None or known.from_file:
        outcome.effect = f"no change: no rule {name} of the API's"
        return set()
    outcome.config = world.config.without_rule(known)
    outcome.effect = f"rule {name} deleted"
    return {name}


def pause_rule(world: World, outcome: Outcome, data: Mapping[str, Any]) -> set[str]:
    """A rule was paused or resumed."""
    name, paused = str(data["name"]), data["_type"] == "rule-paused"
    known = world.config.rules.get(name)
    if known is None or known.paused == paused:
        outcome.effect = "no change: there is no such rule" if known is None else "no change: it is so already"
        return set()
    outcome.config = world.config.with_rule(replace(known, paused=paused))
    outcome.effect = f"rule {name} {'paused' if paused else 'resumed'}"
    return {name}


def apply_file(world: World, outcome: Outcome, data: Mapping[str, Any]) -> set[str]:
    """The configuration file as a whole: what left it is deleted, what the API made stays."""
    old = world.config.rules
    new = {rule.name: rule for rule in (replace(rule_from(raw), from_file=True) for raw in data.get("rules", []))}
    for name, rule in new.items():
        if name in old and old[name].paused:
            new[name] = replace(rule, paused=True)
    names = {
        str(name): RoomName(str(name), str(raw["room_id"]), tuple(raw.get("groups", ())))
        for name, raw in data.get("rooms", {}).items()
    }
    kept = {name: rule for name, rule in old.items() if not rule.from_file and name not in new}
    rules = {**kept, **new}
    changed = {name for name in old.keys() | rules.keys() if old.get(name) != rules.get(name)}
    if names != world.config.names:
        changed |= {name for name, rule in rules.items() if rule.when is not None}
    if not changed and names == world.config.names:
        outcome.effect = "no change: the configuration file says this already"
        return set()
    outcome.config = make_config(rules, names, world.config.settings)
    outcome.effect = f"configuration file applied: {len(new)} rules, {len(names)} rooms"
    return changed


def put_settings(world: World, outcome: Outcome, data: Mapping[str, Any]) -> set[str]:
    """What of the outside the folding depends on has changed."""
    known = world.config.settings
    settings = Settings(
        calls=bool(data.get("calls", known.calls)),
        bodies=bool(data.get("bodies", known.bodies)),
    )
    if settings == known:
        outcome.effect = "no change"
        return set()
    outcome.config = replace(world.config, settings=settings)
    outcome.effect = f"calls {'on' if settings.calls else 'off'}, bodies {'told' if settings.bodies else 'not told'}"
    return set()


def rooms_touched(world: World, kind: str, data: Mapping[str, Any]) -> frozenset[str] | None:
    """The rooms that a change of rules may touch, or None for all of them."""
    config = world.config
    touched: set[str] = set()
    if kind not in ("rule-put", "rule-deleted", "rule-paused", "rule-resumed"):
        return None
    name = data["rule"]["name"] if kind == "rule-put" else data["name"]
    for rule in (config.rules.get(str(name)), rule_from(data["rule"]) if kind == "rule-put" else None):
        if rule is not None:
            rooms = config.rooms_of(rule)
            if rooms is None:
                return None
            touched |= rooms
    return frozenset(touched)


def rule_from(data: Mapping[str, Any]) -> Rule:
    """A rule from its checked form, as the door hands it in and the journal keeps it."""
    return Rule(
        name=str(data["name"]),
        rooms=tuple(data["rooms"]),
        do=str(data["do"]),
        on=data.get("on"),
        if_=data.get("if"),
        when=data.get("when"),
        for_s=int(data.get("for_s") or 0),
        message=data.get("message"),
        cooldown_s=int(data.get("cooldown_s") or 0),
        start=data.get("start") or {},
        timezone=str(data.get("timezone") or "UTC"),
        paused=bool(data.get("paused", False)),
    )
