"""What is monitored in an open window: its `if`, whether viewers can watch, who is there, the stream's length."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.facts.results import ProbeResult
from webhook_app.domain.probing.requests import ARMED_PROBE_MS, REPROBE_MS, request_probe
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.condition_evaluation import evaluate_condition
from webhook_app.domain.schedules.broadcasts import is_playable
from webhook_app.domain.schedules.open_window import OpenWindow, SuppressionReason
from webhook_app.domain.schedules.window_state import (
    rules_of_window,
    triggers_of_window,
    update_schedule_desired,
    window_empty_means,
)
from webhook_app.domain.sessions.participants import EmptyMeans
from webhook_app.domain.sessions.presence import is_empty, seems_empty
from webhook_app.domain.timers import TimerKind, probe_timer

PARTICIPANTS_PROBE = probe_timer(ProbeSubject.PARTICIPANTS)


def monitor_open_window(context: StepContext) -> None:
    """Update the open window by the room as it is now: late starts, condition, playable, participants."""
    _resume_when_started_after_all(context)
    _monitor_condition(context)
    _monitor_playable(context)
    _monitor_participants(context)


def _resume_when_started_after_all(context: StepContext) -> None:
    """Take up a window again whose start was given up as unknown, once its stream has appeared."""
    window = context.room.schedule.window
    if window is None or window.suppressed is not SuppressionReason.START_UNKNOWN:
        return
    if context.room.newest_live_stream is not None:
        context.change_window(suppressed=None)
        context.record_decision(Reason.START_TOOK_EFFECT, rule=window.rule)
        update_schedule_desired(context)


def _monitor_condition(context: StepContext) -> None:
    """Record when the window's `if` first holds; until then probe now and then, as it may depend on participants."""
    window = context.room.schedule.window
    if window is None or window.condition_met:
        return
    rules = rules_of_window(context, window)
    has_condition = any(trigger.if_ is not None for _, trigger in rules)
    is_met = not has_condition or any(
        trigger.if_ is None or evaluate_condition(context, rule, trigger.if_, None).is_true for rule, trigger in rules
    )
    if is_met:
        context.change_window(condition_met=True)
        if has_condition:
            context.record_decision(Reason.WINDOW_IF_HOLDS, rule=window.rule)
        update_schedule_desired(context)
        return
    if context.room.control.waiting_for is not Reason.WINDOW_IF_AWAITED:
        context.change_control(waiting_for=Reason.WINDOW_IF_AWAITED)
        context.record_decision(Reason.WINDOW_IF_AWAITED, rule=window.rule)
    _schedule_participants_probe(context, window)


def _schedule_participants_probe(context: StepContext, window: OpenWindow) -> None:
    """Probe the participants: the `if` may wait for one whose webhook is lost."""
    room, at = context.room, context.event.at
    if not context.config.settings.calls or room.probing.probe is not None or PARTICIPANTS_PROBE in room.timers:
        return
    last_probe_at = room.probing.last_probe_at
    due = at
    if last_probe_at is not None and last_probe_at >= window.entered_at:
        due = max(at, last_probe_at + ARMED_PROBE_MS)
    # While all calls are paused nothing is sent, so a timer that is due at once would fire again and again.
    context.set_timer(PARTICIPANTS_PROBE, at + ARMED_PROBE_MS if context.paused else due)


def _monitor_playable(context: StepContext) -> None:
    window = context.room.schedule.window
    if window is not None and not window.playable and is_playable(context.room):
        context.change_window(playable=True)
        context.clear_timer(TimerKind.LATE)


