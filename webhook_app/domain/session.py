"""Sessions and participants: who is in the room, as far as events and questions tell."""

from collections.abc import Mapping

from webhook_app.domain.events import JSON, participant_of, session_of
from webhook_app.domain.room import PARTICIPANTS_KEPT, Room, Session
from webhook_app.domain.runs import mark_of, put_mark
from webhook_app.domain.turn import Turn
from webhook_app.domain.values import replace
from webhook_app.domain.views import session_view


def notice_session(turn: Turn, data: JSON, kind: str) -> None:
    """What a webhook of any type tells about the session: a new session id counts as its start."""
    session_id = session_of(data)
    if session_id is None:
        return
    if kind == "session-ended":
        end_session(turn, session_id)
        return
    current = turn.room.session
    if current is not None and current.session_id == session_id:
        if kind == "session-started":
            turn.note("repeat: the session is known" if current.live else "late: the session has ended")
    elif mark_of(turn.room, session_id).ended:
        turn.note("late: of a session that has ended")
        return
    else:
        start_session(turn, session_id, complete=kind == "session-started")
    if kind in ("participant-joined", "participant-left"):
        _move(turn, session_id, data, joined=kind == "participant-joined")


def start_session(turn: Turn, session_id: str, *, complete: bool) -> None:
    """A session runs that we did not know; an older one that looked live has ended unseen."""
    older = turn.room.session
    if older is not None and older.live:
        end_session(turn, older.session_id, inferred=True)
    session = Session(session_id, live=True, started_at=turn.event.at, complete=complete, last_event_id=turn.event.id)
    turn.room = put_mark(replace(turn.room, session=session), mark_of(turn.room, session_id))
    turn.note(f"session {session_id} started")
    turn.happen("session.started", session=session_view(session))


def end_session(turn: Turn, session_id: str, *, inferred: bool = False) -> None:
    """A session ended; one we never saw live is only remembered."""
    room = turn.room
    mark = mark_of(room, session_id)
    if mark.ended:
        turn.note("repeat: the session has ended")
        return
    turn.room = put_mark(room, replace(mark, ended=True))
    current = room.session
    if current is None or current.session_id != session_id:
        if current is None:
            turn.change(session=Session(session_id, live=False, started_at=turn.event.at, ended_at=turn.event.at))
        turn.note(f"session {session_id} ended, which was not known to be live")
        return
    ended = replace(current, live=False, ended_at=turn.event.at, participants={}, complete=True)
    turn.change(session=ended)
    turn.note(f"session {session_id} ended" + (", inferred from a newer one" if inferred else ""))
    turn.happen("session.ended", session=session_view(ended))


def see_participants(turn: Turn, session_id: str, present: Mapping[str, str | None]) -> None:
    """VideoSDK was asked who is there: from now on the set is complete."""
    session = turn.room.session
    if session is None or session.session_id != session_id or not session.live:
        return
    known = session.participants
    seen = replace(
        session,
        complete=True,
        participants=dict(list(present.items())[:PARTICIPANTS_KEPT]),
        emptied=not present and (session.emptied or bool(known)),
        looked_at=turn.event.at,
    )
    if seen == session:
        return
    turn.change(session=seen)
    if replace(seen, looked_at=session.looked_at) == session:
        return
    turn.note(f"{len(present)} participants seen")
    for who in sorted(present.keys() - known.keys()):
        _tell(turn, "participant.joined", seen, who, present[who])
    for who in sorted(known.keys() - present.keys()):
        _tell(turn, "participant.left", seen, who, known[who])


def _move(turn: Turn, session_id: str, data: JSON, *, joined: bool) -> None:
    session = turn.room.session
    who, name = participant_of(data)
    if session is None or session.session_id != session_id or not session.live:
        turn.note("late: of a session that has ended")
        return
    if who is None:
        turn.note("no participantId: nothing changed")
        return
    inside = who in session.participants
    if joined == inside and (joined or session.complete):
        turn.note("repeat: already in the session" if joined else "repeat: not in the session")
        return
    if joined and len(session.participants) >= PARTICIPANTS_KEPT:
        turn.note(f"over {PARTICIPANTS_KEPT} participants: not counted")
        return
    if joined:
        participants = {**session.participants, who: name}
    else:
        name = session.participants.get(who) or name
        participants = {known: as_ for known, as_ in session.participants.items() if known != who}
    moved = replace(session, participants=participants, emptied=not participants, last_event_id=turn.event.id)
    turn.change(session=moved)
    turn.note(f"participant {name or who} {'joined' if joined else 'left'}")
    _tell(turn, "participant.joined" if joined else "participant.left", moved, who, name)


def _tell(turn: Turn, kind: str, session: Session, who: str, name: str | None) -> None:
    turn.happen(
        kind,
        participant={"participant_id": who, "name": name},
        session={
            "session_id": session.session_id,
            "live": session.live,
            "participant_count": session.count,
        },
    )


def live_session(room: Room) -> bool:
    """Whether somebody is known to be in the room."""
    return room.session is not None and room.session.live
