"""Why a stream ended: by a call of ours, with its session, by VideoSDK's limit, or by somebody else."""

from enum import StrEnum

from webhook_app.domain.room import Room
from webhook_app.domain.streams.collection import history_of
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import EndedBy, Stream
from webhook_app.domain.times import MINUTE, SECOND

# VideoSDK's limit counts from its own start of a stream. Where that is known by a webhook alone, our moment of it is
# late by the webhook's delay, which makes the age seem shorter; the time from VideoSDK's start to its encoder, and from
# the limit to the webhook about it, makes it seem longer.
LIMIT_EARLY_MS = 30 * SECOND
LIMIT_LATE_MS = 3 * MINUTE
STOP_REPORTED_WITHIN_MS = 2 * MINUTE


class StopCause(StrEnum):
    """Why a stream ended when no end call of ours did it."""

    SESSION_ENDED = "session-ended"
    VIDEOSDK_LIMIT = "videosdk-limit"
    SOMEBODY = "somebody"
    FAILED = "failed"
    UNKNOWN = "unknown"


def stopped_because(room: Room, stream: Stream, *, at: int, limit_ms: int, stop_reported: bool) -> str | None:
    """Why a stream ended: `operator` or `rule:<name>` when our end did it, else a StopCause; None while it is live.

    1. It failed.
    2. We sent an end for it, and VideoSDK did not refuse that.
    3. Its session has ended, or everybody had left.
    4. It had reached VideoSDK's limit.
    5. VideoSDK reported that it was stopped (`stop_reported`: at this event): somebody did it.
    6. It vanished: the cause is unknown.
    """
    if stream.live:
        return None
    if stream.state is StreamState.FAILED:
        return StopCause.FAILED
    if stream.end_call_id is not None:
        return stream.end_because or StopCause.UNKNOWN
    if _session_is_over(room, stream):
        return StopCause.SESSION_ENDED
    if ended_at_limit(stream, at=at, limit_ms=limit_ms):
        return StopCause.VIDEOSDK_LIMIT
    if stop_reported or was_stopped(room, stream, at=at):
        return StopCause.SOMEBODY
    return StopCause.UNKNOWN


def ended_at_limit(stream: Stream, *, at: int, limit_ms: int) -> bool:
    """Whether the stream was as old as VideoSDK's limit when it ended, allowing for delays and start-up."""
    started_at = stream.videosdk_started_at or stream.starting_at or stream.started_at or stream.opened_at
    age = (stream.stopping_at or stream.ended_at or at) - started_at
    return limit_ms - LIMIT_EARLY_MS <= age <= limit_ms + LIMIT_LATE_MS


def was_stopped(room: Room, stream: Stream, *, at: int) -> bool:
    """Whether VideoSDK reported its stop, if only by a bare webhook; else it has vanished."""
    if stream.state is not StreamState.STOPPED:
        return False
    if stream.ended_by is EndedBy.WEBHOOK or stream.stopping_at is not None:
        return True
    stopped_at = history_of(room, stream.session_id).stopped_at
    return stopped_at is not None and stopped_at >= max(stream.opened_at, at - STOP_REPORTED_WITHIN_MS)


def _session_is_over(room: Room, stream: Stream) -> bool:
    # VideoSDK reports a session's end after the stop that it causes: a session that has emptied is about to end.
    session = room.session
    if stream.session_id is not None and history_of(room, stream.session_id).ended:
        return True
    if session is None or stream.session_id not in (None, session.session_id):
        return False
    return not session.live or (session.emptied and session.count == 0)
