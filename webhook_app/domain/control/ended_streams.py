"""What the end of a stream means for what is desired.

1. The room was desired off air: the desire is met.
2. Our end call ended it, or it belongs to an earlier session: nothing changes.
3. Somebody stopped it while the session goes on: it stays off until the window closes, unless `restart: always`.
4. The window's rules say `restart: never`: it stays off until the window closes.
5. It failed, vanished or reached VideoSDK's limit: it is started again after a back-off.
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.backoff import back_off
from webhook_app.domain.facts.provider import StreamSignal
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.room_parts import Desired
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.schedules.open_window import SuppressionReason
from webhook_app.domain.schedules.window_state import restart_policy, suppress_window
from webhook_app.domain.streams.end_causes import ended_at_limit, was_stopped
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import EndedBy, Stream
from webhook_app.domain.timers import TimerKind

STOP_SIGNALS = (StreamState.STOPPING, StreamState.STOPPED)


def settle_desired(context: StepContext) -> None:
    """Adjust what is desired to the streams that this event has ended."""
    if context.room.streams is context.before.streams:
        return
    for before in context.before.streams:
        after = next((stream for stream in context.room.streams if stream.stream_id == before.stream_id), None)
        if after is None or after.live or before.provisional:
            continue
        if before.live:
            _on_end(context, after)
        elif after is not before:
            _on_late_stop(context, after)


def _on_end(context: StepContext, stream: Stream) -> None:
    room = context.room
    desired = room.desired
    if desired is None:
        return
    if stream.end_call_id is not None and not room.control.retries:
        context.clear_timer(TimerKind.BACKOFF)  # it waited for this end
    if desired.on_air and _is_from_this_event(context, desired):
        return
    if not desired.on_air:
        _on_desire_met(context)
        return
    if room.has_live_stream or stream.end_call_id is not None or _is_of_earlier_session(room, stream):
        return
    at_limit = _ended_at_limit(context, stream)
    if was_stopped(room, stream, at=context.event.at) and _is_session_occupied(room) and not at_limit:
        _on_stopped_by_somebody(context, desired)
        return
    is_scheduled = room.schedule.window is not None and desired is room.desires.schedule
    if is_scheduled and restart_policy(context) == "never":
        suppress_window(context, SuppressionReason.NOT_RESTARTED, Reason.NOT_RESTARTED)
    elif room.has_live_session:
        back_off(context, Reason.RETRY_VIDEOSDK_LIMIT if at_limit else Reason.RETRY_STREAM_GONE)


def _on_desire_met(context: StepContext) -> None:
    desires = context.room.desires
    if desires.event is not None:
        context.change_desires(event=None)
        context.record_decision(Reason.DESIRE_MET, rule=rule_of(desires.event.because))
    if desires.schedule is not None and context.room.schedule.window is None:
        context.change_desires(schedule=None)


def _ended_at_limit(context: StepContext, stream: Stream) -> bool:
    return ended_at_limit(stream, at=context.event.at, limit_ms=context.config.settings.max_stream_s * 1000)


def _is_from_this_event(context: StepContext, desired: Desired | None) -> bool:
    """Whether a rule has desired it at this very event: the desire is a reaction to the end."""
    if desired is None or desired is not context.room.desires.event:
        return False
    return desired.event_id == context.event.id


def _is_of_earlier_session(room: Room, stream: Stream) -> bool:
    """Whether a newer session has followed the stream's: its end says nothing about what is desired now."""
    session = room.session
    if stream.session_id is None or session is None or not session.live:
        return False
    return session.session_id != stream.session_id


def _is_session_occupied(room: Room) -> bool:
    # VideoSDK reports a session's end after the stop that it causes: a session that has emptied is about to end.
    session = room.session
    return session is not None and session.live and not (session.emptied and session.count == 0)


def _on_stopped_by_somebody(context: StepContext, desired: Desired) -> None:
    event = context.room.desires.event
    context.change_desires(operator=None, event=event if _is_from_this_event(context, event) else None)
    context.clear_timer(TimerKind.OPERATOR_UNTIL)
    if context.room.schedule.window is None:
        context.record_decision(Reason.STOPPED_BY_SOMEBODY, rule=rule_of(desired.because))
    elif restart_policy(context) == "always":
        back_off(context, Reason.RETRY_STOPPED)
    else:
        suppress_window(context, SuppressionReason.INTERRUPTED, Reason.STOPPED_BY_SOMEBODY_IN_WINDOW)


def _on_late_stop(context: StepContext, stream: Stream) -> None:
    """VideoSDK reports only now that a vanished stream was stopped: do not start it again, if not yet done."""
    room = context.room
    signal = context.event.payload
    if not isinstance(signal, StreamSignal) or signal.state not in STOP_SIGNALS:
        return
    if stream.ended_by is not EndedBy.PROBE:
        return
    if stream is not room.streams[-1] or stream.end_call_id is not None:
        return
    desired = room.desired
    if desired is None or not desired.on_air or room.control.call is not None or TimerKind.BACKOFF not in room.timers:
        return
    if _is_session_occupied(room) and not _ended_at_limit(context, stream):
        context.clear_timer(TimerKind.BACKOFF)
        _on_stopped_by_somebody(context, desired)
