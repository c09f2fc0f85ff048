"""The controller: compares what a room should be with what it is, and decides the next call, or to wait."""

from typing import assert_never

from webhook_app.domain.alarms.room_alarms import forbidden_key
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.context import StepContext
from webhook_app.domain.control.refusals import count_rejection, forget_rejection, give_up_rejected, is_over
from webhook_app.domain.explanations import explain
from webhook_app.domain.facts.provider import StreamSignal
from webhook_app.domain.facts.results import (
    NO_ANSWER,
    Access,
    AnswerStatus,
    CallOutcome,
    CallResult,
    ProbeResult,
    Refusal,
)
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
from webhook_app.domain.probing.policy import ARMED_PROBE_MS, record_readability, request_probe
from webhook_app.domain.probing.requests import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Call, CallKind, CallState, Desired, Room
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.schedules.open_window import SuppressionReason
from webhook_app.domain.schedules.windows import announce_armed, restart_policy, suppress_window
from webhook_app.domain.sessions.tracking import has_live_session
from webhook_app.domain.streams.end_causes import ended_at_limit, was_stopped
from webhook_app.domain.streams.identity import unite_streams
from webhook_app.domain.streams.machine import EndedBy, Stream, StreamState, with_names_from
from webhook_app.domain.streams.matching import MatchKind, match_stream, put_stream
from webhook_app.domain.streams.report import StreamReport
from webhook_app.domain.streams.tracking import observe_active, open_stream
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.domain.times import SECOND
from webhook_app.domain.views import call_view

DONE = (CallOutcome.SUCCEEDED, CallOutcome.ALREADY)
BACKOFF_FIRST_MS = 5 * SECOND
BACKOFF_MAX_MS = 60 * SECOND
TRIES_MAX = 20
SENT_WITHIN_MS = 5 * SECOND
TOTAL_DEADLINE_MS = 10 * SECOND
UNKNOWN_SETTLE_MS = 15 * SECOND
ANSWERED_SETTLE_MS = 5 * SECOND
TAKEN_SETTLE_MS = 60 * SECOND
CALL_LOST_MS = 90 * SECOND
LIFT_EVERY_MS = 60 * SECOND
END_SETTLE_MS = 15 * SECOND


def control(context: StepContext) -> None:
    """Decide what the room needs next. Runs at the end of every turn that touched the room."""
    settle_desired(context)
    if is_over(context.before, context.room):
        forget_rejection(context)
    if context.room.tries and _progressed(context.before, context.room):
        context.change(tries=0)
    _resolve_unknown(context)
    room = context.room
    desired = room.desired
    if desired is None or room.call is not None or not context.config.settings.calls:
        if desired is None:
            _wait(context, None)
            context.clear_timer(TimerKind.BACKOFF, TimerKind.ARMED)
            if not any(stream.live for stream in room.streams):
                context.clear_timer(probe_timer(ProbeSubject.ENDED))
            if context.room.tries:
                context.change(tries=0)
        return
    if context.paused:
        _wait(context, Reason.CALLS_PAUSED)
        return
    if TimerKind.BACKOFF in room.timers:
        return
    live = [stream for stream in room.streams if stream.live]
    if desired.on_air:
        _want_on(context, desired, live)
    else:
        _want_off(context, desired, live)


def _want_on(context: StepContext, desired: Desired, live: list[Stream]) -> None:
    replaced = context.room.replace_run
    renewed = next(
        (stream for stream in live if replaced is not None and replaced in (stream.stream_id, stream.call_id)), None
    )
    if renewed is not None:
        _want_off(context, desired, [renewed])
        return
    if context.room.replace_run is not None:
        context.change(replace_run=None)
    if live:
        held = all(stream.provisional for stream in live)
        _wait(context, Reason.WAITING_FOR_CONFIRMATION if held else None)
        context.clear_timer(TimerKind.ARMED)
        return
    if not has_live_session(context.room):
        _await_session(context)
        return
    context.clear_timer(TimerKind.ARMED)
    _wait(context, None)
    call = context.new_call(CallKind.START, desired.because, dict(desired.start))
    _place_call(context, call, Reason.START_SENT)


