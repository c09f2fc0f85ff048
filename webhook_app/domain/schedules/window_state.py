"""The open window's effect on what is desired: opening, suppressing and closing one."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import CallKind
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room_parts import Desired
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import ScheduleTrigger
from webhook_app.domain.schedules.broadcasts import emit_broadcast, is_playable, why_off_air
from webhook_app.domain.schedules.open_window import OpenWindow, SuppressionReason
from webhook_app.domain.schedules.schedule import RoomWindow
from webhook_app.domain.sessions.participants import EmptyMeans
from webhook_app.domain.sessions.presence import empty_means
from webhook_app.domain.timers import TimerKind

RESTART_POLICIES = ("always", "on-failure", "never")  # the most persistent first


def rules_of_window(context: StepContext, window: OpenWindow) -> list[tuple[Rule, ScheduleTrigger]]:
    """The rules of an open window that still exist and have a schedule, with it."""
    rules = (context.config.rules.get(name) for name in window.rules)
    return [(rule, trigger) for rule in rules if rule is not None and (trigger := rule.schedule_trigger) is not None]


def triggers_of_window(context: StepContext, window: OpenWindow) -> list[ScheduleTrigger]:
    """The schedules of an open window's rules, with what goes with them."""
    return [trigger for _, trigger in rules_of_window(context, window)]


def restart_policy(context: StepContext) -> str:
    """What the open window's rules say about a stream that ended early: the most persistent of them wins."""
    window = context.room.schedule.window
    policies = {trigger.restart for trigger in triggers_of_window(context, window)} if window is not None else set()
    return next((policy for policy in RESTART_POLICIES if policy in policies), "on-failure")


def window_empty_means(context: StepContext, window: OpenWindow, field: str) -> EmptyMeans:
    """What the window's rules that have this field mean by empty."""
    return empty_means(trigger for trigger in triggers_of_window(context, window) if getattr(trigger, field))


def suppress_window(context: StepContext, suppressed: SuppressionReason, reason: Reason) -> None:
    """Leave the room off air until its window closes."""
    window = context.room.schedule.window
    if window is None:
        return
    context.change_window(suppressed=suppressed)
    context.record_decision(reason, rule=window.rule)
    if suppressed is SuppressionReason.INTERRUPTED:
        emit_broadcast(context, NoticeType.BROADCAST_INTERRUPTED, window, context.explain(Reason.STOPPED_BY_SOMEBODY))
    update_schedule_desired(context)


def update_schedule_desired(context: StepContext) -> None:
    """Derive what the schedule desires from the open window.

    Off air while the window is empty; nothing while it is suppressed otherwise or its `if` has not held; else on air
    until it closes.
    """
    window = context.room.schedule.window
    if window is None:
        return
    current = context.room.desires.schedule
    desired = _schedule_desired(context, window)
    if current is not None and desired is not None and _is_same_desire(current, desired):
        return
    if desired != current:
        context.change_desires(schedule=desired)
        context.change_control(waiting_for=None)


def _schedule_desired(context: StepContext, window: OpenWindow) -> Desired | None:
    because = f"rule:{window.rule}"
    if window.suppressed is SuppressionReason.EMPTY:
        return Desired(False, because, context.event.at, context.event.id)
    if window.suppressed is not None or not window.condition_met:
        return None
    until = None if window.endless else window.closes_at
    return Desired(True, because, window.entered_at, context.event.id, until=until, start=window.start)


def _is_same_desire(current: Desired, desired: Desired) -> bool:
    """Whether a desire is the same although another event has led to it."""
    if not desired.on_air:
        return not current.on_air
    return replace(current, event_id="") == replace(desired, event_id="")


def replace_stream_for(context: StepContext, start: Mapping[str, Any]) -> None:
    """Have the stream ended and started again that is on air, or about to be, with another start body."""
    stream = context.room.newest_live_stream
    call = context.room.control.call
    if stream is not None:
        context.change_control(replace_stream=stream.stream_id)
    elif call is not None and call.kind is CallKind.START and not call.starts_with(start):
        context.change_control(replace_stream=call.call_id)


def close_window(context: StepContext, *, following: RoomWindow | None) -> None:
    """Close the open window: report how it went, and desire the stream's end unless another window follows.

    An operator's desire that was set inside the window ends with it.
    """
    window = context.room.schedule.window
    if window is None:
        return
    reason = why_off_air(context.room, window, context.config.settings)
    operator = context.room.desires.operator
    if operator is not None and operator.until is None and operator.since >= window.opens_at:
        context.change_desires(operator=None)
        context.record_decision(Reason.OPERATOR_ENDED_WITH_WINDOW, rule=window.rule)
    if window.endless:  # this close was not known before
        window = replace(window, endless=False, opens_at=window.entered_at, closes_at=context.event.at)
    if window.playable or is_playable(context.room):
        emit_broadcast(context, NoticeType.BROADCAST_COMPLETED, window, None)
    else:
        emit_broadcast(context, NoticeType.BROADCAST_MISSED, window, reason)
    context.record_effect(Reason.WINDOW_CLOSED)
    context.change_control(replace_stream=None, waiting_for=None)
    if following is not None and following.start != window.start:
        replace_stream_for(context, following.start)
    desired = None
    if following is None and _leaves_something_to_end(context, window):
        desired = Desired(False, f"rule:{window.rule}", context.event.at, context.event.id)
    context.change_schedule(window=None)
    context.change_desires(schedule=desired)
    closed = Reason.WINDOW_CLOSED_ENDING if desired else Reason.WINDOW_CLOSED
    context.record_decision(closed, rule=window.rule)
    context.clear_timer(TimerKind.LATE, TimerKind.EMPTY, TimerKind.OVERRUN, TimerKind.MAX_RUN, TimerKind.WINDOW)


def _leaves_something_to_end(context: StepContext, window: OpenWindow) -> bool:
    """Whether there is a stream or call to end, and nobody has left the room alone deliberately."""
    if window.suppressed not in (None, SuppressionReason.EMPTY) or not context.config.settings.calls:
        return False
    return context.room.has_live_stream or context.room.control.call is not None


def leave_window(context: StepContext, window: OpenWindow) -> None:
    """Drop a window whose rule is gone or paused; its stream is left alone."""
    context.record_decision(Reason.WINDOW_RULE_GONE, rule=window.rule)
    context.change_schedule(window=None)
    context.change_desires(schedule=None)
    context.change_control(replace_stream=None, waiting_for=None)
