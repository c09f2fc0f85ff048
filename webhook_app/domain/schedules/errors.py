"""Schedules that cannot be computed: they cost their own rule its windows, and neither the room nor other rules."""

from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.context import StepContext
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.rule import Rule, RuleState
from webhook_app.domain.schedules.openings import ScheduleError

ERROR_PREFIX = "schedule: "


def is_failing(memory: RuleState) -> bool:
    """Tell whether the rule's windows could not be computed when last looked for."""
    return memory.last_error is not None and memory.last_error.startswith(ERROR_PREFIX)


def schedule_failed(context: StepContext, rule: Rule, error: ScheduleError) -> None:
    """Keep the error with the rule, and raise an alarm that says what to do."""
    context.alarm(
        AlarmName.SCHEDULE_FAILING,
        "warning",
        f"rule {rule.name} opens no windows, as its schedule cannot be computed: {error}. "
        "Change the schedule, or delete the rule",
        subject=rule.name,
        rule=rule.name,
    )
    memory = context.memory(rule.name)
    last_error = f"{ERROR_PREFIX}{error}"
    if memory.last_error != last_error:
        context.remember(rule.name, replace(memory, last_error=last_error))
        context.record_decision(Reason.SCHEDULE_NOT_COMPUTED, rule=rule.name, error=error)


def schedule_computed(context: StepContext, rule: Rule) -> None:
    """Drop the error of a schedule that can be computed again."""
    memory = context.memory(rule.name)
    if is_failing(memory):
        context.clear_alarm(AlarmName.SCHEDULE_FAILING, rule.name)
        context.remember(rule.name, replace(memory, last_error=None))