def _await_session(context: StepContext) -> None:
    """Nobody is known to be there: VideoSDK is asked at once, and when it shows nobody either, the room is armed."""
    if _shows_nobody(context):
        _wait(context, Reason.WAITING_FOR_SESSION)
        announce_armed(context)
    elif context.room.waits not in (Reason.WAITING_FOR_SESSION, Reason.CHECKING_SESSION):
        _wait(context, Reason.CHECKING_SESSION)
        request_probe(context, ProbeSubject.ARMED)
    if TimerKind.ARMED not in context.room.timers:
        context.set_timer(TimerKind.ARMED, context.event.at + ARMED_PROBE_MS)


def _shows_nobody(context: StepContext) -> bool:
    """Whether this is VideoSDK's answer to who is there; a session that it shows has been taken in by now."""
    probe = context.event.payload
    if not isinstance(probe, ProbeResult) or not probe.reached or probe.session_unknown:
        return False
    asked = context.outcome.calls.get(str(probe.call_id))
    return asked is not None and bool(asked.body.get("session"))


def _want_off(context: StepContext, desired: Desired, live: list[Stream]) -> None:
    confirmed = [stream for stream in live if not stream.provisional]
    if not confirmed:
        _wait(context, None)
        if context.room.window is None and context.room.schedule_wish is not None and not live:
            fulfilled = desired is context.room.schedule_wish and context.room.event_wish is not None
            context.change(schedule_wish=None)
            if fulfilled:
                context.change(event_wish=None)
                context.record_decision(Reason.DESIRE_DROPPED_WINDOW_CLOSED, rule=rule_of(desired.because))
        return
    stream = confirmed[-1]
    if stream.state is StreamState.STARTING:
        _wait(context, Reason.WAITING_FOR_STARTED)
        return
    if stream.state is StreamState.STOPPING:
        _wait(context, None)
        return
    _wait(context, None)
    if stream.end_call_id is not None and _is_asked_about(context.room, ProbeSubject.ENDED):
        return  # VideoSDK has taken our end: whether it ended is known in a moment
    body = {"id": stream.videosdk_id} if stream.videosdk_id and not stream.end_by_room else {}
    call = context.new_call(CallKind.END, desired.because, body)
    context.room = put_stream(context.room, replace(stream, end_call_id=call.call_id, end_because=desired.because))
    _place_call(context, call, Reason.END_SENT)


def _is_asked_about(room: Room, why: ProbeSubject) -> bool:
    return why in room.asks or (room.probe is not None and room.probe.body.get("about") == why)


def settle_desired(context: StepContext) -> None:
    """Drop a wish that is over: its stream was stopped by a person, or the end it wanted has come."""
    if context.room.streams is context.before.streams:
        return
    for before in context.before.streams:
        after = next((stream for stream in context.room.streams if stream.stream_id == before.stream_id), None)
        if after is None or after.live or before.provisional:
            continue
        if before.live:
            _settle_end(context, after)
        elif after is not before:
            _hear_late_stop(context, after)


def _settle_end(context: StepContext, stream: Stream) -> None:
    room = context.room
    desired = room.desired
    if desired is None:
        return
    if stream.end_call_id is not None and not room.tries:
        context.clear_timer(TimerKind.BACKOFF)  # it waited for this end
    if desired.on_air and _made_now(context, desired):
        return
    if not desired.on_air:
        if room.event_wish is not None:
            context.change(event_wish=None)
            context.record_decision(Reason.DESIRE_MET, rule=rule_of(room.event_wish.because))
        if room.schedule_wish is not None and room.window is None:
            context.change(schedule_wish=None)
        return
    if any(other.live for other in room.streams):
        return
    if stream.end_call_id is not None or _of_an_earlier_session(room, stream):
        return
    own_limit = _ended_at_limit(context, stream)
    if was_stopped(room, stream, at=context.event.at) and _somebody_there(room) and not own_limit:
        _hear_person(context, desired)
        return
    if context.room.window is not None and desired is room.schedule_wish and restart_policy(context) == "never":
        suppress_window(context, SuppressionReason.NOT_RESTARTED, Reason.NOT_RESTARTED)
        return
    if has_live_session(room):
        _back_off(context, Reason.RETRY_VIDEOSDK_LIMIT if own_limit else Reason.RETRY_STREAM_GONE)


def _ended_at_limit(context: StepContext, stream: Stream) -> bool:
    return ended_at_limit(stream, at=context.event.at, limit_ms=context.config.settings.max_stream_s * 1000)


