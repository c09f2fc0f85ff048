"""Snapshots: an operator asks for a picture of what is on air, and VideoSDK's answer is kept with the run.

A picture changes nothing: it is no wish, holds up no other call, and asking twice does no harm.
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.facts.results import NO_ANSWER, AnswerStatus, CallOutcome, CaptureResult
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Call, CallKind, CallState
from webhook_app.domain.streams.machine import Snapshot
from webhook_app.domain.streams.matching import put_stream
from webhook_app.domain.timers import TimerKind
from webhook_app.domain.times import SECOND

CAPTURE_LOST_MS = 60 * SECOND
STATES = {CallOutcome.SUCCEEDED: CallState.SUCCEEDED, CallOutcome.REFUSED: CallState.REFUSED}


def request_capture(context: StepContext) -> None:
    """An operator wants a picture of the run that is shown."""
    stream = context.room.shown
    if stream is None or not context.room.watchable:
        context.record_effect(Reason.SNAPSHOT_OFF_AIR)
    elif context.room.capture is not None:
        context.record_effect(Reason.SNAPSHOT_REPEAT)
    elif not context.config.settings.calls:
        context.record_effect(context.config.settings.reason_for_no_calls(Reason.SNAPSHOT_NO_CREDENTIALS))
    elif context.paused:
        context.record_effect(Reason.SNAPSHOT_CALLS_PAUSED)
    else:
        call = context.new_call(CallKind.CAPTURE, "operator", {"stream_id": stream.stream_id})
        context.change(capture=call)
        context.set_timer(TimerKind.CAPTURE_LOST, context.event.at + CAPTURE_LOST_MS)
        context.record_effect(Reason.SNAPSHOT_REQUESTED)
        context.record_decision(Reason.SNAPSHOT_SENT, call_id=call.call_id)


def on_capture_result(context: StepContext, result: CaptureResult) -> None:
    """Keep the picture that VideoSDK took with its stream."""
    call = context.room.capture
    if call is None or result.call_id != call.call_id:
        context.record_effect(Reason.CALL_LATE)
        return
    outcome = result.outcome
    picture = result.picture if outcome is CallOutcome.SUCCEEDED else None
    if outcome is CallOutcome.SUCCEEDED and picture is None:
        outcome = CallOutcome.UNKNOWN
    _close(context, call, STATES.get(outcome, CallState.UNKNOWN), result.status, result.message)
    stream_id = call.body.get("stream_id")
    stream = next((known for known in context.room.streams if known.stream_id == stream_id), None)
    if picture is None:
        context.record_effect(Reason.SNAPSHOT_FAILED, why=result.message or outcome)
    elif stream is None:
        context.record_effect(Reason.SNAPSHOT_STREAM_GONE)
    else:
        snapshot = Snapshot(picture.url, context.event.at, picture.width, picture.height)
        shown = replace(stream, snapshot=snapshot)
        context.room = put_stream(context.room, shown)
        context.record_stream(shown)
        context.record_effect(Reason.SNAPSHOT_KEPT)


def on_capture_overdue(context: StepContext) -> None:
    """No answer ever came."""
    call = context.room.capture
    if call is not None:
        _close(context, call, CallState.UNKNOWN, NO_ANSWER, "no answer came")
    context.record_effect(Reason.SNAPSHOT_OVERDUE)


def _close(context: StepContext, call: Call, state: CallState, status: AnswerStatus, message: str | None) -> None:
    context.outcome.calls[call.call_id] = replace(
        call,
        state=state,
        answer_event_id=context.event.id,
        answered_at=context.event.at,
        status=status.code,
        message=message,
    )
    context.clear_timer(TimerKind.CAPTURE_LOST)
    context.change(capture=None)
