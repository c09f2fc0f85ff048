"""Setting and dropping what operators and event rules desire of a room."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.facts.commands import SetOnAir
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room_parts import Desired
from webhook_app.domain.rules.rule import Rule, rule_of
from webhook_app.domain.timers import TimerKind


def set_operator_desired(context: StepContext, command: SetOnAir) -> None:
    """Apply an operator's start or end; repeating it changes nothing."""
    desired = Desired(
        on_air=command.on_air,
        because="operator",
        since=context.event.at,
        event_id=context.event.id,
        until=command.until,
        start=command.start,
    )
    current = context.room.desires.operator
    if current is not None and (current.on_air, current.until, current.start) == (
        desired.on_air,
        desired.until,
        desired.start,
    ):
        context.record_effect(Reason.OPERATOR_REPEAT)
        return
    context.change_desires(operator=desired)
    context.change_control(retries=0, waiting_for=None, given_up_start=None)
    context.clear_timer(TimerKind.BACKOFF)
    if desired.until is not None:
        context.set_timer(TimerKind.OPERATOR_UNTIL, desired.until)
    else:
        context.clear_timer(TimerKind.OPERATOR_UNTIL)
    context.record_effect(Reason.OPERATOR_WANTS_ON if command.on_air else Reason.OPERATOR_WANTS_OFF)


def release_operator_desired(context: StepContext, reason: Reason = Reason.OPERATOR_RELEASED) -> None:
    """Drop what the operator desires, so that what a rule desires applies again."""
    context.clear_timer(TimerKind.OPERATOR_UNTIL)
    if context.room.desires.operator is None:
        context.record_effect(Reason.OPERATOR_NOTHING_TO_RELEASE)
        return
    context.change_desires(operator=None)
    context.change_control(waiting_for=None)
    context.record_effect(reason)


def set_rule_desired(context: StepContext, rule: Rule, *, on_air: bool) -> None:
    """Apply an event rule's start or end: it replaces what another event rule desired."""
    action = "start" if on_air else "end"
    room = context.room
    current = room.desires.event
    if not on_air and not room.live_streams and room.control.call is None:
        if current is not None:
            context.change_desires(event=None)
        context.record_decision(Reason.RULE_OFF_AIR, rule=rule.name)
        return
    if current is not None and (current.on_air, current.because) == (on_air, rule.because):
        context.record_decision(Reason.RULE_REPEAT, rule=rule.name, action=action)
        return
    desired = Desired(
        on_air=on_air,
        because=rule.because,
        since=context.event.at,
        event_id=context.event.id,
        start=rule.body_of(context.output),
    )
    context.change_desires(event=desired)
    context.change_control(waiting_for=None)
    operator, schedule = room.desires.operator, room.desires.schedule
    if operator is not None and operator.on_air != on_air:
        context.record_decision(Reason.RULE_OPERATOR_WINS, rule=rule.name, action=action)
    elif operator is None and schedule is not None and schedule.on_air != on_air:
        context.record_decision(
            Reason.RULE_SCHEDULE_WINS, rule=rule.name, action=action, winner=rule_of(schedule.because)
        )
    elif not context.config.settings.calls:
        reason = context.config.settings.reason_for_no_calls(Reason.RULE_NO_CREDENTIALS)
        context.record_decision(reason, rule=rule.name, action=action)
    elif current is not None and current.on_air != on_air:
        context.record_decision(Reason.RULE_NEWER, rule=rule.name, action=action, loser=rule_of(current.because))
    else:
        context.record_decision(Reason.RULE_MATCHED, rule=rule.name, action=action)


def drop_desired_of_ended_session(context: StepContext) -> None:
    """Drop what an event rule desires once the session has ended in which the rule acted."""
    before, after = context.before.session, context.room.session
    if context.room.desires.event is None or before is None or not before.live:
        return
    if after is None or not after.live or after.session_id != before.session_id:
        drop_event_desired(context, Reason.DESIRE_DROPPED_SESSION_ENDED)


def drop_desired_of_rule(context: StepContext, rule_name: str) -> None:
    """Drop what a rule desires that was paused, changed or deleted; its stream is left alone."""
    desired = context.room.desires.event
    if desired is not None and desired.because == f"rule:{rule_name}":
        drop_event_desired(context, Reason.DESIRE_DROPPED_RULE_CHANGED)


def drop_event_desired(context: StepContext, reason: Reason) -> None:
    """Drop what an event rule desires, and say why on the timeline."""
    desired = context.room.desires.event
    if desired is not None:
        context.change_desires(event=None)
        context.change_control(waiting_for=None)
        context.record_decision(reason, rule=rule_of(desired.because))
