"""Streams of the model: start, stop, fail, and advance with time."""

from typing import Any

from sandbox.entities import (
    ENDED_MAX,
    Outcome,
    RefusedError,
    Room,
    SandboxState,
    ScheduledStep,
    Session,
    Step,
    Stream,
    StreamState,
    Webhook,
)
from sandbox.json_views import composer_id, iso, livestream_url, playback_url
from sandbox.rooms import find_room, running_session, running_stream


def start(
    state: SandboxState,
    now_ms: int,
    room_id: str,
    *,
    mode: str = "video-and-audio",
    quality: str = "med",
    webhook_url: str | None = None,
) -> tuple[Stream, Outcome]:
    """Start a stream in the room's running session."""
    room = find_room(state, room_id)
    forms = state.forms_of(room.id)
    current = running_stream(state, room)
    if current is not None and current.state is StreamState.STOPPING:
        raise RefusedError(409, "The previous HLS is still being processed, try again in a few seconds", 4020)
    if current is not None and forms.second_start != "second-stream":
        raise RefusedError(int(forms.second_start), "HLS is already running in this room")
    session = running_session(state, room)
    if session is None:
        raise RefusedError(int(forms.no_session), "No active session found in this room")
    if state.quota is not None and _live(state) >= state.quota:
        raise RefusedError(400, "The organisation quota of HLS streams is used up", 4029)
    stream = Stream(
        id=state.next_digits()[:24],
        room_id=room.id,
        session_id=session.id,
        folder=_uuid(state.next_digits()),
        start_ms=now_ms,
        cdn=state.cdn,
        mode=mode,
        quality=quality,
        webhook_url=webhook_url,
    )
    if forms.composer_ids:
        stream.composer_id = composer_id(stream)
    state.streams[stream.id] = stream
    room.stream_id = stream.id
    _forget_oldest(state)
    return stream, Outcome(
        _webhook(stream, "hls-starting"),
        (
            ScheduledStep(now_ms + state.pace_of(room.id).started_ms, stream.id, Step.STARTED),
            ScheduledStep(now_ms + state.pace_of(room.id).max_duration_ms, stream.id, Step.TOO_LONG),
        ),
    )


def end(state: SandboxState, now_ms: int, room_id: str, *, stream_id: str | None = None) -> tuple[Stream, Outcome]:
    """Stop the room's stream."""
    room = find_room(state, room_id)
    stream = running_stream(state, room) if stream_id is None else _live_stream(state, room, stream_id)
    if stream is None:
        raise RefusedError(404, "No active HLS found")
    if stream.state is StreamState.STARTING:
        raise RefusedError(400, "HLS cannot be stopped while it is starting", 4017)
    if stream.state is StreamState.STOPPING:
        raise RefusedError(400, "HLS is already stopping", 4017)
    return stream, stop(state, stream, now_ms)


def fail(state: SandboxState, now_ms: int, room_id: str, *, reason: str | None = None) -> tuple[Stream, Outcome]:
    """Make the room's stream fail; REST shows the reason, the webhook does not."""
    stream = running_stream(state, find_room(state, room_id))
    if stream is None:
        raise RefusedError(404, "No active HLS found")
    stream.reason = reason
    return stream, _over(state, stream, now_ms, StreamState.FAILED)


def age(state: SandboxState, now_ms: int, room_id: str, by_ms: int) -> tuple[Stream, Outcome]:
    """Move the start of the room's stream into the past, and its duration limit closer."""
    stream = running_stream(state, find_room(state, room_id))
    if stream is None:
        raise RefusedError(404, "No active HLS found")
    stream.start_ms -= by_ms
    limit_ms = stream.start_ms + state.pace_of(stream.room_id).max_duration_ms
    return stream, Outcome(due=(ScheduledStep(max(now_ms, limit_ms), stream.id, Step.TOO_LONG),))


