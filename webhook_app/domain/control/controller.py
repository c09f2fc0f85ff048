"""The controller: compares what is desired of a room with what is observed, and decides the next call, or to wait."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import EndStream, StartStream
from webhook_app.domain.control.calls import send_call
from webhook_app.domain.control.ended_streams import settle_desired
from webhook_app.domain.control.rejections import forget_given_up_start
from webhook_app.domain.control.unknown_outcomes import resolve_by_own_stream
from webhook_app.domain.facts.results import ProbeResult
from webhook_app.domain.frozen import replace
from webhook_app.domain.outputs import OUTPUTS
from webhook_app.domain.probing.requests import ARMED_PROBE_MS, request_probe
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.room_parts import Desired
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.schedules.broadcasts import announce_armed
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.domain.times import SECOND

STARTING_MAX_MS = 60 * SECOND


def decide_next_call(context: StepContext) -> None:
    """Decide what the room needs next. Runs in every step that changed the room.

    1. Adjust what is desired to streams that have just ended.
    2. Forget a start that was given up once it no longer matters; reset the back-off once a stream is playable.
    3. Settle a start of unknown outcome whose stream has appeared.
    4. Nothing desired: stop waiting. A call under way, all calls paused, or a back-off: leave it at that.
    5. Call: start or end what differs from what is desired; or record what is waited for.
    """
    settle_desired(context)
    forget_given_up_start(context)
    if context.room.control.retries and _has_become_playable(context.before, context.room):
        context.change_control(retries=0)
    resolve_by_own_stream(context)
    room = context.room
    desired = room.desired
    if desired is None:
        _stop_waiting(context)
        return
    if room.control.call is not None or not context.config.settings.calls:
        return
    if context.paused:
        _wait_for(context, Reason.CALLS_PAUSED)
    elif TimerKind.BACKOFF in room.timers:
        return
    elif desired.on_air:
        _bring_on_air(context, desired)
    else:
        live = [stream for stream in room.streams if stream.live]
        _take_off_air(context, desired, live)


def _stop_waiting(context: StepContext) -> None:
    _wait_for(context, None)
    context.clear_timer(TimerKind.BACKOFF, TimerKind.ARMED)
    if not context.room.has_live_stream:
        context.clear_timer(probe_timer(ProbeSubject.ENDED))
    if context.room.control.retries:
        context.change_control(retries=0)


def _bring_on_air(context: StepContext, desired: Desired) -> None:
    live = [stream for stream in context.room.streams if stream.live]
    replaced_id = context.room.control.replace_stream
    if replaced_id is not None:
        replaced = next((stream for stream in live if replaced_id in (stream.stream_id, stream.call_id)), None)
        if replaced is not None:
            _take_off_air(context, desired, [replaced])
            return
        context.change_control(replace_stream=None)
    if live:
        is_unconfirmed = all(stream.provisional for stream in live)
        _wait_for(context, Reason.WAITING_FOR_CONFIRMATION if is_unconfirmed else None)
        context.clear_timer(TimerKind.ARMED)
        return
    if not context.room.has_live_session:
        _await_session(context)
        return
    context.clear_timer(TimerKind.ARMED)
    _wait_for(context, None)
    call = context.new_call(StartStream(dict(desired.start)), desired.because)
    send_call(context, call, Reason.START_SENT)


def _await_session(context: StepContext) -> None:
    """No session is known: probe at once, and when the probe shows none either, the room is armed."""
    if _probe_found_no_session(context):
        _wait_for(context, Reason.WAITING_FOR_SESSION)
        announce_armed(context)
    elif context.room.control.waiting_for not in (Reason.WAITING_FOR_SESSION, Reason.CHECKING_SESSION):
        _wait_for(context, Reason.CHECKING_SESSION)
        request_probe(context, ProbeSubject.ARMED)
    if TimerKind.ARMED not in context.room.timers:
        context.set_timer(TimerKind.ARMED, context.event.at + ARMED_PROBE_MS)


def _probe_found_no_session(context: StepContext) -> bool:
    """Whether this event is the result of a probe for the session; one that it shows has been applied by now."""
    result = context.event.payload
    if not isinstance(result, ProbeResult) or not result.understood or result.session_unknown:
        return False
    probe = context.outcome.calls.get(str(result.call_id))
    return probe is not None and probe.probe_request.with_session


def _take_off_air(context: StepContext, desired: Desired, live: list[Stream]) -> None:
    confirmed = [stream for stream in live if not stream.provisional]
    if not confirmed:
        _wait_for(context, None)
        if not live:
            _drop_met_schedule_desire(context, desired)
        return
    stream = confirmed[-1]
    if stream.state is StreamState.STARTING and not _has_surely_started(context, stream):
        _wait_for(context, Reason.WAITING_FOR_STARTED)
        return
    _wait_for(context, None)
    if stream.state is StreamState.STOPPING:
        return
    if stream.end_call_id is not None and _is_probed_about(context.room, ProbeSubject.ENDED):
        return  # VideoSDK has accepted our end: the probe shows whether it took effect
    request = EndStream(None if stream.end_by_room else stream.videosdk_id or None)
    call = context.new_call(request, desired.because)
    context.put_stream(replace(stream, end_call_id=call.call_id, end_because=desired.because))
    send_call(context, call, Reason.END_SENT)


def _has_surely_started(context: StepContext, stream: Stream) -> bool:
    """Whether a stream that nothing but a webhook could show as started has had a minute for it."""
    return not OUTPUTS[context.output].has_active_lookup and context.event.at - stream.opened_at >= STARTING_MAX_MS


def _drop_met_schedule_desire(context: StepContext, desired: Desired) -> None:
    """The close of a window has ended the stream, or found none: nothing more is desired."""
    desires = context.room.desires
    if context.room.schedule.window is not None or desires.schedule is None:
        return
    context.change_desires(schedule=None)
    if desired is desires.schedule and desires.event is not None:
        context.change_desires(event=None)
        context.record_decision(Reason.DESIRE_DROPPED_WINDOW_CLOSED, rule=rule_of(desired.because))


def _is_probed_about(room: Room, about: ProbeSubject) -> bool:
    probe = room.probing.probe
    return about in room.probing.queue or (probe is not None and probe.probe_request.subject is about)


def _wait_for(context: StepContext, reason: Reason | None) -> None:
    if context.room.control.waiting_for == reason:
        return
    context.change_control(waiting_for=reason)
    desired = context.room.desired
    if reason is not None:
        context.record_decision(reason, rule=rule_of(desired.because) if desired else None)


def _has_become_playable(before: Room, after: Room) -> bool:
    states = {stream.stream_id: stream.state for stream in before.streams}
    return any(
        stream.state is _goal(stream) and states.get(stream.stream_id) is not stream.state for stream in after.streams
    )


def _goal(stream: Stream) -> StreamState:
    """The state in which a start has done what it is for."""
    return StreamState.PLAYABLE if OUTPUTS[stream.output].has_playable else StreamState.STARTED
