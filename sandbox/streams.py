"""Streams of the pure model: started, stopped, broken, and moved on by time."""

from __future__ import annotations

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
    world: SandboxState,
    now_ms: int,
    room_id: str,
    *,
    mode: str = "video-and-audio",
    quality: str = "med",
    webhook_url: str | None = None,
) -> tuple[Stream, Outcome]:
    """A stream begins in the room's running session."""
    room = find_room(world, room_id)
    forms = world.forms_of(room.id)
    current = running_stream(world, room)
    if current is not None and current.state is StreamState.STOPPING:
        raise RefusedError(409, "The previous HLS is still being processed, try again in a few seconds", 4020)
    if current is not None and forms.second_start != "second-stream":
        raise RefusedError(int(forms.second_start), "HLS is already running in this room")
    session = running_session(world, room)
    if session is None:
        raise RefusedError(int(forms.no_session), "No active session found in this room")
    if world.quota is not None and _live(world) >= world.quota:
        raise RefusedError(400, "The organisation quota of HLS streams is used up", 4029)
    stream = Stream(
        id=world.next_digits()[:24],
        room_id=room.id,
        session_id=session.id,
        folder=_uuid(world.next_digits()),
        start_ms=now_ms,
        cdn=world.cdn,
        mode=mode,
        quality=quality,
        webhook_url=webhook_url,
    )
    if forms.composer_ids:
        stream.composer_id = composer_id(stream)
    world.streams[stream.id] = stream
    room.stream_id = stream.id
    _forget_oldest(world)
    return stream, Outcome(
        _told(stream, "hls-starting"),
        (
            ScheduledStep(now_ms + world.pace_of(room.id).started_ms, stream.id, Step.STARTED),
            ScheduledStep(now_ms + world.pace_of(room.id).max_duration_ms, stream.id, Step.TOO_LONG),
        ),
    )


def end(world: SandboxState, now_ms: int, room_id: str, *, stream_id: str | None = None) -> tuple[Stream, Outcome]:
    """The room's stream is asked to stop."""
    room = find_room(world, room_id)
    stream = running_stream(world, room) if stream_id is None else _live_stream(world, room, stream_id)
    if stream is None:
        raise RefusedError(404, "No active HLS found")
    if stream.state is StreamState.STARTING:
        raise RefusedError(400, "HLS cannot be stopped while it is starting", 4017)
    if stream.state is StreamState.STOPPING:
        raise RefusedError(400, "HLS is already stopping", 4017)
    return stream, stop(world, stream, now_ms)


def fail(world: SandboxState, now_ms: int, room_id: str, *, reason: str | None = None) -> tuple[Stream, Outcome]:
    """The room's stream breaks; REST shows the reason, the webhook does not."""
    stream = running_stream(world, find_room(world, room_id))
    if stream is None:
        raise RefusedError(404, "No active HLS found")
    stream.reason = reason
    return stream, _over(world, stream, now_ms, StreamState.FAILED)


def age(world: SandboxState, now_ms: int, room_id: str, by_ms: int) -> tuple[Stream, Outcome]:
    """The room's stream began so much earlier, and is so much nearer to its limit."""
    stream = running_stream(world, find_room(world, room_id))
    if stream is None:
        raise RefusedError(404, "No active HLS found")
    stream.start_ms -= by_ms
    limit_ms = stream.start_ms + world.pace_of(stream.room_id).max_duration_ms
    return stream, Outcome(due=(ScheduledStep(max(now_ms, limit_ms), stream.id, Step.TOO_LONG),))


def happen(world: SandboxState, now_ms: int, due: ScheduledStep) -> Outcome:
    """What `due` brings, if its stream still waits for it."""
    stream = world.streams.get(due.stream_id)
    if stream is None:
        return Outcome()
    match due.step, stream.state:
        case Step.STARTED, StreamState.STARTING:
            stream.state = StreamState.STARTED
            started = _told(stream, "hls-started", playbackHlsUrl=playback_url(stream))
            playable = ScheduledStep(now_ms + world.pace_of(stream.room_id).playable_ms, stream.id, Step.PLAYABLE)
            return Outcome(started, (playable,))
        case Step.PLAYABLE, StreamState.STARTED:
            stream.state = StreamState.PLAYABLE
            urls = {"playbackHlsUrl": playback_url(stream), "livestreamUrl": livestream_url(stream)}
            return Outcome(_told(stream, "hls-playable", **urls))
        case Step.STOPPED, StreamState.STOPPING:
            return _over(world, stream, now_ms, StreamState.STOPPED)
        case Step.TOO_LONG, StreamState.STARTING | StreamState.STARTED | StreamState.PLAYABLE:
            return stop(world, stream, now_ms)
        case _:
            return Outcome()


def stop(world: SandboxState, stream: Stream, now_ms: int) -> Outcome:
    """From any state in which it runs, `starting` too."""
    stream.state = StreamState.STOPPING
    stopped = ScheduledStep(now_ms + world.pace_of(stream.room_id).stopped_ms, stream.id, Step.STOPPED)
    return Outcome(_told(stream, "hls-stopping"), (stopped,))


def find_stream(world: SandboxState, stream_id: str) -> Stream:
    stream = world.streams.get(stream_id)
    if stream is None:
        raise RefusedError(404, "HLS not found")
    return stream


def delete_stream(world: SandboxState, stream_id: str) -> None:
    if not find_stream(world, stream_id).over:
        raise RefusedError(400, "An active HLS cannot be deleted")
    del world.streams[stream_id]


def live_streams(world: SandboxState, room: Room) -> list[Stream]:
    """The room's streams that are not over, oldest first; two only where a second start makes a second stream."""
    if room.stream_id is None:
        return []
    return [stream for stream in world.streams.values() if stream.room_id == room.id and not stream.over]


def session_ended(world: SandboxState, session: Session) -> Outcome:
    """The webhook that closes a session, sent once."""
    if session.end_announced:
        return Outcome()
    session.end_announced = True
    forms = world.forms_of(session.room_id)
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


def _over(world: SandboxState, stream: Stream, now_ms: int, state: StreamState) -> Outcome:
    stream.state = state
    stream.end_ms = now_ms
    room = world.rooms[stream.room_id]
    others = live_streams(world, room)
    room.stream_id = others[-1].id if others else None
    outcome = Outcome(_told(stream, f"hls-{state}"))
    session = world.sessions.get(stream.session_id)
    if session is not None and session.end_ms is not None and all(it.session_id != session.id for it in others):
        outcome += session_ended(world, session)
    return outcome


def _live_stream(world: SandboxState, room: Room, stream_id: str) -> Stream | None:
    return next((stream for stream in live_streams(world, room) if stream.id == stream_id), None)


def _told(stream: Stream, kind: str, **more: Any) -> tuple[Webhook, ...]:
    if kind in stream.suppressed_types:
        return ()
    data = {"meetingId": stream.room_id, "sessionId": stream.session_id, **more}
    return (Webhook(kind, stream.room_id, data, stream.id),)


def _live(world: SandboxState) -> int:
    return sum(1 for stream in world.streams.values() if not stream.over)


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _forget_oldest(world: SandboxState) -> None:
    if len(world.streams) > ENDED_MAX:
        oldest = next((stream.id for stream in world.streams.values() if stream.over), None)
        if oldest is not None:
            del world.streams[oldest]