def advance(state: SandboxState, now_ms: int, due: ScheduledStep) -> Outcome:
    """What `due` brings, if its stream still waits for it."""
    stream = state.streams.get(due.stream_id)
    if stream is None:
        return Outcome()
    match due.step, stream.state:
        case Step.STARTED, StreamState.STARTING:
            stream.state = StreamState.STARTED
            started = _webhook(stream, "hls-started", playbackHlsUrl=playback_url(stream))
            playable = ScheduledStep(now_ms + state.pace_of(stream.room_id).playable_ms, stream.id, Step.PLAYABLE)
            return Outcome(started, (playable,))
        case Step.PLAYABLE, StreamState.STARTED:
            stream.state = StreamState.PLAYABLE
            urls = {"playbackHlsUrl": playback_url(stream), "livestreamUrl": livestream_url(stream)}
            return Outcome(_webhook(stream, "hls-playable", **urls))
        case Step.STOPPED, StreamState.STOPPING:
            return _over(state, stream, now_ms, StreamState.STOPPED)
        case Step.TOO_LONG, StreamState.STARTING | StreamState.STARTED | StreamState.PLAYABLE:
            return stop(state, stream, now_ms)
        case _:
            return Outcome()


def stop(state: SandboxState, stream: Stream, now_ms: int) -> Outcome:
    """Begin to stop a running stream, from `starting` on."""
    stream.state = StreamState.STOPPING
    stopped = ScheduledStep(now_ms + state.pace_of(stream.room_id).stopped_ms, stream.id, Step.STOPPED)
    return Outcome(_webhook(stream, "hls-stopping"), (stopped,))


def find_stream(state: SandboxState, stream_id: str) -> Stream:
    """Return a stream by id. Raises `RefusedError` 404 if there is none."""
    stream = state.streams.get(stream_id)
    if stream is None:
        raise RefusedError(404, "HLS not found")
    return stream


def delete_stream(state: SandboxState, stream_id: str) -> None:
    """Delete an ended stream. Raises `RefusedError` 400 while it is active."""
    if not find_stream(state, stream_id).over:
        raise RefusedError(400, "An active HLS cannot be deleted")
    del state.streams[stream_id]


def live_streams(state: SandboxState, room: Room) -> list[Stream]:
    """Return the room's streams that have not ended, oldest first; more than one only with `second-stream`."""
    if room.stream_id is None:
        return []
    return [stream for stream in state.streams.values() if stream.room_id == room.id and not stream.over]


def session_ended(state: SandboxState, session: Session) -> Outcome:
    """Return the `session-ended` webhook, once per session."""
    if session.end_announced:
        return Outcome()
    session.end_announced = True
    forms = state.forms_of(session.room_id)
    data = {
        "meetingId": session.room_id,
        "sessionId": session.id,
        "start": iso(session.start_ms),
        "end": iso(session.end_ms),
    }
    if forms.session_reason is not None:
        data["reason"] = forms.session_reason
    if forms.session_error is not None:
        data["error"] = forms.session_error
    return Outcome((Webhook("session-ended", session.room_id, data),))


def _over(state: SandboxState, stream: Stream, now_ms: int, final_state: StreamState) -> Outcome:
    stream.state = final_state
    stream.end_ms = now_ms
    room = state.rooms[stream.room_id]
    others = live_streams(state, room)
    room.stream_id = others[-1].id if others else None
    outcome = Outcome(_webhook(stream, f"hls-{final_state}"))
    session = state.sessions.get(stream.session_id)
    if session is not None and session.end_ms is not None and all(other.session_id != session.id for other in others):
        outcome += session_ended(state, session)
    return outcome


def _live_stream(state: SandboxState, room: Room, stream_id: str) -> Stream | None:
    return next((stream for stream in live_streams(state, room) if stream.id == stream_id), None)


def _webhook(stream: Stream, kind: str, **more: Any) -> tuple[Webhook, ...]:
    if kind in stream.suppressed_types:
        return ()
    data = {"meetingId": stream.room_id, "sessionId": stream.session_id, **more}
    return (Webhook(kind, stream.room_id, data, stream.id),)


def _live(state: SandboxState) -> int:
    return sum(1 for stream in state.streams.values() if not stream.over)


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _forget_oldest(state: SandboxState) -> None:
    if len(state.streams) > ENDED_MAX:
        oldest = next((stream.id for stream in state.streams.values() if stream.over), None)
        if oldest is not None:
            del state.streams[oldest]
