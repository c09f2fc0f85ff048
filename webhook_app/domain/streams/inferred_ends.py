"""Ends that nobody can check with VideoSDK: without credentials, or while it does not answer.

An end that VideoSDK told must not leave a room on air for ever because no probe says of which stream it was:

1. Without credentials a bare end, or one that may mean several streams, ends its session's only live stream at once.
2. The end of a session ends its streams after a grace, in which their own ends may come.
3. With credentials probes decide, as long as VideoSDK answers. An end that was told five minutes ago while probes fail
   is treated as without credentials. Probes go on, and one that gets through puts right what was inferred wrongly.
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.frozen import replace
from webhook_app.domain.probing.requests import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.streams.machine import EndedBy, Stream, StreamState, advance
from webhook_app.domain.streams.matching import drop_stream, history_of, put_history, put_stream
from webhook_app.domain.streams.report import StreamReport
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.domain.times import MINUTE, SECOND

SESSION_GRACE_MS = 60 * SECOND
OUT_OF_REACH_MS = 5 * MINUTE  # probes are tried once a minute: so many fail in a row before anything is inferred
AGAIN_MS = 60 * SECOND


def only_live_stream(room: Room, report: StreamReport) -> Stream | None:
    """The one stream that an end may mean when nobody can be asked: the only live one of its session."""
    live = [stream for stream in room.live_streams if stream.session_id == report.session_id]
    return live[0] if len(live) == 1 else None


def schedule_end_inference(context: StepContext) -> None:
    """An end was told that has not ended a live stream: see later whether anybody could check it."""
    if any(stream.live for stream in context.room.streams) and TimerKind.INFER_END not in context.room.timers:
        context.set_timer(TimerKind.INFER_END, context.event.at + SESSION_GRACE_MS)


def infer_ends(context: StepContext) -> None:
    """End what is live although its end was told, if that cannot be checked; else look again in a minute."""
    at = context.event.at
    ended = [stream for stream in context.room.streams if stream.live and _inferable(context, stream)]
    for stream in ended:
        _end(context, stream)
    waiting = [
        stream for stream in context.room.streams if stream.live and _told_ended_at(context.room, stream) is not None
    ]
    if waiting:
        context.set_timer(TimerKind.INFER_END, at + AGAIN_MS)
    if not ended:
        context.record_effect(Reason.END_NOT_INFERRED)
    elif context.config.settings.calls:
        context.set_timer(probe_timer(ProbeSubject.AGAIN), max(at + AGAIN_MS, context.room.ask_after or 0))


def _inferable(context: StepContext, stream: Stream) -> bool:
    told_at = _told_ended_at(context.room, stream)
    if told_at is None:
        return False
    if not context.config.settings.calls:
        return context.event.at - told_at >= SESSION_GRACE_MS
    unreached = context.paused or context.room.misses > 0
    return unreached and context.event.at - told_at >= OUT_OF_REACH_MS


def _told_ended_at(room: Room, stream: Stream) -> int | None:
    """When VideoSDK told an end that must be this stream's: its session's, or a bare one while it alone is live.

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
    if (
        history.unspent not in (StreamState.STOPPED, StreamState.FAILED)
        or history.unspent_at is None
        or stream.provisional
    ):
        return None
    live = [other for other in room.live_streams if other.session_id == stream.session_id]
    told_later = int(stream.last_event_id.partition("-")[0]) > history.unspent_at
    settled = told_later or probed_at > history.unspent_at
    return None if len(live) > 1 or settled else history.unspent_at


def _end(context: StepContext, stream: Stream) -> None:
    if stream.provisional:
        context.room = drop_stream(context.room, stream)
        context.record_effect(Reason.HELD_BACK_DROPPED)
        return
    history = history_of(context.room, stream.session_id)
    bare = history.unspent in (StreamState.STOPPED, StreamState.FAILED)
    end = StreamState.FAILED if history.unspent is StreamState.FAILED and not history.ended else StreamState.STOPPED
    ended = advance(stream, end, at=context.event.at, event_id=context.event.id, by=EndedBy.INFERRED)
    ended = context.with_stop_cause(ended, heard=bare)
    context.room = put_history(put_stream(context.room, ended), replace(history, unspent=None, unspent_at=None))
    context.record_stream(ended)
    context.record_effect(Reason.STREAM_INFERRED, stream=stream.stream_id, before=stream.state, after=end)
    context.announce_stream(ended, stream.state)
