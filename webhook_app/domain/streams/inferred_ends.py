"""Ends that cannot be checked with VideoSDK: without credentials, or while it cannot be reached.

A reported end must not leave a room on air for ever because no probe can tell which stream it meant:

1. Without credentials, and for an output that VideoSDK has no look-up for, a bare end, or one that may mean several
   streams, ends its session's only live stream at once.
2. The end of a session ends its streams after a grace period, in which their own ends may arrive.
3. With credentials probes decide as long as VideoSDK answers. An end that was reported five minutes ago while probes
   fail is treated as without credentials. Probing goes on, and the first probe that succeeds corrects a wrong
   inference.
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.frozen import replace
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.streams.announcements import end_stream
from webhook_app.domain.streams.collection import history_of
from webhook_app.domain.streams.machine import ENDED, StreamState
from webhook_app.domain.streams.report import StreamReport
from webhook_app.domain.streams.stream import EndedBy, Stream
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.domain.times import MINUTE, SECOND

SESSION_GRACE_MS = 60 * SECOND
OUT_OF_REACH_MS = 5 * MINUTE  # about five probes, one a minute, fail before anything is inferred
AGAIN_MS = 60 * SECOND


def only_live_stream(room: Room, report: StreamReport) -> Stream | None:
    """The stream that an end means when nothing can be probed: the only live one of its session."""
    live = [stream for stream in room.live_streams if stream.session_id == report.session_id]
    return live[0] if len(live) == 1 else None


def schedule_end_inference(context: StepContext) -> None:
    """Set the timer that infers the end of a live stream, if its reported end has not been checked by then."""
    if context.room.has_live_stream and TimerKind.INFER_END not in context.room.timers:
        context.set_timer(TimerKind.INFER_END, context.event.at + SESSION_GRACE_MS)


def infer_ends(context: StepContext) -> None:
    """End the live streams whose reported end cannot be checked; while any may follow, try again in a minute."""
    at = context.event.at
    inferred = [stream for stream in context.room.streams if stream.live and _is_inferable(context, stream)]
    for stream in inferred:
        _end(context, stream)
    if any(stream.live and _end_reported_at(context.room, stream) is not None for stream in context.room.streams):
        context.set_timer(TimerKind.INFER_END, at + AGAIN_MS)
    if not inferred:
        context.record_effect(Reason.END_NOT_INFERRED)
    elif context.config.settings.calls:
        context.set_timer(probe_timer(ProbeSubject.AGAIN), max(at + AGAIN_MS, context.room.probing.not_before or 0))


def _is_inferable(context: StepContext, stream: Stream) -> bool:
    reported_at = _end_reported_at(context.room, stream)
    if reported_at is None:
        return False
    if not context.can_look_up:
        return context.event.at - reported_at >= SESSION_GRACE_MS
    is_out_of_reach = context.paused or context.room.probing.failures > 0
    return is_out_of_reach and context.event.at - reported_at >= OUT_OF_REACH_MS


def _end_reported_at(room: Room, stream: Stream) -> int | None:
    """When VideoSDK reported an end that must be this stream's: its session's, or a bare one while it alone is live.

    None when a probe has shown the stream since.
    """
    session, history = room.session, history_of(room, stream.session_id)
    probed_at = stream.probed_at or 0
    if session is not None and stream.session_id in (None, session.session_id) and not session.live:
        ended_at = session.ended_at or 0
        return ended_at if probed_at < ended_at + SESSION_GRACE_MS else None
    if history.ended:
        ended_at = session.started_at if session is not None else 0
        return ended_at if probed_at < ended_at + SESSION_GRACE_MS else None
    stopped_at = history.unmatched_stop_at
    if history.unmatched_stop not in ENDED or stopped_at is None or stream.provisional:
        return None
    live = [other for other in room.live_streams if other.session_id == stream.session_id]
    has_later_event = int(stream.last_event_id.partition("-")[0]) > stopped_at
    if len(live) > 1 or has_later_event or probed_at > stopped_at:
        return None
    return stopped_at


def _end(context: StepContext, stream: Stream) -> None:
    if stream.provisional:
        context.drop_stream(stream)
        context.record_effect(Reason.HELD_BACK_DROPPED)
        return
    history = history_of(context.room, stream.session_id)
    has_failed = history.unmatched_stop is StreamState.FAILED and not history.ended
    end = StreamState.FAILED if has_failed else StreamState.STOPPED
    end_stream(
        context,
        stream,
        Reason.STREAM_INFERRED,
        by=EndedBy.INFERRED,
        end=end,
        stop_reported=history.unmatched_stop in ENDED,
        before=stream.state,
        after=end,
    )
    context.put_history(replace(history, unmatched_stop=None, unmatched_stop_at=None))
