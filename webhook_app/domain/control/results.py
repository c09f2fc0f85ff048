"""What the result of a start or an end means for the room."""

from typing import assert_never

from webhook_app.domain.alarms.room_alarms import forbidden_key
from webhook_app.domain.context import StepContext
from webhook_app.domain.control.backoff import back_off
from webhook_app.domain.control.call import Call, CallKind, CallState
from webhook_app.domain.control.calls import close_call, forget_end_call
from webhook_app.domain.control.refusals import on_refusal, on_sealed_start
from webhook_app.domain.control.unknown_outcomes import END_SETTLE_MS, on_disputed_refusal, on_unknown_outcome
from webhook_app.domain.facts.results import CallOutcome, CallResult, Refusal
from webhook_app.domain.frozen import replace
from webhook_app.domain.outputs import OUTPUTS
from webhook_app.domain.probing.results import record_readability
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room_parts import LastRefusal
from webhook_app.domain.streams.announcements import announce_stream
from webhook_app.domain.streams.identity import unite_streams
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.matching import MatchKind, match_stream
from webhook_app.domain.streams.observations import observe_active
from webhook_app.domain.streams.report import StreamReport
from webhook_app.domain.streams.stream import with_names_from
from webhook_app.domain.streams.tracking import open_stream
from webhook_app.domain.timers import TimerKind, probe_timer

DONE = (CallOutcome.SUCCEEDED, CallOutcome.ALREADY)
DROPPED_MAX = 3  # calls dropped in a row before the next is delayed


def on_call_result(context: StepContext, result: CallResult) -> None:
    """Apply the result of a start or an end; a late one only counts for the stream that it names."""
    call = context.room.control.call
    if call is None or result.call_id != call.call_id:
        if result.kind is CallKind.START and result.stream is not None:
            _observe_started_stream(context, result.stream)
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
    is_start = call.kind is CallKind.START
    record_readability(context, result.unreadable, understood=is_start and outcome in DONE)
    names_stream = result.stream is not None or not OUTPUTS[context.output].has_active_lookup
    if outcome is CallOutcome.SUCCEEDED and is_start and not names_stream:
        outcome = CallOutcome.UNKNOWN
    match outcome:
        case CallOutcome.SUCCEEDED | CallOutcome.ALREADY:
            _on_success(context, answered, result.stream, is_already=outcome is CallOutcome.ALREADY)
        case CallOutcome.UNKNOWN:
            on_unknown_outcome(context, answered, result.status, result.deadline_at)
        case CallOutcome.DROPPED:
            _on_not_sent(context, answered)
            if context.room.control.retries >= DROPPED_MAX:
                back_off(context, Reason.RETRY_DELAYED)
            else:
                context.change_control(retries=context.room.control.retries + 1)
        case CallOutcome.UNREACHED:
            is_unreadable = result.unreadable is not None
            reason = Reason.VIDEOSDK_UNREADABLE if is_unreadable else Reason.VIDEOSDK_UNREACHED
            context.change_control(last_refusal=LastRefusal(reason))
            _on_not_sent(context, answered)
            back_off(context, Reason.RETRY_UNREADABLE if is_unreadable else Reason.RETRY_UNREACHED)
        case CallOutcome.REFUSED if result.refusal in (Refusal.CONFLICT, Refusal.AMBIGUOUS):
            on_disputed_refusal(context, answered, result.refusal, result.retry_after_ms)
        case CallOutcome.REFUSED if is_start and result.refusal is Refusal.SEALED:
            on_sealed_start(context, answered)
        case CallOutcome.REFUSED:
            on_refusal(context, answered, result.status, result.refusal, result.retry_after_ms)
        case _ as never:
            assert_never(never)


def _on_not_sent(context: StepContext, call: Call) -> None:
    close_call(context, replace(call, state=CallState.GIVEN_UP))
    forget_end_call(context, call)
    context.record_effect(Reason.CALL_NOT_MADE, message=call.message)


def _on_success(context: StepContext, call: Call, stream: StreamReport | None, *, is_already: bool) -> None:
    if call.kind is CallKind.START:
        if stream is not None and is_already:
            _observe_started_stream(context, stream)
        elif stream is not None:
            _adopt_started_stream(context, call, stream)
        elif not is_already:
            _await_started_stream(context)
        context.record_effect(Reason.START_NOT_NEEDED if is_already else Reason.START_SUCCEEDED)
    else:
        context.record_effect(Reason.END_SUCCEEDED)
        context.set_timer(TimerKind.BACKOFF, context.event.at + END_SETTLE_MS)
        context.set_timer(probe_timer(ProbeSubject.ENDED), context.event.at + END_SETTLE_MS - 1)
    close_call(context, replace(call, state=CallState.SUCCEEDED))
    if is_already and not context.room.has_live_stream:
        back_off(context, Reason.RETRY_STILL_SHOWN)
    context.clear_alarm(forbidden_key(context.room))


def _await_started_stream(context: StepContext) -> None:
    """VideoSDK has accepted the start of an output without naming what it starts: webhooks or a list will show it."""
    if context.room.newest_live_stream is None:
        open_stream(context, StreamState.STARTING, _in_session(context, StreamReport()))


def _observe_started_stream(context: StepContext, report: StreamReport) -> None:
    """The answer shows a stream that this call did not start."""
    observe_active(context, _in_session(context, report), context.event.id, playable=False)


def _adopt_started_stream(context: StepContext, call: Call, answered: StreamReport) -> None:
    """The answer names the stream that our call started: it is the one that webhooks opened meanwhile, or a new one."""
    report = _in_session(context, answered)
    unite_streams(context, report)
    stream_match = match_stream(context.room, StreamState.STARTING, report)
    stream = stream_match.stream
    if stream is None or (stream_match.kind is not MatchKind.KNOWN and stream.call_id != call.call_id):
        open_stream(context, StreamState.STARTING, report)
        return
    adopted = replace(
        with_names_from(stream, report),
        last_event_id=context.event.id,
        call_id=call.call_id,
        because=call.because,
        destinations=call.destinations or stream.destinations,
    )
    if adopted.provisional:
        adopted = replace(adopted, provisional=False)
        announce_stream(context, adopted, None)
    context.save_stream(adopted)


def _in_session(context: StepContext, report: StreamReport) -> StreamReport:
    """The report; one that names no session is about the live one."""
    session = context.room.session
    if report.session_id is None and session is not None and session.live:
        return replace(report, session_id=session.session_id)
    return report
