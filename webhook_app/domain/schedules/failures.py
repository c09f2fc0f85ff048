"""Schedules that cannot be computed: they cost their own rule its windows, and neither the room nor other rules."""

from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.context import StepContext
from webhook_app.domain.explanations import explain
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.schedules.errors import ScheduleError


def schedule_failed(context: StepContext, rule: Rule, error: ScheduleError) -> None:
    """Keep the error with the rule, and raise an alarm that says what to do."""
    context.alarm(
        AlarmName.SCHEDULE_FAILING,
        "warning",
        explain(AlarmSummary.SCHEDULE_FAILING, rule=rule.name, why=error.explanation),
        subject=rule.name,
        rule=rule.name,
    )
    rule_state = context.memory(rule.name)
    last_error = explain(Reason.SCHEDULE_NOT_COMPUTED, error=error.explanation)
    if rule_state.last_error != last_error:
        context.remember(rule.name, replace(rule_state, last_error=last_error))
        context.record_decision(Reason.SCHEDULE_NOT_COMPUTED, rule=rule.name, error=error.explanation)


def schedule_computed(context: StepContext, rule: Rule) -> None:
    """Drop the error of a schedule that can be computed again."""
    rule_state = context.memory(rule.name)
    if rule_state.has_failing_schedule:
        context.clear_alarm(AlarmName.SCHEDULE_FAILING, rule.name)
        context.remember(rule.name, replace(rule_state, last_error=None))
