"""Sessions of the pure model: people join, people leave, and the session ends."""

from __future__ import annotations

from typing import Any

from .records import (
    ENDED_MAX,
    PARTICIPANTS_MAX,
    TIMES_MAX,
    Outcome,
    Participant,
    RefusedError,
    Room,
    Session,
    StreamState,
    Webhook,
    World,
)
from .rooms import find_room, running_session, running_stream, the_room
from .shapes import iso
from .streams import session_ended, stop


def join(
    world: World, now_ms: int, room_id: str, *, participant_id: str | None = None, name: str = "Guest"
) -> tuple[Session, Participant, Outcome]:
    """Somebody joins. The room and its session are made when there is none; joining twice is joining once."""
    room = the_room(world, now_ms, room_id)
    session = running_session(world, room)
    outcome = Outcome()
    if session is None:
        session, outcome = _open(world, room, now_ms)
    participant_id = participant_id or world.draw()[:8]
    if participant_id not in session.participants and len(session.participants) >= PARTICIPANTS_MAX:
        raise RefusedError(400, f"a session holds {PARTICIPANTS_MAX} participants")
    participant = session.participants.setdefault(participant_id, Participant(participant_id, name))
    if not participant.present:
        participant.name = name
        participant.present = True
        participant.times = [*participant.times[1 - TIMES_MAX :], [now_ms, None]]
        outcome += _seen(session, "participant-joined", participant)
    return session, participant, outcome


def leave(
    world: World, now_ms: int, room_id: str, participant_id: str, *, keep: bool = False
) -> tuple[Session, Outcome]:
    """Somebody leaves; with the last one the session ends, unless it is to be kept open."""
    session = _session_of(world, room_id)
    participant = session.participants.get(participant_id)
    if participant is None or not participant.present:
        raise RefusedError(404, "Participant not found in the running session")
    outcome = _leave(session, participant, now_ms)
    if not keep and not session.anyone_present():
        outcome += _close(world, session, now_ms, "room-empty")
    return session, outcome


def end_session(world: World, now_ms: int, room_id: str) -> tuple[Session, Outcome]:
    """Everybody leaves and a stream is stopped; `session-ended` is told once it has."""
    session = _session_of(world, room_id)
    outcome = Outcome()
    for participant in session.participants.values():
        if participant.present:
            outcome += _leave(session, participant, now_ms)
    return session, outcome + _close(world, session, now_ms, "ended")


def find_session(world: World, session_id: str) -> Session:
    session = world.sessions.get(session_id)
    if session is None:
        raise RefusedError(404, "Session not found")
    return session


def _open(world: World, room: Room, now_ms: int) -> tuple[Session, Outcome]:
    session = Session(world.draw()[:24], room.id, now_ms)
    world.sessions[session.id] = session
    room.session_id = session.id
    if len(world.sessions) > ENDED_MAX:
        oldest = next((other.id for other in world.sessions.values() if other.end_ms is not None), None)
        if oldest is not None:
            del world.sessions[oldest]
    return session, _told(session, "session-started", start=iso(now_ms))


def _leave(session: Session, participant: Participant, now_ms: int) -> Outcome:
    participant.present = False
    participant.times[-1][1] = now_ms
    return _seen(session, "participant-left", participant)


def _close(world: World, session: Session, now_ms: int, reason: str) -> Outcome:
    room = world.rooms[session.room_id]
    room.session_id = None
    session.end_ms = now_ms
    session.reason = reason
    stream = running_stream(world, room)
    if stream is None or stream.session_id != session.id:
        return session_ended(session)
    return Outcome() if stream.state is StreamState.STOPPING else stop(world, stream, now_ms)


def _session_of(world: World, room_id: str) -> Session:
    session = running_session(world, find_room(world, room_id))
    if session is None:
        raise RefusedError(404, "No running session in this room")
    return session


def _seen(session: Session, kind: str, participant: Participant) -> Outcome:
    return _told(session, kind, participantId=participant.id, participantName=participant.name)


def _told(session: Session, kind: str, **more: Any) -> Outcome:
    data = {"meetingId": session.room_id, "sessionId": session.id, **more}
    return Outcome((Webhook(kind, session.room_id, data),))
