"""The rules engine: evaluates the rules of a room at an event, and applies changes of rules to a room."""

from collections.abc import Set
from typing import assert_never

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.desired import drop_desired_of_rule
from webhook_app.domain.notices.notice import shown_data
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.condition_rules import evaluate_condition_rule, on_hold_elapsed, reset_condition
from webhook_app.domain.rules.event_rules import evaluate_event_rule
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.rules.triggers import ConditionTrigger, EventTrigger, ScheduleTrigger
from webhook_app.domain.timers import rule_of_timer


def evaluate_rules(context: StepContext, webhook_type: str | None) -> None:
    """Evaluate the rules of the room.

    1. Rules on an event: for each domain event that this step has emitted, and for the webhook itself.
    2. Rules on the state of the room, if the room has changed.

    Rules with a schedule are evaluated by `schedules.windows`, which runs when their timers go off.
    """
    rules = context.config.room_rules(context.room.room_id)
    if rules.on_event:
        events = [(domain_event.type, shown_data(domain_event.data)) for domain_event in context.domain_events]
        if webhook_type is not None:
            events.append((webhook_type, context.event.data))
        for rule, trigger in rules.on_event:
            for kind, data in events:
                if kind == trigger.on:
                    evaluate_event_rule(context, rule, trigger, data)
    if context.room is not context.before:
        evaluate_rules_on_state(context)


def evaluate_rules_on_state(context: StepContext) -> None:
    """Evaluate the rules of the room that depend on its state."""
    for rule, trigger in context.config.room_rules(context.room.room_id).on_state:
        evaluate_condition_rule(context, rule, trigger)


def evaluate_rules_on_control(context: StepContext) -> None:
    """Evaluate the rules of the room that may depend on what the controller has changed in this step."""
    for rule, trigger in context.config.room_rules(context.room.room_id).on_control:
        evaluate_condition_rule(context, rule, trigger)


def on_rule_timer(context: StepContext, rule_name: str) -> None:
    """The timer of a rule went off."""
    rule = next((rule for rule in context.config.about(context.room.room_id) if rule.name == rule_name), None)
    match rule.trigger if rule is not None else None:
        case ConditionTrigger() as trigger if rule is not None and rule_name in context.room.rules.holding:
            on_hold_elapsed(context, rule, trigger)
        case ConditionTrigger() | EventTrigger() | ScheduleTrigger() | None:
            context.record_effect(Reason.RULE_GONE)
        case _ as never:
            assert_never(never)


def apply_rule_changes(context: StepContext, names: Set[str]) -> None:
    """Apply rules that were put, paused or deleted to a room. A rule that does not concern the room costs nothing."""
    room = context.room
    concerned = {*room.rules.holding, *room.rules.verifying}
    concerned |= {rule_name for name in room.timers if (rule_name := rule_of_timer(name)) is not None}
    concerned |= {rule.name for rule in context.config.about(room.room_id)}
    desires = [room.desires, *(state.desires for state in room.others.values())]
    concerned |= {rule_of(desire.event.because) or "" for desire in desires if desire.event is not None}
    for name in sorted(concerned & names):
        _apply_rule_change(context, name)


def _apply_rule_change(context: StepContext, rule_name: str) -> None:
    """Drop what the room keeps of the old rule, and evaluate the new one."""
    for _ in context.each_output():
        drop_desired_of_rule(context, rule_name)
    reset_condition(context, rule_name)
    for rule, trigger in context.config.room_rules(context.room.room_id).on_state:
        if rule.name == rule_name:
            evaluate_condition_rule(context, rule, trigger)
