"""The room's watchdog: the timer of its next routine probe.

A probe is due when an expected webhook has not arrived (the stream did not become started, playable or stopped in
time, or outlived its session), and at least every 90 s while a stream is live.
"""

from functools import lru_cache

from webhook_app.domain.context import StepContext
from webhook_app.domain.ids import draw
from webhook_app.domain.outputs import OUTPUTS, Output
from webhook_app.domain.probing.verification import verification_due
from webhook_app.domain.room import Room
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.timers import TimerKind
from webhook_app.domain.times import MINUTE, SECOND

ANSWERED_START_MS = 15 * SECOND
BARE_STARTING_MS = 60 * SECOND
NOT_PLAYABLE_MS = 120 * SECOND
STOPPING_MS = 60 * SECOND
SESSION_GONE_MS = 60 * SECOND
ROUTINE_PROBE_MS = 90 * SECOND
ROUTINE_GRID_MS = 10 * SECOND
ROUTINE_EARLY_MAX = 3
PROBE_GAP_MIN_MS = 15 * SECOND
FILE_FIRST_MS = 20 * SECOND
FILE_AGAIN_MS = 60 * SECOND
FILE_AWAITED_MS = 10 * MINUTE


def schedule_watchdog(context: StepContext) -> None:
    """Set the watchdog to the next probe that the room's state calls for, or clear it."""
    if not context.config.settings.calls:
        return
    is_waiting = context.room.probing.probe is not None or context.paused
    of_participants = verification_due(context) if context.output is Output.HLS else None
    due = None if is_waiting else watchdog_due(context.room, of_participants)
    if due is None:
        context.clear_timer(TimerKind.WATCH)
    elif context.room.timers.get(TimerKind.WATCH) != due:
        context.set_timer(TimerKind.WATCH, due)


def watchdog_due(room: Room, verification_due_at: int | None) -> int | None:
    """When to probe next, in ms, for the live streams, the participants or a file; None when none needs it."""
    dues = [_stream_due(stream, room.session) for stream in room.live_streams]
    if room.output is Output.RECORDING and (file_due := _file_due(room)) is not None:
        dues.append(file_due)
    if verification_due_at is not None:
        dues.append(verification_due_at)
    if not dues:
        return None
    last_probe_at = room.probing.last_probe_at
    earliest = 0 if last_probe_at is None else last_probe_at + PROBE_GAP_MIN_MS
    return max(min(dues), earliest, room.probing.not_before or 0)


def _file_due(room: Room) -> int | None:
    """When to look for the file of a recording that has ended without naming one; None when it is not worth it."""
    ended_at = max(
        (stream.ended_at or 0 for stream in room.streams if stream.state is StreamState.STOPPED and not stream.files),
        default=None,
    )
    if ended_at is None:
        return None
    last_probe_at = room.probing.last_probe_at or 0
    due = ended_at + FILE_FIRST_MS if last_probe_at < ended_at else last_probe_at + FILE_AGAIN_MS
    return due if due <= ended_at + FILE_AWAITED_MS else None


def _stream_due(stream: Stream, session: Session | None) -> int:
    moments = _overdue_moments(stream)
    if session is not None and not session.live and session.session_id == stream.session_id and session.ended_at:
        moments.append(session.ended_at + SESSION_GONE_MS)
    if stream.probed_at is None:
        return min(moments)
    ahead = [moment for moment in moments if moment > stream.probed_at]
    return min([*ahead, _routine_probe_at(stream.stream_id, stream.probed_at)])


def _overdue_moments(stream: Stream) -> list[int]:
    """When the stream's next webhook is overdue; for a playable stream its next routine probe."""
    opened_at = stream.opened_at
    match stream.state:
        case StreamState.STARTING:
            is_answered = stream.call_id and stream.videosdk_id
            since = opened_at if stream.starting_at is None else stream.starting_at
            return [since + (ANSWERED_START_MS if is_answered else BARE_STARTING_MS)]
        case StreamState.STARTED:
            since = opened_at if stream.started_at is None else stream.started_at
            if not OUTPUTS[stream.output].has_playable:
                return [_routine_probe_at(stream.stream_id, since)]
            return [since + ROUTINE_PROBE_MS, since + NOT_PLAYABLE_MS]
        case StreamState.STOPPING:
            since = opened_at if stream.stopping_at is None else stream.stopping_at
            return [since + STOPPING_MS]
        case _:
            since = opened_at if stream.playable_at is None else stream.playable_at
            return [_routine_probe_at(stream.stream_id, since)]


@lru_cache(maxsize=20_000)
def _routine_probe_at(stream_id: str, since: int) -> int:
    """The next routine probe, at most 90 s after `since`.

    The moments lie on a grid, so that one list request serves several rooms, and are drawn over a few grid points,
    so that not all rooms are probed together.
    """
    latest = since + ROUTINE_PROBE_MS
    return latest - latest % ROUTINE_GRID_MS - draw(ROUTINE_EARLY_MAX, stream_id, str(since)) * ROUTINE_GRID_MS
