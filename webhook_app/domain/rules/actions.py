"""What a rule does once its trigger is met: `do: start`, `do: end` or `do: notify`, within its limits."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.desired import set_rule_desired
from webhook_app.domain.explanations import Explanation
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.payloads import RuleMessage
from webhook_app.domain.notices.types import rule_notice
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room_parts import Fired
from webhook_app.domain.rules.cel.meter import STEPS_MAX
from webhook_app.domain.rules.condition_evaluation import room_field
from webhook_app.domain.rules.conditions import explain_failure, stored_condition, try_evaluate
from webhook_app.domain.rules.messages import MESSAGE_MAX_CHARS, split_message
from webhook_app.domain.rules.rule import ACTIONS_MAX_PER_MINUTE, Rule
from webhook_app.domain.times import MINUTE

PART_STEPS_MIN = 2_000


def act(context: StepContext, rule: Rule, event: Mapping[str, Any] | None) -> None:
    """Do what the rule does, unless its cooldown runs or it has acted too often in this minute.

    `event` is the event that triggered it, for its message; None for a rule on a condition.
    """
    at = context.event.at
    last = context.room.rules.fired.get(rule.name)
    if last is not None and rule.cooldown_s and at - last.at < rule.cooldown_s * 1000:
        left_s = rule.cooldown_s - (at - last.at) // 1000
        context.record_decision(Reason.RULE_COOLING_DOWN, rule=rule.name, seconds=left_s)
        return
    minute = at // MINUTE
    count = last.count + 1 if last is not None and last.minute == minute else 1
    if count > ACTIONS_MAX_PER_MINUTE:
        context.record_decision(Reason.RULE_TOO_OFTEN, rule=rule.name, count=ACTIONS_MAX_PER_MINUTE)
        return
    context.change_rules(fired={**context.room.rules.fired, rule.name: Fired(at, minute, count)})
    context.remember(rule.name, replace(context.memory(rule.name), last_fired_at=at))
    if rule.do == "notify":
        message = _message(context, rule, event)
        notice_id = context.emit(rule_notice(rule.name), RuleMessage(message), because=rule.because)
        context.record_decision(Reason.RULE_NOTIFIED, rule=rule.name, notice_id=notice_id)
        return
    with context.in_output(rule.output):
        set_rule_desired(context, rule, on_air=rule.do == "start")


def _message(context: StepContext, rule: Rule, event: Mapping[str, Any] | None) -> str:
    """The rule's message with its expressions evaluated; one that fails is shown as `?`, and why is recorded."""
    parts: list[str] = []
    failure: Explanation | None = None
    steps_left = STEPS_MAX
    for literal, expression in split_message(rule.message or f"{rule.name} in {{room.room_id}}"):
        parts.append(literal)
        if expression is None:
            continue
        condition = stored_condition(expression)
        limit = max(PART_STEPS_MIN, min(steps_left, STEPS_MAX // 4))
        value, steps = try_evaluate(condition, lambda name, inner: room_field(context, name, inner), event, limit=limit)
        steps_left = max(0, steps_left - steps)
        if isinstance(value, Exception):
            failure = failure or explain_failure(value)
            value = "?"
        parts.append("" if value is None else str(value))
    if failure is not None:
        context.remember(rule.name, replace(context.memory(rule.name), last_error=failure))
        context.record_decision(Reason.RULE_MESSAGE_ERROR, rule=rule.name, error=failure)
    return "".join(parts)[:MESSAGE_MAX_CHARS]
