"""Snapshots: an operator requests a picture of what is on air, and VideoSDK's answer is kept with the stream.

A capture changes nothing that is desired, holds up no other call, and may be requested twice.
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import Call, CallState, CaptureStream
from webhook_app.domain.facts.results import NO_ANSWER, AnswerStatus, CallOutcome, CaptureResult
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.streams.stream import Snapshot, Stream
from webhook_app.domain.timers import TimerKind
from webhook_app.domain.times import SECOND

CAPTURE_LOST_MS = 60 * SECOND
STATES = {CallOutcome.SUCCEEDED: CallState.SUCCEEDED, CallOutcome.REFUSED: CallState.REFUSED}


def request_capture(context: StepContext) -> None:
    """Apply an operator's command: capture a picture of the stream that is shown."""
    stream = context.room.shown_stream
    if stream is None or not context.room.watchable:
        context.record_effect(Reason.SNAPSHOT_OFF_AIR)
    elif context.room.control.capture is not None:
        context.record_effect(Reason.SNAPSHOT_REPEAT)
    elif not context.config.settings.calls:
        context.record_effect(context.config.settings.reason_for_no_calls(Reason.SNAPSHOT_NO_CREDENTIALS))
    elif context.paused:
        context.record_effect(Reason.SNAPSHOT_CALLS_PAUSED)
    else:
        call = context.new_call(CaptureStream(stream.stream_id), "operator")
        context.change_control(capture=call)
        context.set_timer(TimerKind.CAPTURE_LOST, context.event.at + CAPTURE_LOST_MS)
        context.record_effect(Reason.SNAPSHOT_REQUESTED)
        context.record_decision(Reason.SNAPSHOT_SENT, call_id=call.call_id)


def on_capture_result(context: StepContext, result: CaptureResult) -> None:
    """Keep the picture that VideoSDK took with its stream."""
    call = context.room.control.capture
    if call is None or result.call_id != call.call_id:
        context.record_effect(Reason.CALL_LATE)
        return
    outcome = result.outcome
    picture = result.picture if outcome is CallOutcome.SUCCEEDED else None
    if outcome is CallOutcome.SUCCEEDED and picture is None:
        outcome = CallOutcome.UNKNOWN
    _close(context, call, STATES.get(outcome, CallState.UNKNOWN), result.status, result.message)
    stream = _captured_stream(context, call)
    if picture is None:
        context.record_effect(Reason.SNAPSHOT_FAILED, why=result.message or outcome)
    elif stream is None:
        context.record_effect(Reason.SNAPSHOT_STREAM_GONE)
    else:
        snapshot = Snapshot(picture.url, context.event.at, picture.width, picture.height)
        context.save_stream(replace(stream, snapshot=snapshot))
        context.record_effect(Reason.SNAPSHOT_KEPT)


def on_capture_overdue(context: StepContext) -> None:
    """Handle the timer of a capture that never had a result."""
    call = context.room.control.capture
    if call is not None:
        _close(context, call, CallState.UNKNOWN, NO_ANSWER, "no answer came")
    context.record_effect(Reason.SNAPSHOT_OVERDUE)


def _captured_stream(context: StepContext, call: Call) -> Stream | None:
    """The stream of which a capture was requested, while the room keeps it."""
    request = call.request
    if not isinstance(request, CaptureStream):
        return None
    return next((stream for stream in context.room.streams if stream.stream_id == request.stream_id), None)


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
    context.change_control(capture=None)