def _monitor_participants(context: StepContext) -> None:
    """Time how long the room has been empty, and bring it back on air when somebody returns."""
    window = context.room.schedule.window
    if window is None:
        return
    triggers = triggers_of_window(context, window)
    timeouts = [trigger.end_when_empty_s for trigger in triggers if trigger.end_when_empty_s]
    if not timeouts:
        return
    empty = seems_empty(context.room.session, window_empty_means(context, window, "end_when_empty_s"))
    suppressed = window.suppressed
    if suppressed is SuppressionReason.EMPTY and not empty:
        suppressed = None
        context.change_window(suppressed=None)
        context.record_decision(Reason.WINDOW_SOMEBODY_BACK, rule=window.rule)
        update_schedule_desired(context)
    if not empty:
        context.clear_timer(TimerKind.EMPTY)
        if window.verifying_empty:
            context.change_window(verifying_empty=False)
        return
    is_checked = suppressed is not None or window.verifying_empty or TimerKind.EMPTY in context.room.timers
    if context.room.live_streams and not is_checked:
        context.set_timer(TimerKind.EMPTY, context.event.at + min(timeouts) * 1000)


def on_empty_timer(context: StepContext, window: OpenWindow) -> None:
    """The room has been empty for long enough: have a probe confirm it before the stream is ended."""
    context.change_window(verifying_empty=True)
    by_hosts = window_empty_means(context, window, "end_when_empty_s") is EmptyMeans.NO_HOSTS
    reason = Reason.WINDOW_CHECKING_NO_HOSTS if by_hosts else Reason.WINDOW_CHECKING_EMPTY
    context.record_decision(reason, rule=window.rule)
    request_probe(context, ProbeSubject.PARTICIPANTS)


def on_presence_verified(context: StepContext, probe: ProbeResult) -> None:
    """Apply a probe of the participants to a window that is to end when empty: suppress it if it still is."""
    window = context.room.schedule.window
    if window is None or not window.verifying_empty or not probe.understood:
        return
    means = window_empty_means(context, window, "end_when_empty_s")
    empty = True
    if context.room.has_live_session:
        session, verified = context.room.session, context.verified
        has_emptied_since = (
            verified is not None and seems_empty(session, means) and not seems_empty(context.arrived, means)
        )
        if verified is None or has_emptied_since:
            if context.room.probing.probe is None and PARTICIPANTS_PROBE not in context.room.timers:
                context.set_timer(PARTICIPANTS_PROBE, context.event.at + REPROBE_MS)
            return
        empty = seems_empty(session, means) and is_empty(verified, means)
    context.change_window(verifying_empty=False)
    if empty:
        context.change_window(suppressed=SuppressionReason.EMPTY)
        by_hosts = means is EmptyMeans.NO_HOSTS
        context.record_decision(Reason.WINDOW_NO_HOSTS if by_hosts else Reason.WINDOW_EMPTY, rule=window.rule)
        update_schedule_desired(context)


def has_emptied(context: StepContext, window: OpenWindow) -> bool:
    """Whether it is certain that nobody, or no host, is there: by all that is known, or by this event's probe."""
    session, means = context.room.session, window_empty_means(context, window, "overrun_s")
    if is_empty(session, means):
        return True
    return context.verified is not None and is_empty(context.verified, means) and seems_empty(session, means)


def limit_stream_length(context: StepContext) -> None:
    """Set the timer that renews the stream once it is as long as the window's rules allow, unless it ends before."""
    window = context.room.schedule.window
    if window is None:
        return
    triggers = triggers_of_window(context, window)
    longest = min((trigger.max_run_s for trigger in triggers if trigger.max_run_s), default=None)
    stream = context.room.newest_live_stream
    if longest is None or stream is None or stream.started_at is None or window.suppressed is not None:
        context.clear_timer(TimerKind.MAX_RUN)
        return
    due = stream.started_at + longest * 1000
    is_being_replaced = context.room.control.replace_stream in (stream.stream_id, stream.call_id or stream.stream_id)
    if due < window.closes_at and not is_being_replaced:
        context.set_timer(TimerKind.MAX_RUN, due)
    else:
        context.clear_timer(TimerKind.MAX_RUN)


def on_max_run_timer(context: StepContext) -> None:
    """Have the stream ended and started again: it is as long as it may be."""
    stream = context.room.newest_live_stream
    window = context.room.schedule.window
    if stream is None or window is None:
        context.record_effect(Reason.STREAM_NONE_TO_RENEW)
        return
    context.change_control(replace_stream=stream.stream_id)
    context.record_decision(Reason.STREAM_RENEWED, rule=window.rule)
