"""The life of a room's window: reconciled with the calendars, opened, extended, overrun and closed."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.explanations import explain
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.outputs import Output
from webhook_app.domain.probing.requests import request_probe
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.schedules.broadcasts import emit_broadcast, is_playable, on_late_timer, on_reminder_timer
from webhook_app.domain.schedules.merged_windows import (
    computable_rules,
    current_and_next,
    has_no_known_close,
    schedule_rules,
)
from webhook_app.domain.schedules.monitors import (
    has_emptied,
    limit_stream_length,
    monitor_open_window,
    on_empty_timer,
    on_max_run_timer,
)
from webhook_app.domain.schedules.open_window import OpenWindow, SuppressionReason
from webhook_app.domain.schedules.schedule import RoomWindow
from webhook_app.domain.schedules.window_state import (
    close_window,
    leave_window,
    replace_stream_for,
    triggers_of_window,
    update_schedule_desired,
    window_empty_means,
)
from webhook_app.domain.sessions.presence import is_empty, seems_empty
from webhook_app.domain.timers import WINDOW_TIMERS, TimerKind

PASSED_MAX = 24
LATE_ENTRY_MS = 1_000


def reconcile_windows(context: StepContext) -> None:
    """Reconcile the room's open window with its calendars.

    1. No schedule rules: drop the window, if any.
    2. The open window goes on, perhaps longer or shorter: extend it.
    3. Its rule is gone, paused or failing: leave its stream alone.
    4. It is over: close it, unless it overruns as somebody is still there.
    5. Report windows that opened and closed while the process was not running.
    6. Open the current window.
    7. Set the timers of the next boundary and of the reminder.
    """
    if not schedule_rules(context):
        _drop_windows(context)
        return
    lookup = current_and_next(context, context.event.at)
    current, window = lookup.current, context.room.schedule.window
    if window is not None:
        if current is not None and _continues(window, current):
            _extend(context, window, current)
        elif current is None and not set(window.rules) <= computable_rules(context):
            leave_window(context, window)
            context.clear_timer(*WINDOW_TIMERS)
        elif current is not None or not _overruns(context, window):
            close_window(context, following=current)
    awaited = context.room.schedule.next_window
    _report_passed_windows(context)
    if context.room.schedule.window is None and current is not None:
        _open(context, current, foreseen=awaited is not None and awaited.opens_at <= current.opens_at)
    context.change_schedule(next_window=lookup.next)
    _set_timers(context, lookup.next)


def reconcile_all_windows(context: StepContext) -> None:
    """Reconcile the windows of every output that a schedule is for, or was."""
    scheduled = {output for rule in context.config.about(context.room.room_id) for output in rule.window_outputs}
    for output in Output:
        if output is Output.HLS or output in scheduled or output in context.room.others:
            with context.in_output(output):
                reconcile_windows(context)


def monitor_window(context: StepContext) -> None:
    """Update the open window by what the step has changed in the room; close one that overran until it emptied."""
    if context.room.schedule.window is None:
        return
    monitor_open_window(context)
    window = context.room.schedule.window
    assert window is not None
    if window.overrunning and window.closes_at <= context.event.at and has_emptied(context, window):
        close_window(context, following=None)
        reconcile_windows(context)
        return
    limit_stream_length(context)


def on_window_timer(context: StepContext, kind: TimerKind) -> None:
    """Handle one of WINDOW_TIMERS."""
    window = context.room.schedule.window
    match kind:
        case TimerKind.WINDOW:
            reconcile_windows(context)
        case TimerKind.REMIND:
            on_reminder_timer(context)
        case TimerKind.LATE if window is not None:
            on_late_timer(context, window)
        case TimerKind.EMPTY if window is not None and window.suppressed is None:
            on_empty_timer(context, window)
        case TimerKind.OVERRUN if window is not None:
            close_window(context, following=None)
            reconcile_windows(context)
        case TimerKind.MAX_RUN:
            on_max_run_timer(context)
        case _:
            context.record_effect(Reason.WINDOW_NONE)


def _continues(window: OpenWindow, current: RoomWindow) -> bool:
    """Whether the current window is the open one: longer or shorter, or with the same opening and another start."""
    if current.opens_at == window.opens_at:
        return True
    overlaps = current.opens_at <= window.closes_at and current.closes_at >= window.opens_at
    return overlaps and current.start == window.start


def _open(context: StepContext, current: RoomWindow, *, foreseen: bool) -> None:
    """Open a window. `foreseen`: its opening was known before; else a rule was added inside its window."""
    at = context.event.at
    operator = context.room.desires.operator
    if operator is not None and operator.until is None and operator.since < current.opens_at:
        context.change_desires(operator=None)
        context.record_decision(Reason.OPERATOR_SUPERSEDED_BY_WINDOW, rule=current.rules[0])
    window = OpenWindow(
        current.opens_at,
        current.closes_at,
        current.rules,
        current.start,
        entered_at=at,
        endless=has_no_known_close(context, current),
    )
    context.change_schedule(window=window)
    context.change_control(waiting_for=None, retries=0, given_up_start=None)
    context.clear_timer(TimerKind.BACKOFF)
    is_late = at - current.opens_at > LATE_ENTRY_MS
    entered = Reason.WINDOW_ENTERED_LATE if foreseen else Reason.WINDOW_ENTERED_NOW
    context.record_decision(entered if is_late else Reason.WINDOW_OPENED, rule=window.rule)
    context.record_effect(Reason.WINDOW_OPENED)
    _set_late_timer(context, window, since=window.opens_at if foreseen else at)
    monitor_window(context)
    update_schedule_desired(context)


def _extend(context: StepContext, window: OpenWindow, current: RoomWindow) -> None:
    has_other_start = current.start != window.start
    if has_other_start:
        replace_stream_for(context, current.start)
        context.record_decision(Reason.WINDOW_OTHER_START, rule=current.rules[0])
    is_desired_anew = has_other_start and window.suppressed is SuppressionReason.REJECTED
    extended = replace(
        window,
        closes_at=current.closes_at,
        rules=current.rules,
        start=current.start,
        overrunning=False,
        endless=has_no_known_close(context, current),
        suppressed=None if is_desired_anew else window.suppressed,
    )
    if extended == window:
        return
    context.clear_timer(TimerKind.OVERRUN)
    context.change_schedule(window=extended)
    update_schedule_desired(context)
    monitor_window(context)


def _overruns(context: StepContext, window: OpenWindow) -> bool:
    """Whether the window goes on beyond its close, as a rule allows it and somebody is still there."""
    at = context.event.at
    allowed_ms = max((trigger.overrun_s or 0 for trigger in triggers_of_window(context, window)), default=0) * 1000
    session, means = context.room.session, window_empty_means(context, window, "overrun_s")
    if not allowed_ms or window.suppressed is not None or at >= window.closes_at + allowed_ms:
        return False
    if is_empty(session, means) or not context.room.live_streams:
        return False
    if not window.overrunning:
        context.change_window(overrunning=True)
        context.record_decision(Reason.WINDOW_OVERRUNS, rule=window.rule)
        context.set_timer(TimerKind.OVERRUN, window.closes_at + allowed_ms)
        if session is not None and (session.count is None or seems_empty(session, means)):
            request_probe(context, ProbeSubject.PARTICIPANTS)
    return True


def _report_passed_windows(context: StepContext) -> None:
    """Report windows that opened and closed unseen: missed, unless somebody else kept the room on air."""
    passed = context.room.schedule.next_window
    names = computable_rules(context)
    for _ in range(PASSED_MAX):
        if passed is None or passed.closes_at > context.event.at or not set(passed.rules) <= names:
            return
        if is_playable(context.room):
            emit_broadcast(context, NoticeType.BROADCAST_COMPLETED, passed, None)
        else:
            emit_broadcast(context, NoticeType.BROADCAST_MISSED, passed, explain(Reason.NOT_RUNNING))
        context.record_decision(Reason.WINDOW_PASSED_UNSEEN, rule=passed.rules[0])
        context.record_effect(Reason.WINDOW_PASSED)
        lookup = current_and_next(context, passed.closes_at)
        passed = lookup.current or lookup.next


def _drop_windows(context: StepContext) -> None:
    """Drop the room's windows: it has no schedule rule any more."""
    schedule = context.room.schedule
    if schedule.window is None and schedule.next_window is None and context.room.desires.schedule is None:
        return
    if schedule.window is not None:
        context.record_decision(Reason.WINDOW_RULE_GONE, rule=schedule.window.rule)
    context.change_schedule(window=None, next_window=None)
    context.change_desires(schedule=None)
    context.change_control(replace_stream=None, waiting_for=None)
    context.clear_timer(*WINDOW_TIMERS)


