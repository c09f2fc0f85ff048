"""Stage 1 of a room's step: applying what the event says."""

from typing import assert_never

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.capture import on_capture_overdue, on_capture_result, request_capture
from webhook_app.domain.control.desired import release_operator_desired, set_operator_desired
from webhook_app.domain.control.results import on_call_result
from webhook_app.domain.control.unknown_outcomes import on_call_overdue, on_start_unknown_timer, settle_unknown_call
from webhook_app.domain.events import RoomFact
from webhook_app.domain.facts.commands import CaptureSnapshot, ReleaseRoom, SetOnAir, UnknownCommand
from webhook_app.domain.facts.provider import (
    OtherWebhook,
    ParticipantJoined,
    ParticipantLeft,
    SessionEnded,
    SessionStarted,
    StreamSignal,
    UnreadableWebhook,
)
from webhook_app.domain.facts.results import CallResult, CaptureResult, ProbeResult, TranscodeResult
from webhook_app.domain.facts.system import ReconcileWindows, TimerFired
from webhook_app.domain.outputs import Output
from webhook_app.domain.probing.failure_reasons import on_failure_wait_over
from webhook_app.domain.probing.requests import on_probe_overdue, request_probe
from webhook_app.domain.probing.results import on_probe_result
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.rules.condition_rules import resolve_verifications
from webhook_app.domain.rules.engine import evaluate_rules_on_state, on_rule_timer
from webhook_app.domain.schedules.monitors import on_presence_verified
from webhook_app.domain.schedules.windows import on_window_timer, reconcile_all_windows
from webhook_app.domain.sessions.tracking import on_session_webhook
from webhook_app.domain.streams.inferred_ends import infer_ends
from webhook_app.domain.streams.tracking import on_stream_signal
from webhook_app.domain.timers import SubjectTimerName, TimerKind
from webhook_app.domain.transcodings.results import on_transcode_result

# Timers after which the later stages of the step decide what is due, and that of an alarm, which no room has.
WITHOUT_ACTION = {
    TimerKind.BACKOFF: Reason.BACKOFF_OVER,
    TimerKind.TRANSCODE: Reason.MP4_DUE,
    TimerKind.ALARM: Reason.STALE_TIMER,
}


def apply_to_room(context: StepContext, fact: RoomFact) -> None:
    """Apply a fact to the room that it is about."""
    match fact:
        case StreamSignal():
            on_session_webhook(context, fact)
            with context.in_output(fact.output):
                on_stream_signal(context, fact.state, fact.stream)
        case SessionStarted() | SessionEnded() | ParticipantJoined() | ParticipantLeft() | OtherWebhook():
            on_session_webhook(context, fact)
            if not context.effects:
                context.record_effect(Reason.STATE_NOT_CONCERNED)
        case UnreadableWebhook():
            context.record_effect(Reason.UNREADABLE)
        case TimerFired():
            with context.in_output(fact.output):
                _on_timer(context, fact)
        case ProbeResult():
            _on_probe_result(context, fact)
        case CallResult():
            with context.in_output(fact.output):
                on_call_result(context, fact)
        case CaptureResult():
            on_capture_result(context, fact)
        case TranscodeResult():
            on_transcode_result(context, fact)
        case SetOnAir():
            with context.in_output(fact.output):
                set_operator_desired(context, fact)
        case ReleaseRoom():
            with context.in_output(fact.output):
                release_operator_desired(context)
        case CaptureSnapshot():
            request_capture(context)
        case UnknownCommand():
            context.record_effect(Reason.UNKNOWN_COMMAND, command=fact.command)
        case ReconcileWindows():
            _on_reconcile(context)
        case _ as never:
            assert_never(never)


def _on_probe_result(context: StepContext, result: ProbeResult) -> None:
    with context.in_output(_output_of_probe(context.room, result.call_id)):
        if not on_probe_result(context, result):
            return
        settle_unknown_call(context, result)
    resolve_verifications(context, result)
    for _ in context.each_output():
        on_presence_verified(context, result)


def _output_of_probe(room: Room, call_id: str | None) -> Output:
    """The output whose probe this is; a result that comes too late for any is HLS's, where it does nothing."""
    for output, state in room.others.items():
        if state.probing.probe is not None and state.probing.probe.call_id == call_id:
            return output
    return Output.HLS


def _on_timer(context: StepContext, fired: TimerFired) -> None:
    """Fire a timer, unless the room holds it with another moment or not at all."""
    if context.room.timers.get(fired.name) != fired.due:
        context.record_effect(Reason.STALE_TIMER)
        return
    context.clear_timer(SubjectTimerName(fired.name))
    timer = fired.timer
    if timer is None:
        context.record_effect(Reason.STALE_TIMER)
        return
    match timer.kind:
        case TimerKind.WATCH:
            _probe_by_timer(context, ProbeSubject.WATCH, Reason.PROBE_DUE)
        case TimerKind.PROBE:
            _probe_by_timer(context, timer.probe_subject, Reason.PROBE_DUE)
        case TimerKind.ARMED:
            _probe_by_timer(context, ProbeSubject.ARMED, Reason.STILL_WAITING_FOR_SESSION)
        case (
            TimerKind.WINDOW
            | TimerKind.REMIND
            | TimerKind.LATE
            | TimerKind.EMPTY
            | TimerKind.OVERRUN
            | TimerKind.MAX_RUN
        ):
            on_window_timer(context, timer.kind)
        case TimerKind.RULE:
            on_rule_timer(context, timer.subject)
        case TimerKind.OPERATOR_UNTIL:
            release_operator_desired(context, Reason.OPERATOR_EXPIRED)
        case TimerKind.BACKOFF | TimerKind.TRANSCODE | TimerKind.ALARM:
            context.record_effect(WITHOUT_ACTION[timer.kind])
        case TimerKind.INFER_END:
            infer_ends(context)
        case TimerKind.CALL_LOST:
            on_call_overdue(context)
        case TimerKind.FAILURE_NOTICE:
            on_failure_wait_over(context)
        case TimerKind.START_UNKNOWN:
            on_start_unknown_timer(context)
        case TimerKind.CAPTURE_LOST:
            on_capture_overdue(context)
        case TimerKind.PROBE_LOST:
            on_probe_overdue(context)
        case _ as never:
            assert_never(never)


def _probe_by_timer(context: StepContext, about: ProbeSubject, reason: Reason) -> None:
    request_probe(context, about)
    if context.room.probing.probe is not None:
        context.record_effect(reason)


def _on_reconcile(context: StepContext) -> None:
    reconcile_all_windows(context)
    evaluate_rules_on_state(context)