def _made_now(context: StepContext, desired: Desired | None) -> bool:
    """Whether a rule wished it at this very event: it answers the end, and is not what ended."""
    return desired is not None and desired is context.room.event_wish and desired.event_id == context.event.id


def _of_an_earlier_session(room: Room, stream: Stream) -> bool:
    """Whether it ended with a session that a newer one has followed: that says nothing about what is wanted now."""
    session = room.session
    return (
        stream.session_id is not None
        and session is not None
        and session.live
        and session.session_id != stream.session_id
    )


def _hear_person(context: StepContext, desired: Desired) -> None:
    room = context.room
    context.change(operator=None, event_wish=room.event_wish if _made_now(context, room.event_wish) else None)
    context.clear_timer(TimerKind.OPERATOR_UNTIL)
    if room.window is None:
        context.record_decision(Reason.STOPPED_BY_SOMEBODY, rule=rule_of(desired.because))
    elif restart_policy(context) == "always":
        _back_off(context, Reason.RETRY_STOPPED)
    else:
        suppress_window(context, SuppressionReason.INTERRUPTED, Reason.STOPPED_BY_SOMEBODY_IN_WINDOW)


def _hear_late_stop(context: StepContext, stream: Stream) -> None:
    """VideoSDK says only now that a run which had vanished was stopped: it is not started again, if it has not been."""
    room = context.room
    desired = room.desired
    signal = context.event.payload
    if not isinstance(signal, StreamSignal) or signal.state not in (StreamState.STOPPING, StreamState.STOPPED):
        return
    if stream.ended_by is not EndedBy.PROBE or stream is not room.streams[-1] or stream.end_call_id is not None:
        return
    if desired is None or not desired.on_air or room.call is not None or TimerKind.BACKOFF not in room.timers:
        return
    if _somebody_there(room) and not _ended_at_limit(context, stream):
        context.clear_timer(TimerKind.BACKOFF)
        _hear_person(context, desired)


def _somebody_there(room: Room) -> bool:
    # VideoSDK tells a session's end after the stop that comes of it: one that has emptied is about to end.
    session = room.session
    return session is not None and session.live and not (session.emptied and session.count == 0)


def on_call_result(context: StepContext, result: CallResult) -> None:
    """Apply the result of a start or an end."""
    call = context.room.call
    if call is None or result.call_id != call.call_id:
        if result.kind is CallKind.START and result.stream is not None:
            _adopt(context, None, result.stream)
        context.record_effect(Reason.CALL_LATE)
        return
    outcome = result.outcome
    answered = replace(
        call,
        answer_event_id=context.event.id,
        answered_at=context.event.at,
        status=result.status.code,
        message=result.message,
    )
    context.clear_timer(TimerKind.CALL_LOST)
    record_readability(context, result.unreadable, understood=call.kind is CallKind.START and outcome in DONE)
    if outcome is CallOutcome.SUCCEEDED and call.kind is CallKind.START and result.stream is None:
        outcome = CallOutcome.UNKNOWN
    match outcome:
        case CallOutcome.SUCCEEDED | CallOutcome.ALREADY:
            _succeeded(context, answered, result.stream, already=outcome is CallOutcome.ALREADY)
        case CallOutcome.UNKNOWN:
            _unknown(context, answered, result.status, result.deadline_at)
        case CallOutcome.DROPPED:
            _close_call(context, replace(answered, state=CallState.GIVEN_UP))
            _end_not_made(context, call)
            context.record_effect(Reason.CALL_NOT_MADE, message=answered.message)
            if context.room.tries >= 3:
                _back_off(context, Reason.RETRY_DELAYED)
            else:
                context.change(tries=context.room.tries + 1)
        case CallOutcome.UNREACHED:
            _close_call(context, replace(answered, state=CallState.GIVEN_UP))
            _end_not_made(context, call)
            unreadable = result.unreadable is not None
            why = Reason.VIDEOSDK_UNREADABLE if unreadable else Reason.VIDEOSDK_UNREACHED
            context.change(last_refusal=why.value)
            context.record_effect(Reason.CALL_NOT_MADE, message=answered.message)
            _back_off(context, Reason.RETRY_UNREADABLE if unreadable else Reason.RETRY_UNREACHED)
        case CallOutcome.REFUSED if result.refusal in (Refusal.CONFLICT, Refusal.AMBIGUOUS):
            _dispute(context, answered, result.refusal, result.retry_after_ms)
        case CallOutcome.REFUSED:
            _refused(context, answered, result.status, result.refusal, result.retry_after_ms)
        case _ as never:
            assert_never(never)


