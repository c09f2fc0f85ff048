"""Wishes: what operators and rules want of a room, put and dropped."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.facts.commands import SetOnAir
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Desired
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.timers import TimerKind


def set_operator_desired(context: StepContext, command: SetOnAir) -> None:
    """An operator's start or end; repeating it renews it and does no harm."""
    desired = Desired(
        on_air=command.on_air,
        because="operator",
        since=context.event.at,
        event_id=context.event.id,
        until=command.until,
        start=command.start,
    )
    known = context.room.operator
    same = known is not None and (known.on_air, known.until, known.start) == (
        desired.on_air,
        desired.until,
        desired.start,
    )
    if same and known is not None:
        context.record_effect(Reason.OPERATOR_REPEAT)
        return
    context.change(operator=desired, tries=0, waits=None)
    context.clear_timer(TimerKind.BACKOFF)
    if desired.until is not None:
        context.set_timer(TimerKind.OPERATOR_UNTIL, desired.until)
    else:
        context.clear_timer(TimerKind.OPERATOR_UNTIL)
    context.record_effect(Reason.OPERATOR_WANTS_ON if command.on_air else Reason.OPERATOR_WANTS_OFF)


def release_operator_desired(context: StepContext, why: Reason = Reason.OPERATOR_RELEASED) -> None:
    """Drop the operator's wish; whatever a rule wants holds again."""
    context.clear_timer(TimerKind.OPERATOR_UNTIL)
    if context.room.operator is None:
        context.record_effect(Reason.OPERATOR_NOTHING_TO_RELEASE)
        return
    context.change(operator=None, waits=None)
    context.record_effect(why)


def set_rule_desired(context: StepContext, rule: Rule, *, on_air: bool) -> None:
    """A rule's start or end: the newest event rule's wish holds."""
    action = "start" if on_air else "end"
    desired = Desired(
        on_air=on_air, because=rule.because, since=context.event.at, event_id=context.event.id, start=rule.start
    )
    room = context.room
    live = bool(room.live_streams)
    if not on_air and not live and room.call is None:
        if room.event_wish is not None:
            context.change(event_wish=None)
        context.record_decision(Reason.RULE_OFF_AIR, rule=rule.name)
        return
    known = room.event_wish
    if known is not None and (known.on_air, known.because) == (desired.on_air, desired.because):
        context.record_decision(Reason.RULE_REPEAT, rule=rule.name, action=action)
        return
    context.change(event_wish=desired, waits=None)
    schedule = room.schedule_wish
    if room.operator is not None and room.operator.on_air != on_air:
        context.record_decision(Reason.RULE_OPERATOR_WINS, rule=rule.name, action=action)
    elif room.operator is None and schedule is not None and schedule.on_air != on_air:
        winner = schedule.because.removeprefix("rule:")
        context.record_decision(Reason.RULE_SCHEDULE_WINS, rule=rule.name, action=action, winner=winner)
    elif not context.config.settings.calls:
        why = context.config.settings.reason_for_no_calls(Reason.RULE_NO_CREDENTIALS)
        context.record_decision(why, rule=rule.name, action=action)
    elif known is not None and known.on_air != on_air:
        loser = known.because.removeprefix("rule:")
        context.record_decision(Reason.RULE_NEWER, rule=rule.name, action=action, loser=loser)
    else:
        context.record_decision(Reason.RULE_MATCHED, rule=rule.name, action=action)


def drop_desired_of_ended_session(context: StepContext) -> None:
    """A rule's wish holds until the session ends in which it was made."""
    desired, before, after = context.room.event_wish, context.before.session, context.room.session
    if desired is None or before is None or not before.live:
        return
    if after is None or not after.live or after.session_id != before.session_id:
        context.change(event_wish=None, waits=None)
        context.record_decision(Reason.DESIRE_DROPPED_SESSION_ENDED, rule=desired.because.removeprefix("rule:"))


def drop_desired_of_rule(context: StepContext, rule_name: str) -> None:
    """A rule was paused, changed or deleted: its wish goes, the stream is left alone."""
    desired = context.room.event_wish
    if desired is not None and desired.because == f"rule:{rule_name}":
        context.change(event_wish=None, waits=None)
        context.record_decision(Reason.DESIRE_DROPPED_RULE_CHANGED, rule=rule_name)
