"""Sessions of the model: participants join and leave, and sessions end."""

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
from sandbox.outputs import Output
from sandbox.rooms import find_by_room_id, find_room, get_or_create_room, running_session
from sandbox.streams import announce_session_end, live_streams, start, stop

# States whose webhooks are not sent when the end of a session stops its streams, by the form of `session_end`.
SUPPRESSED_AT_SESSION_END: dict[str, frozenset[StreamState]] = {
    "events": frozenset(),
    "first": frozenset(),
    "stopped": frozenset({StreamState.STOPPING}),
    "silent": frozenset({StreamState.STOPPING, StreamState.STOPPED}),
}


def join(
    state: SandboxState,
    now_ms: int,
    room_id: str,
    *,
    participant_id: str | None = None,
    name: str = "Guest",
    mode: str = "CONFERENCE",
) -> tuple[Session, Participant, Outcome]:
    """Join a participant, creating the room and its session if needed.

    Joining again has no effect, except that another mode changes the mode.
    """
    room = get_or_create_room(state, now_ms, room_id)
    if room.disabled:
        raise RefusedError(400, "The room is deactivated")
    session = running_session(state, room)
    outcome, opened = Outcome(), session is None
    if session is None:
        session, outcome = _open(state, room, now_ms)
    participant_id = participant_id or state.next_digits()[:8]
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
        outcome += _participant_webhook(session, "participant-joined", participant)
    if opened:
        for output in room.auto_start:
            outcome += _start_by_itself(state, now_ms, room, output)
    return session, participant, outcome


def leave(
    state: SandboxState, now_ms: int, room_id: str, participant_id: str, *, keep: bool = False
) -> tuple[Session, Outcome]:
    """Let a participant leave; the session ends with the last one unless `keep` is set."""
    session = _session_of(state, room_id)
    participant = session.participants.get(participant_id)
    if participant is None or not participant.present:
        raise RefusedError(404, "Participant not found in the running session")
    outcome = _leave(session, participant, now_ms)
    if not keep and not session.anyone_present():
        outcome += _close(state, session, now_ms)
    return session, outcome


def end_session(state: SandboxState, now_ms: int, room_id: str) -> tuple[Session, Outcome]:
    """End the room's session: all leave and its streams stop. `session-ended` follows, as the forms say."""
    session = _session_of(state, room_id)
    outcome = Outcome()
    for participant in session.participants.values():
        if participant.present:
            outcome += _leave(session, participant, now_ms)
    return session, outcome + _close(state, session, now_ms)


def deactivate(state: SandboxState, now_ms: int, room_id: str) -> tuple[Room, Outcome]:
    """Disable a room, which ends its session; nobody can join it again."""
    room = find_by_room_id(state, room_id)
    room.disabled = True
    return room, Outcome() if room.session_id is None else end_session(state, now_ms, room.id)[-1]


def find_session(state: SandboxState, session_id: str) -> Session:
    """Return a session by id. Raises `RefusedError` 404 if there is none."""
    session = state.sessions.get(session_id)
    if session is None:
        raise RefusedError(404, "Session not found")
    return session


def _open(state: SandboxState, room: Room, now_ms: int) -> tuple[Session, Outcome]:
    session = Session(state.next_digits()[:24], room.id, now_ms)
    state.sessions[session.id] = session
    room.session_id = session.id
    if len(state.sessions) > ENDED_MAX:
        oldest = next((other.id for other in state.sessions.values() if other.end_ms is not None), None)
        if oldest is not None:
            del state.sessions[oldest]
    return session, _webhook(session, "session-started", start=iso(now_ms))


def _leave(session: Session, participant: Participant, now_ms: int) -> Outcome:
    participant.present = False
    participant.times[-1][1] = now_ms
    return _participant_webhook(session, "participant-left", participant)


def _close(state: SandboxState, session: Session, now_ms: int) -> Outcome:
    room = state.rooms[session.room_id]
    form = state.forms_of(room.id).session_end
    room.session_id = None
    session.end_ms = now_ms
    streams = [stream for stream in live_streams(state, room) if stream.session_id == session.id]
    outcome = announce_session_end(state, session) if form == "first" or not streams else Outcome()
    for stream in streams:
        stream.suppressed = SUPPRESSED_AT_SESSION_END[form]
        if stream.state is not StreamState.STOPPING:
            outcome += stop(state, stream, now_ms)
    return outcome


def _start_by_itself(state: SandboxState, now_ms: int, room: Room, output: Output) -> Outcome:
    try:
        return start(state, now_ms, room.id, output=output)[-1]
    except RefusedError:  # for example at the quota: there is no caller to report it to
        return Outcome()


def _session_of(state: SandboxState, room_id: str) -> Session:
    session = running_session(state, find_room(state, room_id))
    if session is None:
        raise RefusedError(404, "No running session in this room")
    return session


def _participant_webhook(session: Session, kind: str, participant: Participant) -> Outcome:
    who = {"participantId": participant.id, "participantName": participant.name}
    return _webhook(session, kind, of_viewer=participant.mode in VIEWER_MODES, **who)


def _webhook(session: Session, kind: str, *, of_viewer: bool = False, **more: Any) -> Outcome:
    data = {"meetingId": session.room_id, "sessionId": session.id, **more}
    return Outcome((Webhook(kind, session.room_id, data, of_viewer=of_viewer),))