def on_call_overdue(context: StepContext) -> None:
    """No answer ever came for a call, not even from the job that looks after dead ones."""
    call = context.room.call
    if call is None or call.state is CallState.UNKNOWN:
        return
    context.record_effect(Reason.CALL_OVERDUE)
    _unknown(context, call, NO_ANSWER, None)


def settle_unknown_call(context: StepContext, probe: ProbeResult) -> None:
    """Settle a call whose outcome is unknown by a probe: not taken after two negatives, the later late enough."""
    call = context.room.call
    if call is None or call.state is not CallState.UNKNOWN or not probe.reached:
        return
    asked_id = probe.asked_id
    seen = probe.active is not None
    if call.refusal is not None:
        if not is_after(call.answer_event_id, asked_id):
            _settle_dispute(context, call, probe, seen=seen)
        return
    if not is_after(asked_id, call.event_id):
        return
    if call.kind is CallKind.END:
        _close_call(context, call)
        if seen:
            _end_not_made(context, call)
        context.record_effect(Reason.END_HAD_NO_EFFECT if seen else Reason.END_TOOK_EFFECT)
        return
    if seen:
        _close_call(context, replace(call, state=CallState.SUCCEEDED))
        context.record_decision(Reason.START_TOOK_EFFECT, call_id=call.call_id, rule=rule_of(call.because))
        return
    negatives = call.negatives + 1
    settle_at = call.settle_at or context.event.at
    if negatives >= 2 and probe.asked_at >= settle_at:
        _close_call(context, call)
        context.record_decision(
            Reason.START_HAD_NO_EFFECT,
            call_id=call.call_id,
            rule=rule_of(call.because),
        )
        _back_off(context, Reason.RETRY_NO_EFFECT)
        return
    waiting = replace(call, negatives=negatives)
    context.change(call=waiting)
    context.outcome.calls[call.call_id] = waiting
    context.set_timer(probe_timer(ProbeSubject.UNKNOWN), max(settle_at, context.event.at + 2 * SECOND))


def _resolve_unknown(context: StepContext) -> None:
    call = context.room.call
    if call is None or call.kind is not CallKind.START:
        return
    own = [stream for stream in context.room.streams if stream.call_id == call.call_id and not stream.provisional]
    if call.state is CallState.UNKNOWN and own:
        _close_call(context, replace(call, state=CallState.SUCCEEDED))
        context.record_decision(Reason.START_TOOK_EFFECT, call_id=call.call_id, rule=rule_of(call.because))


def _succeeded(context: StepContext, call: Call, stream: StreamReport | None, *, already: bool) -> None:
    if call.kind is CallKind.START:
        if stream is not None:
            _adopt(context, None if already else call, stream)
        context.record_effect(Reason.START_NOT_NEEDED if already else Reason.START_SUCCEEDED)
    else:
        context.record_effect(Reason.END_SUCCEEDED)
        context.set_timer(TimerKind.BACKOFF, context.event.at + END_SETTLE_MS)
        context.set_timer(probe_timer(ProbeSubject.ENDED), context.event.at + END_SETTLE_MS - 1)
    _close_call(context, replace(call, state=CallState.SUCCEEDED))
    if already and not any(stream.live for stream in context.room.streams):
        _back_off(context, Reason.RETRY_STILL_SHOWN)
    context.clear_alarm(forbidden_key(context.room.room_id))


def _adopt(context: StepContext, call: Call | None, report: StreamReport) -> None:
    """The answer to a start names a stream: it joins the one that webhooks opened meanwhile, or opens one."""
    session = context.room.session
    if report.session_id is None and session is not None and session.live:
        report = replace(report, session_id=session.session_id)
    if call is None:
        observe_active(context, report, context.event.id, playable=False)
        return
    unite_streams(context, report)
    found_match = match_stream(context.room, StreamState.STARTING, report)
    known = found_match.stream
    if known is None or (found_match.kind is not MatchKind.KNOWN and known.call_id != call.call_id):
        open_stream(context, StreamState.STARTING, report)
        return
    stream = replace(
        with_names_from(known, report), last_event_id=context.event.id, call_id=call.call_id, because=call.because
    )
    if stream.provisional:
        stream = replace(stream, provisional=False)
        context.announce_stream(stream, None)
    context.room = put_stream(context.room, stream)
    context.record_stream(stream)


