"""Why a stream ended, as far as anybody can tell: what stopped it, and whether it ran into VideoSDK's own limit."""

from enum import StrEnum

from webhook_app.domain.room import Room
from webhook_app.domain.streams.machine import EndedBy, Stream, StreamState
from webhook_app.domain.streams.matching import history_of
from webhook_app.domain.times import MINUTE, SECOND

# VideoSDK's limit counts from its own start of a stream. Where that is known by a webhook alone, our moment of it is
# late by the webhook's delay, so that the age seems shorter than it is; what a stream takes from its start to its
# encoder, and from the limit to the webhook about it, makes it seem longer.
LIMIT_EARLY_MS = 30 * SECOND
LIMIT_LATE_MS = 3 * MINUTE
STOP_HEARD_MS = 2 * MINUTE


class StopCause(StrEnum):
    """Why a stream ended, where no call of ours did it; else it is what the call was made for."""

    SESSION_ENDED = "session-ended"
    VIDEOSDK_LIMIT = "videosdk-limit"
    SOMEBODY = "somebody"
    FAILED = "failed"
    UNKNOWN = "unknown"


def stopped_because(room: Room, stream: Stream, *, at: int, limit_ms: int, heard: bool) -> str | None:
    """Why a stream ended: `operator` or `rule:<name>` when our end did it, else one of `Stopped`; None while it lives.

    1. It failed.
    2. An end of ours was sent for it, and VideoSDK did not refuse that.
    3. Its session has ended, or everybody had left.
    4. It was as old as VideoSDK lets streams become.
    5. VideoSDK said that it was stopped (`heard`: it says so now): somebody did.
    6. It vanished: nobody knows.
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
    return StopCause.SOMEBODY if heard or was_stopped(room, stream, at=at) else StopCause.UNKNOWN


def ended_at_limit(stream: Stream, *, at: int, limit_ms: int) -> bool:
    """Whether a stream's age at its end is VideoSDK's limit, give or take what delays and start-up add."""
    began = stream.began_at or stream.starting_at or stream.started_at or stream.opened_at
    age = (stream.stopping_at or stream.ended_at or at) - began
    return limit_ms - LIMIT_EARLY_MS <= age <= limit_ms + LIMIT_LATE_MS


def was_stopped(room: Room, stream: Stream, *, at: int) -> bool:
    """Whether VideoSDK said that it was stopped, if only by a webhook that named no stream; else it has vanished."""
    if stream.state is not StreamState.STOPPED:
        return False
    if stream.ended_by is EndedBy.WEBHOOK or stream.stopping_at is not None:
        return True
    heard_at = history_of(room, stream.session_id).stop_at
    return heard_at is not None and heard_at >= max(stream.opened_at, at - STOP_HEARD_MS)


def _session_is_over(room: Room, stream: Stream) -> bool:
    # VideoSDK tells a session's end after the stop that comes of it: one that has emptied is about to end.
    session = room.session
    if stream.session_id is not None and history_of(room, stream.session_id).ended:
        return True
    same = session is not None and stream.session_id in (None, session.session_id)
    return session is not None and same and (not session.live or (session.emptied and session.count == 0))
