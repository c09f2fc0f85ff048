"""Snapshots: an operator asks for a picture of what is on air, and VideoSDK's answer is kept with the run.

A picture changes nothing: it is no wish, holds up no other call, and asking twice does no harm.
"""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.context import StepContext
from webhook_app.domain.events import TEXT_MAX
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Call, CallKind, CallState
from webhook_app.domain.streams.machine import Snapshot
from webhook_app.domain.streams.matching import put_stream
from webhook_app.domain.times import SECOND

CAPTURE_LOST_MS = 60 * SECOND
STATES = {"succeeded": CallState.SUCCEEDED, "refused": CallState.REFUSED}


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
        context.set_timer("capture-lost", context.event.at + CAPTURE_LOST_MS)
        context.record_effect(Reason.SNAPSHOT_REQUESTED)
        context.record_decision(Reason.SNAPSHOT_SENT, call_id=call.call_id)


def on_capture_result(context: StepContext, data: Mapping[str, Any]) -> None:
    """The answer: the newest picture is kept with its run."""
    call = context.room.capture
    if call is None or data.get("call_id") != call.call_id:
        context.record_effect(Reason.CALL_LATE)
        return
    outcome = str(data.get("outcome"))
    snapshot = _snapshot(data.get("picture"), context.event.at) if outcome == "succeeded" else None
    if outcome == "succeeded" and snapshot is None:
        outcome = "unknown"
    _close(context, call, STATES.get(outcome, CallState.UNKNOWN), data)
    stream = next((one for one in context.room.streams if one.stream_id == call.body.get("stream_id")), None)
    if snapshot is None:
        context.record_effect(Reason.SNAPSHOT_FAILED, why=data.get("message") or outcome)
    elif stream is None:
        context.record_effect(Reason.SNAPSHOT_STREAM_GONE)
    else:
        shown = replace(stream, snapshot=snapshot)
        context.room = put_stream(context.room, shown)
        context.record_stream(shown)
        context.record_effect(Reason.SNAPSHOT_KEPT)


def on_capture_overdue(context: StepContext) -> None:
    """No answer ever came."""
    call = context.room.capture
    if call is not None:
        _close(context, call, CallState.UNKNOWN, {"message": "no answer came"})
    context.record_effect(Reason.SNAPSHOT_OVERDUE)


def _close(context: StepContext, call: Call, state: CallState, data: Mapping[str, Any]) -> None:
    context.outcome.calls[call.call_id] = replace(
        call,
        state=state,
        answer_event_id=context.event.id,
        answered_at=context.event.at,
        status=data.get("status"),
        message=data.get("message"),
    )
    context.clear_timer("capture-lost")
    context.change(capture=None)


def _snapshot(picture: Any, at: int) -> Snapshot | None:
    if not isinstance(picture, Mapping):
        return None
    url = picture.get("filePath")
    if not isinstance(url, str) or len(url) > TEXT_MAX or not url.startswith(("https://", "http://")):
        return None
    meta = picture.get("meta")
    size = meta if isinstance(meta, Mapping) else {}
    return Snapshot(url, at, _whole(size.get("width")), _whole(size.get("height")))


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000 else None
