"""Snapshots: an operator asks for a picture of what is on air, and VideoSDK's answer is kept with the run.

A picture changes nothing: it is no wish, holds up no other call, and asking twice does no harm.
"""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.context import Turn
from webhook_app.domain.events import TEXT_MAX
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Call, CallKind, CallState
from webhook_app.domain.streams.machine import Snapshot
from webhook_app.domain.streams.matching import put_run
from webhook_app.domain.times import SECOND

CAPTURE_LOST_MS = 60 * SECOND
STATES = {"succeeded": CallState.SUCCEEDED, "refused": CallState.REFUSED}


def order_capture(turn: Turn) -> None:
    """An operator wants a picture of the run that is shown."""
    run = turn.room.shown
    if run is None or not turn.room.watchable:
        turn.note(Reason.SNAPSHOT_OFF_AIR)
    elif turn.room.capture is not None:
        turn.note(Reason.SNAPSHOT_REPEAT)
    elif not turn.config.settings.calls:
        turn.note(turn.config.settings.why_no_calls(Reason.SNAPSHOT_NO_CREDENTIALS))
    elif turn.paused:
        turn.note(Reason.SNAPSHOT_CALLS_PAUSED)
    else:
        call = turn.new_call(CallKind.CAPTURE, "operator", {"stream_id": run.stream_id})
        turn.change(capture=call)
        turn.set_timer("capture-lost", turn.event.at + CAPTURE_LOST_MS)
        turn.note(Reason.SNAPSHOT_REQUESTED)
        turn.decide(Reason.SNAPSHOT_SENT, call_id=call.call_id)


def hear_capture(turn: Turn, data: Mapping[str, Any]) -> None:
    """The answer: the newest picture is kept with its run."""
    call = turn.room.capture
    if call is None or data.get("call_id") != call.call_id:
        turn.note(Reason.CALL_LATE)
        return
    outcome = str(data.get("outcome"))
    snapshot = _snapshot(data.get("picture"), turn.event.at) if outcome == "succeeded" else None
    if outcome == "succeeded" and snapshot is None:
        outcome = "unknown"
    _close(turn, call, STATES.get(outcome, CallState.UNKNOWN), data)
    run = next((one for one in turn.room.streams if one.stream_id == call.body.get("stream_id")), None)
    if snapshot is None:
        turn.note(Reason.SNAPSHOT_FAILED, why=data.get("message") or outcome)
    elif run is None:
        turn.note(Reason.SNAPSHOT_STREAM_GONE)
    else:
        shown = replace(run, snapshot=snapshot)
        turn.room = put_run(turn.room, shown)
        turn.keep_run(shown)
        turn.note(Reason.SNAPSHOT_KEPT)


def lose_capture(turn: Turn) -> None:
    """No answer ever came."""
    call = turn.room.capture
    if call is not None:
        _close(turn, call, CallState.UNKNOWN, {"message": "no answer came"})
    turn.note(Reason.SNAPSHOT_OVERDUE)


def _close(turn: Turn, call: Call, state: CallState, data: Mapping[str, Any]) -> None:
    turn.outcome.calls[call.call_id] = replace(
        call,
        state=state,
        answer_event_id=turn.event.id,
        answered_at=turn.event.at,
        status=data.get("status"),
        message=data.get("message"),
    )
    turn.clear_timer("capture-lost")
    turn.change(capture=None)


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
