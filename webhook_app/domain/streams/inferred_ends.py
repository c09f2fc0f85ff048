"""Ends that nobody can check with VideoSDK: without credentials, or while it does not answer.

An end that VideoSDK told must not leave a room on air for ever because no probe says of which stream it was:

1. Without credentials a bare end, or one that may mean several streams, ends its session's only live stream at once.
2. The end of a session ends its streams after a grace, in which their own ends may come.
3. With credentials probes decide, as long as VideoSDK answers. An end that was told five minutes ago while probes fail
   is treated as without credentials. Probes go on, and one that gets through puts right what was inferred wrongly.
"""

from webhook_app.domain.context import Turn
from webhook_app.domain.events import StreamFact
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.streams.machine import EndedBy, State, Stream, advance
from webhook_app.domain.streams.matching import drop_run, mark_of, put_mark, put_run
from webhook_app.domain.times import MINUTE, SECOND

SESSION_GRACE_MS = 60 * SECOND
OUT_OF_REACH_MS = 5 * MINUTE  # probes are tried once a minute: so many fail in a row before anything is inferred
AGAIN_MS = 60 * SECOND
TIMER = "infer-end"


def only_live(room: Room, fact: StreamFact) -> Stream | None:
    """The one stream that an end may mean when nobody can be asked: the only live one of its session."""
    live = [run for run in room.live_streams if run.session_id == fact.session_id]
    return live[0] if len(live) == 1 else None


def await_end(turn: Turn) -> None:
    """An end was told that has not ended a live stream: see later whether anybody could check it."""
    if any(run.live for run in turn.room.streams) and TIMER not in turn.room.timers:
        turn.set_timer(TIMER, turn.event.at + SESSION_GRACE_MS)


def infer_ends(turn: Turn) -> None:
    """End what is live although its end was told, if that cannot be checked; else look again in a minute."""
    at = turn.event.at
    ended = [run for run in turn.room.streams if run.live and _inferable(turn, run)]
    for run in ended:
        _end(turn, run)
    waiting = [run for run in turn.room.streams if run.live and _told_ended_at(turn.room, run) is not None]
    if waiting:
        turn.set_timer(TIMER, at + AGAIN_MS)
    if not ended:
        turn.note(Reason.END_NOT_INFERRED)
    elif turn.config.settings.calls:
        turn.set_timer("ask:again", max(at + AGAIN_MS, turn.room.ask_after or 0))


def _inferable(turn: Turn, run: Stream) -> bool:
    told_at = _told_ended_at(turn.room, run)
    if told_at is None:
        return False
    if not turn.config.settings.calls:
        return turn.event.at - told_at >= SESSION_GRACE_MS
    unreached = turn.paused or turn.room.misses > 0
    return unreached and turn.event.at - told_at >= OUT_OF_REACH_MS


def _told_ended_at(room: Room, run: Stream) -> int | None:
    """When VideoSDK told an end that must be this stream's: its session's, or a bare one while it alone is live.

    None when a probe has shown the stream since.
    """
    session, mark = room.session, mark_of(room, run.session_id)
    probed_at = run.probed_at or 0
    if session is not None and run.session_id in (None, session.session_id) and not session.live:
        ended_at = session.ended_at or 0
        return ended_at if probed_at < ended_at + SESSION_GRACE_MS else None
    if mark.ended:
        ended_at = session.started_at if session is not None else 0
        return ended_at if probed_at < ended_at + SESSION_GRACE_MS else None
    if mark.unspent not in (State.STOPPED, State.FAILED) or mark.unspent_at is None or run.provisional:
        return None
    live = [other for other in room.live_streams if other.session_id == run.session_id]
    told_later = int(run.last_event_id.partition("-")[0]) > mark.unspent_at
    settled = told_later or probed_at > mark.unspent_at
    return None if len(live) > 1 or settled else mark.unspent_at


def _end(turn: Turn, run: Stream) -> None:
    if run.provisional:
        turn.room = drop_run(turn.room, run)
        turn.note(Reason.HELD_BACK_DROPPED)
        return
    mark = mark_of(turn.room, run.session_id)
    bare = mark.unspent in (State.STOPPED, State.FAILED)
    end = State.FAILED if mark.unspent is State.FAILED and not mark.ended else State.STOPPED
    ended = advance(run, end, at=turn.event.at, event_id=turn.event.id, by=EndedBy.INFERRED)
    ended = turn.stop_explained(ended, heard=bare)
    turn.room = put_mark(put_run(turn.room, ended), replace(mark, unspent=None, unspent_at=None))
    turn.keep_run(ended)
    turn.note(Reason.STREAM_INFERRED, stream=run.stream_id, before=run.state, after=end)
    turn.tell_stream(ended, run.state)
