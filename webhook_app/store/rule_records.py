"""Rules as they are stored: one flat object with the fields of the rule and those of every kind of trigger.

The fields of the first kinds of triggers are in every stored rule, with their defaults where the rule has another
trigger: null where there is none. Those of a later kind are in its own rules alone, so that the bytes of others stay.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

import msgspec

from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.rule import Rule, RuleFields
from webhook_app.domain.rules.triggers import (
    NO_TRIGGER,
    TRIGGERS,
    ConditionTrigger,
    EventTrigger,
    ScheduleTrigger,
    Trigger,
    kind_in,
)

# The order in which earlier versions wrote the fields: a rule's ETag comes from its stored bytes.
_ORDER = (
    *("name", "rooms", "do", "on", "if_", "when", "for_s", "message", "cooldown_s"),
    *("start", "timezone", "paused", "from_file", "schedule"),
)

# Fields of later versions, stored with another value than their default alone.
_LATER: Mapping[str, Any] = {
    "output": Output.HLS,
    "outputs": (Output.HLS,),
    "recording": {},
    "rtmp": {},
    "mp4": False,
}


def rule_record(rule: Rule) -> dict[str, Any]:
    """The stored form of a rule."""
    record = {field.name: getattr(rule, field.name) for field in fields(RuleFields)}
    record |= _DEFAULTS | {field.name: getattr(rule.trigger, field.name) for field in fields(rule.trigger)}
    first = {name: record[name] for name in _ORDER}
    return {name: value for name, value in (first | record).items() if name not in _LATER or value != _LATER[name]}


def rule_from_record(record: Mapping[str, Any]) -> Rule:
    """The rule in its stored form. ValueError for one that cannot be read."""
    if "trigger" in record:
        raise ValueError("a stored rule holds the fields of its trigger, not the trigger")
    rule_fields = msgspec.convert(record, RuleFields)
    return Rule(**vars(rule_fields), trigger=_trigger(record))


def _trigger(record: Mapping[str, Any]) -> Trigger:
    kind = kind_in(record)
    return NO_TRIGGER if kind is None else msgspec.convert(record, TRIGGERS[kind])


def _default_of(field: Any) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default


_FIRST_KINDS = (ScheduleTrigger, EventTrigger, ConditionTrigger)
_DEFAULTS = {field.name: _default_of(field) for trigger in _FIRST_KINDS for field in fields(trigger)}
