"""Rules with an event as their trigger (`on`, with an optional `if`)."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.context import StepContext
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.actions import act
from webhook_app.domain.rules.condition_evaluation import evaluate_condition
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import EventTrigger
from webhook_app.domain.views import event_view


def evaluate_event_rule(context: StepContext, rule: Rule, trigger: EventTrigger, data: Mapping[str, Any]) -> None:
    """Act if the rule's `if` is true for an event of the trigger's type with this data; else record why not."""
    event = event_view(context.event, kind=trigger.on, data=data, room_name=context.room_name)
    event["room_id"] = context.room.room_id
    if trigger.if_ is None:
        act(context, rule, event)
        return
    result = evaluate_condition(context, rule, trigger.if_, event)
    if result.is_true:
        act(context, rule, event)
    elif result.error is None:
        context.record_decision(Reason.RULE_IF_FALSE, rule=rule.name)
    else:
        context.record_decision(Reason.RULE_IF_ERROR, rule=rule.name, error=result.error)
