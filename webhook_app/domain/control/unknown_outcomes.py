"""Calls whose outcome is unknown, and refusals that may mean success: probes settle them.

A start without an answer is not repeated before it is known not to have taken effect: two probes in a row show no
stream, the later sent at least 15 s after the call's deadline (5 s after an answer of 5xx, 60 s after one of 2xx that
names no stream).
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.backoff import back_off, drop_all_desires
from webhook_app.domain.control.call import Call, CallKind, CallState
from webhook_app.domain.control.calls import close_call, forget_end_call, keep_call_open
from webhook_app.domain.control.refusals import answer_text, on_refusal
from webhook_app.domain.facts.results import NO_ANSWER, AnswerStatus, ProbeResult, Refusal
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
from webhook_app.domain.notices.payloads import CallRefusal
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.outputs import OUTPUTS
from webhook_app.domain.probing.listings import shows_effect_of
from webhook_app.domain.probing.requests import request_probe
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room_parts import GivenUpStart, LastRefusal
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.schedules.open_window import SuppressionReason
from webhook_app.domain.schedules.window_state import suppress_window
from webhook_app.domain.streams.announcements import end_stream
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import EndedBy, Stream
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.domain.times import SECOND

SENT_WITHIN_MS = 5 * SECOND
TOTAL_DEADLINE_MS = 10 * SECOND
UNKNOWN_SETTLE_MS = 15 * SECOND
ANSWERED_SETTLE_MS = 5 * SECOND
TAKEN_SETTLE_MS = 60 * SECOND
END_SETTLE_MS = 15 * SECOND
NEGATIVES_MIN = 2
PROBE_AGAIN_MS = 2 * SECOND
LIST_AGAIN_MS = 15 * SECOND


def on_unknown_outcome(context: StepContext, call: Call, status: AnswerStatus, deadline_at: int | None) -> None:
    """Keep a call open whose outcome is unknown, and probe."""
    deadline = deadline_at or call.created_at + SENT_WITHIN_MS + TOTAL_DEADLINE_MS
    if status.code is None:
        settle_at = deadline + UNKNOWN_SETTLE_MS
    elif status.accepted:
        settle_at = context.event.at + TAKEN_SETTLE_MS  # accepted without naming a stream: it may be shown late
    else:
        settle_at = context.event.at + ANSWERED_SETTLE_MS
    keep_call_open(context, replace(call, state=CallState.UNKNOWN, settle_at=settle_at, negatives=0))
    context.record_effect(Reason.CALL_UNKNOWN)
    context.record_decision(Reason.CALL_UNKNOWN, call_id=call.call_id, rule=rule_of(call.because))
    request_probe(context, ProbeSubject.UNKNOWN)


def on_disputed_refusal(context: StepContext, call: Call, refusal: Refusal, retry_after_ms: int | None) -> None:
    """Keep a call open that VideoSDK refused although it may have taken effect, and probe."""
    disputed = replace(
        call, state=CallState.UNKNOWN, refusal=refusal.value, retry_after_ms=retry_after_ms, settle_at=None
    )
    answer = answer_text(call)
    context.change_control(last_refusal=LastRefusal(Reason.VIDEOSDK_REFUSED, answer))
    keep_call_open(context, disputed)
    context.record_effect(Reason.CALL_DISPUTED, said=answer)
    request_probe(context, ProbeSubject.REFUSED)


def on_call_overdue(context: StepContext) -> None:
    """Handle the timer of a call that never had a result: its outcome is unknown."""
    call = context.room.control.call
    if call is None or call.state is CallState.UNKNOWN:
        return
    context.record_effect(Reason.CALL_OVERDUE)
    on_unknown_outcome(context, call, NO_ANSWER, None)


def settle_unknown_call(context: StepContext, probe: ProbeResult) -> None:
    """Settle the open call by a probe's result, if its outcome is unknown and the probe was sent late enough."""
    call = context.room.control.call
    if call is None or call.state is not CallState.UNKNOWN or not probe.understood:
        return
    is_disputed = call.refusal is not None
    is_late_enough = (
        not is_after(call.answer_event_id, probe.asked_id) if is_disputed else is_after(probe.asked_id, call.event_id)
    )
    is_active = probe.active is not None
    if not is_late_enough:
        return
    if not OUTPUTS[context.output].has_active_lookup:
        _settle_by_list(context, call, probe)
    elif is_disputed:
        _settle_dispute(context, call, probe, is_active=is_active)
    elif call.kind is CallKind.END:
        _settle_end(context, call, is_active=is_active)
    else:
        _settle_start(context, call, probe, is_active=is_active)


def _settle_end(context: StepContext, call: Call, *, is_active: bool) -> None:
    close_call(context, call)
    if is_active:
        forget_end_call(context, call)
    context.record_effect(Reason.END_HAD_NO_EFFECT if is_active else Reason.END_TOOK_EFFECT)


def _settle_start(context: StepContext, call: Call, probe: ProbeResult, *, is_active: bool) -> None:
    if is_active:
        _close_as_succeeded(context, call, Reason.START_TOOK_EFFECT)
        return
    negatives = call.negatives + 1
    settle_at = call.settle_at or context.event.at
    if negatives >= NEGATIVES_MIN and probe.asked_at >= settle_at:
        close_call(context, call)
        context.record_decision(Reason.START_HAD_NO_EFFECT, call_id=call.call_id, rule=rule_of(call.because))
        back_off(context, Reason.RETRY_NO_EFFECT)
        return
    keep_call_open(context, replace(call, negatives=negatives))
    context.set_timer(probe_timer(ProbeSubject.UNKNOWN), max(settle_at, context.event.at + PROBE_AGAIN_MS))