def _unknown(context: StepContext, call: Call, status: AnswerStatus, deadline_at: int | None) -> None:
    deadline = deadline_at or call.created_at + SENT_WITHIN_MS + TOTAL_DEADLINE_MS
    if status.code is None:
        settle_at = deadline + UNKNOWN_SETTLE_MS
    elif status.accepted:
        settle_at = context.event.at + TAKEN_SETTLE_MS  # taken, without saying which stream: it may be shown late
    else:
        settle_at = context.event.at + ANSWERED_SETTLE_MS
    unknown = replace(call, state=CallState.UNKNOWN, settle_at=settle_at, negatives=0)
    context.change(call=unknown)
    context.outcome.calls[call.call_id] = unknown
    context.record_effect(Reason.CALL_UNKNOWN)
    context.record_decision(
        Reason.CALL_UNKNOWN,
        call_id=call.call_id,
        rule=rule_of(call.because),
    )
    request_probe(context, ProbeSubject.UNKNOWN)


def _dispute(context: StepContext, call: Call, refusal: Refusal, retry_after_ms: int | None) -> None:
    """VideoSDK refused what may be so already: a probe decides whether that is a refusal."""
    disputed = replace(
        call, state=CallState.UNKNOWN, refusal=refusal.value, retry_after_ms=retry_after_ms, settle_at=None
    )
    answer = f"{call.status} {call.message or ''}".strip()
    context.change(call=disputed, last_refusal=answer)
    context.outcome.calls[call.call_id] = disputed
    context.record_effect(Reason.CALL_DISPUTED, said=answer)
    request_probe(context, ProbeSubject.REFUSED)


def _settle_dispute(context: StepContext, call: Call, probe: ProbeResult, *, seen: bool) -> None:
    """What a probe makes of a refusal: it is so already, it cannot be yet, or it is one."""
    if call.kind is CallKind.END:
        target = next((stream for stream in context.room.streams if stream.end_call_id == call.call_id), None)
        if seen and target is not None and target.live:
            context.room = put_stream(context.room, replace(target, end_by_room="id" in call.body))
            _refused(context, call, NO_ANSWER, None, None)
            return
        _close_call(context, replace(call, state=CallState.SUCCEEDED))
        context.set_timer(TimerKind.BACKOFF, context.event.at + END_SETTLE_MS)
        context.record_decision(Reason.END_NOT_NEEDED, call_id=call.call_id, rule=rule_of(call.because))
        return
    if seen:
        _close_call(context, replace(call, state=CallState.SUCCEEDED))
        context.record_decision(Reason.START_NOT_NEEDED, call_id=call.call_id, rule=rule_of(call.because))
        if not any(stream.live for stream in context.room.streams):
            _back_off(context, Reason.RETRY_STILL_SHOWN)
        return
    if not has_live_session(context.room):
        _close_call(context, replace(call, state=CallState.REFUSED))
        context.record_decision(Reason.START_WITHOUT_SESSION, call_id=call.call_id, rule=rule_of(call.because))
        return
    somebody_there = probe.session is not None and probe.session.live
    invalid = call.refusal == Refusal.AMBIGUOUS and somebody_there
    _refused(context, call, NO_ANSWER, Refusal.INVALID if invalid else Refusal.CONFLICT, call.retry_after_ms)