def _set_timers(context: StepContext, following: RoomWindow | None) -> None:
    at = context.event.at
    window = context.room.schedule.window
    boundaries = [window.closes_at] if window is not None and not window.overrunning else []
    if following is not None:
        boundaries.append(following.opens_at)
    if boundaries:
        context.set_timer(TimerKind.WINDOW, min(boundaries))
    else:
        context.clear_timer(TimerKind.WINDOW)
    ahead_ms = 0
    if following is not None and context.room.schedule.reminded_at != following.opens_at:
        triggers = [trigger for rule, trigger in schedule_rules(context) if rule.name in following.rules]
        ahead_ms = max((trigger.remind_s or 0 for trigger in triggers), default=0) * 1000
    if following is not None and ahead_ms and following.opens_at > at:
        context.set_timer(TimerKind.REMIND, max(at, following.opens_at - ahead_ms))
    else:
        context.clear_timer(TimerKind.REMIND)


def _set_late_timer(context: StepContext, window: OpenWindow, *, since: int) -> None:
    """Set the timer for `broadcast.late`; if the window closes first, `broadcast.missed` covers it."""
    due = since + min((trigger.late_after_s for trigger in triggers_of_window(context, window)), default=60) * 1000
    if due < window.closes_at and not is_playable(context.room):
        context.set_timer(TimerKind.LATE, max(context.event.at, due))