def _settle_by_list(context: StepContext, call: Call, probe: ProbeResult) -> None:
    """Settle a call by what a list shows. That it shows nothing proves nothing: then a webhook is waited for."""
    if call.kind is CallKind.END:
        _settle_end_by_list(context, call, probe)
    elif shows_effect_of(probe, call.created_at):
        reason = Reason.START_TOOK_EFFECT if call.refusal is None else Reason.START_NOT_NEEDED
        _close_as_succeeded(context, call, reason)
    elif call.refusal is not None:
        _settle_dispute(context, call, probe, is_active=False)
    else:
        context.set_timer(probe_timer(ProbeSubject.UNKNOWN), context.event.at + LIST_AGAIN_MS)


def _settle_end_by_list(context: StepContext, call: Call, probe: ProbeResult) -> None:
    """Settle an end by a list. One that is refused twice while no row shows the stream running: it does not run."""
    target = _target_of(context, call)
    is_refused_idle = call.refusal is not None and not any(row.is_running for row in probe.listed)
    if target is None or not target.live:
        _close_as_succeeded(context, call, Reason.END_TOOK_EFFECT)
    elif is_refused_idle and target.state is StreamState.STOPPING:
        _close_as_succeeded(context, call, Reason.END_NOT_NEEDED)
    elif is_refused_idle and context.room.control.retries:
        _close_as_succeeded(context, call, Reason.END_NOT_NEEDED)
        end_stream(context, target, Reason.STREAM_NOT_RUNNING, by=EndedBy.INFERRED)
    else:
        close_call(context, replace(call, state=CallState.REFUSED if call.refusal else CallState.UNKNOWN))
        forget_end_call(context, call)
        back_off(context, Reason.RETRY_NO_EFFECT)


def on_start_unknown_timer(context: StepContext) -> None:
    """Handle the timer of a start whose outcome is unknown: raise the alarm; what only lists show is given up."""
    call = context.room.call_of_unknown_start
    if call is None:
        context.record_effect(Reason.STALE_TIMER)
        return
    context.record_effect(Reason.START_STILL_UNKNOWN)
    if OUTPUTS[context.output].has_active_lookup:
        context.change_control(unknown_start=call.call_id)
    else:
        _give_up_unknown_start(context, call)


def _give_up_unknown_start(context: StepContext, call: Call) -> None:
    """Give up a start that neither a webhook nor a list has settled: only an operator may repeat it."""
    close_call(context, replace(call, state=CallState.GIVEN_UP))
    context.clear_timer(probe_timer(ProbeSubject.UNKNOWN))
    context.change_control(given_up_start=GivenUpStart(call.call_id, call.created_at, call.because))
    drop_all_desires(context)
    if context.room.schedule.window is not None:
        suppress_window(context, SuppressionReason.START_UNKNOWN, Reason.START_UNKNOWN_GIVEN_UP)
    given_up = context.outcome.calls[call.call_id]
    context.emit(NoticeType.CALL_GIVEN_UP, CallRefusal(given_up), because=call.because)
    context.record_decision(Reason.START_UNKNOWN_GIVEN_UP, call_id=call.call_id, rule=rule_of(call.because))


def resolve_by_own_stream(context: StepContext) -> None:
    """Settle a start of unknown outcome once a stream that it started has appeared."""
    call = context.room.control.call
    if call is None or call.kind is not CallKind.START or call.state is not CallState.UNKNOWN:
        return
    if any(stream.call_id == call.call_id and not stream.provisional for stream in context.room.streams):
        _close_as_succeeded(context, call, Reason.START_TOOK_EFFECT)


def _settle_dispute(context: StepContext, call: Call, probe: ProbeResult, *, is_active: bool) -> None:
    """Settle a disputed refusal by a probe: its state holds already, is not possible yet, or it stands."""
    if call.kind is CallKind.END:
        _settle_disputed_end(context, call, is_active=is_active)
    elif is_active:
        _close_as_succeeded(context, call, Reason.START_NOT_NEEDED)
        if not context.room.has_live_stream:
            back_off(context, Reason.RETRY_STILL_SHOWN)
    elif not context.room.has_live_session:
        close_call(context, replace(call, state=CallState.REFUSED))
        context.record_decision(Reason.START_WITHOUT_SESSION, call_id=call.call_id, rule=rule_of(call.because))
    else:
        is_occupied = probe.session is not None and probe.session.live
        is_invalid = call.refusal == Refusal.AMBIGUOUS and is_occupied
        refusal = Refusal.INVALID if is_invalid else Refusal.CONFLICT
        on_refusal(context, call, NO_ANSWER, refusal, call.retry_after_ms)


def _settle_disputed_end(context: StepContext, call: Call, *, is_active: bool) -> None:
    target = _target_of(context, call)
    if is_active and target is not None and target.live:
        context.put_stream(replace(target, end_by_room=call.names_stream))
        on_refusal(context, call, NO_ANSWER, None, None)
        return
    close_call(context, replace(call, state=CallState.SUCCEEDED))
    context.set_timer(TimerKind.BACKOFF, context.event.at + END_SETTLE_MS)
    context.record_decision(Reason.END_NOT_NEEDED, call_id=call.call_id, rule=rule_of(call.because))


def _target_of(context: StepContext, call: Call) -> Stream | None:
    """The stream that an end is to end."""
    return next((stream for stream in context.room.streams if stream.end_call_id == call.call_id), None)


def _close_as_succeeded(context: StepContext, call: Call, reason: Reason) -> None:
    close_call(context, replace(call, state=CallState.SUCCEEDED))
    context.record_decision(reason, call_id=call.call_id, rule=rule_of(call.because))