def _refused(
    context: StepContext,
    call: Call,
    status: AnswerStatus,
    refusal: Refusal | None,
    retry_after_ms: int | None,
) -> None:
    refused = replace(call, state=CallState.REFUSED)
    _close_call(context, refused)
    _end_not_made(context, call)
    said = f"{call.status} {call.message or ''}".strip()
    context.change(last_refusal=said)
    context.record_effect(Reason.CALL_REFUSED, said=said)
    context.emit("call.refused", because=call.because, call=call_view(refused, context.room_name))
    if call.kind is CallKind.START and refusal is Refusal.INVALID and count_rejection(context, call):
        given_up = replace(refused, state=CallState.GIVEN_UP)
        context.outcome.calls[call.call_id] = given_up
        context.emit("call.given-up", because=call.because, call=call_view(given_up, context.room_name))
        context.record_decision(Reason.CALL_REJECTED, call_id=call.call_id, rule=rule_of(call.because))
        give_up_rejected(context, call)
        return
    if context.room.tries + 1 >= TRIES_MAX and context.room.window is None:
        given_up = replace(refused, state=CallState.GIVEN_UP)
        context.outcome.calls[call.call_id] = given_up
        context.emit("call.given-up", because=call.because, call=call_view(given_up, context.room_name))
        context.record_decision(Reason.CALL_GIVEN_UP, call_id=call.call_id, rule=rule_of(call.because), tries=TRIES_MAX)
        context.change(operator=None, event_wish=None, schedule_wish=None, tries=0)
        context.clear_timer(TimerKind.OPERATOR_UNTIL)
        return
    if status.access is Access.UNAUTHORIZED:
        context.outcome.pause = True
        context.alarm(
            "videosdk-credentials",
            "critical",
            explain(AlarmSummary.CREDENTIALS_REJECTED),
        )
        context.set_timer(probe_timer(ProbeSubject.CREDENTIALS), context.event.at + LIFT_EVERY_MS)
        return
    if status.access is Access.FORBIDDEN:
        room = context.room_name or call.room_id
        summary = explain(AlarmSummary.ROOM_FORBIDDEN, action=call.kind, room=room, answer=said)
        context.alarm(forbidden_key(call.room_id), "warning", summary, room_id=call.room_id)
        context.change(tries=context.room.tries + 1)
        context.set_timer(TimerKind.BACKOFF, context.event.at + LIFT_EVERY_MS)
        return
    if status.disputable and call.refusal is None:
        request_probe(context, ProbeSubject.REFUSED)
    _back_off(context, Reason.RETRY_REFUSED, at_least=retry_after_ms or 0)


def _back_off(context: StepContext, then: Reason, *, at_least: int = 0) -> None:
    """Try again later: after 5 s, doubling to 60 s; within that as late as VideoSDK asks."""
    tries = context.room.tries
    if tries + 1 >= TRIES_MAX and context.room.window is None:
        rule = rule_of(context.room.desired.because) if context.room.desired else None
        context.record_decision(Reason.CALL_GIVEN_UP, rule=rule, tries=TRIES_MAX)
        context.change(operator=None, event_wish=None, schedule_wish=None, tries=0)
        context.clear_timer(TimerKind.OPERATOR_UNTIL)
        return
    wait = min(BACKOFF_MAX_MS, max(at_least, BACKOFF_FIRST_MS * 2 ** min(tries, 8)))
    context.change(tries=tries + 1)
    context.set_timer(TimerKind.BACKOFF, context.event.at + wait)
    desired = context.room.desired
    context.record_decision(then, rule=rule_of(desired.because) if desired else None, wait=wait // 1000)


def _place_call(context: StepContext, call: Call, did: Reason) -> None:
    context.change(call=call)
    context.set_timer(TimerKind.CALL_LOST, context.event.at + CALL_LOST_MS)
    context.record_decision(did, rule=rule_of(call.because), call_id=call.call_id, because=call.because)


def _close_call(context: StepContext, call: Call) -> None:
    context.outcome.calls[call.call_id] = call
    context.change(call=None)
    context.clear_timer(TimerKind.CALL_LOST, probe_timer(ProbeSubject.UNKNOWN))


def _end_not_made(context: StepContext, call: Call) -> None:
    for stream in context.room.streams:
        if stream.end_call_id == call.call_id:
            context.room = put_stream(context.room, replace(stream, end_call_id=None, end_because=None))


def _wait(context: StepContext, why: Reason | None) -> None:
    if context.room.waits == why:
        return
    context.change(waits=None if why is None else why.value)
    desired = context.room.desired
    if why is not None:
        context.record_decision(why, rule=rule_of(desired.because) if desired else None)


def _progressed(before: Room, after: Room) -> bool:
    """Whether a run became playable, which resets the back-off."""
    was = {stream.stream_id: stream.state for stream in before.streams}
    return any(
        stream.state is StreamState.PLAYABLE and was.get(stream.stream_id) != stream.state for stream in after.streams
    )
