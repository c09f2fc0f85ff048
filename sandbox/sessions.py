"""Sessions of the pure model: people join, people leave, and the session ends."""

from __future__ import annotations

from typing import Any

from sandbox.entities import (
    ENDED_MAX,
    PARTICIPANTS_MAX,
    TIMES_MAX,
    VIEWER_MODES,
    Outcome,
    Participant,
    RefusedError,
    Room,
    SandboxState,
    Session,
    StreamState,
    Webhook,
)
from sandbox.json_views import iso
from sandbox.rooms import find_room, get_or_create_room, running_session
from sandbox.streams import live_streams, session_ended, start, stop

# The hls-* webhooks that do not come when a session's end stops its stream, by the form that was chosen.
SUPPRESSED_AT_SESSION_END: dict[str, frozenset[str]] = {
    "events": frozenset(),
    "first": frozenset(),
    "stopped": frozenset({"hls-stopping"}),
    "silent": frozenset({"hls-stopping", "hls-stopped"}),
}


def join(
    world: SandboxState,
    now_ms: int,
    room_id: str,
    *,
    participant_id: str | None = None,
    name: str = "Guest",
    mode: str = "CONFERENCE",
) -> tuple[Session, Participant, Outcome]:
    """Somebody joins. The room and its session are made when there is none.

    Joining twice is joining once; a second time with another mode changes the mode.
    """
    room = get_or_create_room(world, now_ms, room_id)
    session = running_session(world, room)
    outcome, opened = Outcome(), session is None
    if session is None:
        session, outcome = _open(world, room, now_ms)
    participant_id = participant_id or world.next_digits()[:8]
    if participant_id not in session.participants and len(session.participants) >= PARTICIPANTS_MAX:
        raise RefusedError(400, f"a session holds {PARTICIPANTS_MAX} participants")
    participant = session.participants.setdefault(participant_id, Participant(participant_id, name))
    if participant.present and participant.mode != mode:
        participant.modes = [*participant.modes[1 - TIMES_MAX :], (now_ms, mode)]
    participant.mode = mode
    if not participant.present:
        participant.name = name
        participant.present = True
        participant.times = [*participant.times[1 - TIMES_MAX :], [now_ms, None]]
        outcome += _seen(session, "participant-joined", participant)
    if opened and room.auto_hls:
        outcome += _start_by_itself(world, now_ms, room)
    return session, participant, outcome


def leave(
    world: SandboxState, now_ms: int, room_id: str, participant_id: str, *, keep: bool = False
) -> tuple[Session, Outcome]:
    """Somebody leaves; with the last one the session ends, unless it is to be kept open."""
    session = _session_of(world, room_id)
    participant = session.participants.get(participant_id)
    if participant is None or not participant.present:
        raise RefusedError(404, "Participant not found in the running session")
    outcome = _leave(session, participant, now_ms)
    if not keep and not session.anyone_present():
        outcome += _close(world, session, now_ms)
    return session, outcome


def end_session(world: SandboxState, now_ms: int, room_id: str) -> tuple[Session, Outcome]:
    """Everybody leaves and a stream is stopped; `session-ended` is sent once it has, unless the forms say otherwise."""
    session = _session_of(world, room_id)
    outcome = Outcome()
    for participant in session.participants.values():
        if participant.present:
            outcome += _leave(session, participant, now_ms)
    return session, outcome + _close(world, session, now_ms)


def find_session(world: SandboxState, session_id: str) -> Session:
    session = world.sessions.get(session_id)
    if session is None:
        raise RefusedError(404, "Session not found")
    return session


def _open(world: SandboxState, room: Room, now_ms: int) -> tuple[Session, Outcome]:
    session = Session(world.next_digits()[:24], room.id, now_ms)
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


def _close(world: SandboxState, session: Session, now_ms: int) -> Outcome:
    room = world.rooms[session.room_id]
    form = world.forms_of(room.id).session_end
    room.session_id = None
    session.end_ms = now_ms
    streams = [stream for stream in live_streams(world, room) if stream.session_id == session.id]
    outcome = session_ended(world, session) if form == "first" or not streams else Outcome()
    for stream in streams:
        stream.suppressed_types = SUPPRESSED_AT_SESSION_END[form]
        if stream.state is not StreamState.STOPPING:
            outcome += stop(world, stream, now_ms)
    return outcome


def _start_by_itself(world: SandboxState, now_ms: int, room: Room) -> Outcome:
    try:
        return start(world, now_ms, room.id)[-1]
    except RefusedError:  # at quota, say: nobody asked, so nobody is answered
        return Outcome()


def _session_of(world: SandboxState, room_id: str) -> Session:
    session = running_session(world, find_room(world, room_id))
    if session is None:
        raise RefusedError(404, "No running session in this room")
    return session


def _seen(session: Session, kind: str, participant: Participant) -> Outcome:
    who = {"participantId": participant.id, "participantName": participant.name}
    return _told(session, kind, of_viewer=participant.mode in VIEWER_MODES, **who)


def _told(session: Session, kind: str, *, of_viewer: bool = False, **more: Any) -> Outcome:
    data = {"meetingId": session.room_id, "sessionId": session.id, **more}
    return Outcome((Webhook(kind, session.room_id, data, of_viewer=of_viewer),))
