"""Sessions and participants: who is in the room, as far as events and questions tell."""

from webhook_app.domain.context import Turn
from webhook_app.domain.events import JSON, participant_of, session_end_of, session_of
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room, Session
from webhook_app.domain.sessions import roster
from webhook_app.domain.sessions.participants import Move, Present, Role, read_mode, role_of, short_name
from webhook_app.domain.streams.end_causes import Stopped
from webhook_app.domain.streams.inferred_ends import await_end
from webhook_app.domain.streams.matching import mark_of, put_mark, put_run
from webhook_app.domain.times import SECOND
from webhook_app.domain.views import session_view

STOPPED_BY_SESSION_MS = 10 * SECOND  # VideoSDK tells a session's end after the stop that comes of it


def notice_session(turn: Turn, data: JSON, kind: str) -> None:
    """What a webhook of any type tells about the session: a new session id counts as its start."""
    session_id = session_of(data)
    if session_id is None:
        return
    if kind == "session-ended":
        reason, error = session_end_of(data)
        end_session(turn, session_id, reason=reason, error=error)
        return
    current = turn.room.session
    if current is not None and current.session_id == session_id:
        if kind == "session-started":
            turn.note(Reason.SESSION_REPEAT if current.live else Reason.SESSION_OVER)
    elif mark_of(turn.room, session_id).ended:
        turn.note(Reason.SESSION_OVER)
        return
    elif not _opens(kind):
        return
    else:
        start_session(turn, session_id, complete=kind == "session-started")
    if kind in ("participant-joined", "participant-left"):
        _move(turn, session_id, data, joined=kind == "participant-joined")


def _opens(kind: str) -> bool:
    """Whether a type shows that its session runs; others (a file that is ready, a summary) may come after its end."""
    return kind in ("participant-joined", "participant-left") or kind.endswith(("-starting", "-started", "-playable"))


def start_session(turn: Turn, session_id: str, *, complete: bool) -> None:
    """A session runs that we did not know; an older one that looked live has ended unseen."""
    older = turn.room.session
    if older is not None and older.live:
        end_session(turn, older.session_id, inferred=True)
    session = Session(
        session_id,
        live=True,
        started_at=turn.event.at,
        complete=complete,
        last_event_id=turn.event.id,
        # Somebody has opened it: that they joined is told next, or that webhook is lost.
        emptied_at=turn.event.at if complete else None,
    )
    turn.room = put_mark(replace(turn.room, session=session), mark_of(turn.room, session_id))
    turn.note(Reason.SESSION_STARTED, session=session_id)
    turn.happen("session.started", session=session_view(session))


def end_session(
    turn: Turn, session_id: str, *, inferred: bool = False, reason: str | None = None, error: str | None = None
) -> None:
    """A session ended; one we never saw live is only remembered. `reason` and `error` are VideoSDK's own words."""
    room = turn.room
    mark = mark_of(room, session_id)
    if mark.ended:
        _explain_end(turn, session_id, reason, error)
        turn.note(Reason.SESSION_OVER)
        return
    turn.room = put_mark(room, replace(mark, ended=True))
    await_end(turn)
    _explain_stops(turn, session_id)
    current = room.session
    if current is None or current.session_id != session_id:
        if current is None:
            ended = Session(session_id, live=False, started_at=turn.event.at, ended_at=turn.event.at)
            turn.change(session=replace(ended, ended_reason=reason, ended_error=error))
        turn.note(Reason.SESSION_ENDED_UNSEEN, session=session_id)
        return
    ended = replace(
        current,
        live=False,
        ended_at=turn.event.at,
        complete=True,
        participants={},
        modes={},
        unlisted=0,
        unlisted_viewers=0,
        moves=(),
        emptied_at=None,
        ended_reason=reason,
        ended_error=error,
    )
    turn.change(session=ended)
    turn.note(Reason.SESSION_ENDED_INFERRED if inferred else Reason.SESSION_ENDED, session=session_id)
    _note_why(turn, reason, error)
    turn.happen("session.ended", session=session_view(ended))


def _explain_stops(turn: Turn, session_id: str) -> None:
    """A stream that was stopped a moment before its session ended was stopped by that end, and by nobody else."""
    for run in turn.room.streams:
        stopped_before = turn.event.at - (run.ended_at or 0)
        if run.session_id != session_id or run.live or stopped_before > STOPPED_BY_SESSION_MS:
            continue
        if run.stopped_because in (Stopped.SOMEBODY, Stopped.UNKNOWN):
            explained = replace(run, stopped_because=Stopped.SESSION_ENDED.value)
            turn.room = put_run(turn.room, explained)
            turn.keep_run(explained)


def _explain_end(turn: Turn, session_id: str, reason: str | None, error: str | None) -> None:
    """VideoSDK says why a session ended that a probe has found to have ended before."""
    session = turn.room.session
    if (
        session is None
        or session.session_id != session_id
        or (session.ended_reason, session.ended_error) != (None, None)
    ):
        return
    if (reason, error) != (None, None):
        turn.change(session=replace(session, ended_reason=reason, ended_error=error))
        _note_why(turn, reason, error)


def _note_why(turn: Turn, reason: str | None, error: str | None) -> None:
    for name, text in (("reason", reason), ("error", error)):
        if text is not None:
            turn.note(Reason.SESSION_END_EXPLAINED, name=name, text=text)


def see_participants(turn: Turn, session_id: str, present: Present, asked_id: str) -> None:
    """Take over who a probe found in the session, and add the joins and leaves since it was sent."""
    session = turn.room.session
    if session is None or session.session_id != session_id or not session.live:
        return
    verified = roster.probed(session, present, turn.event.at)
    turn.verified = verified
    turn.arrived = roster.with_arrivals(verified, asked_id)
    seen = roster.with_news(verified, asked_id, turn.event.at)
    if seen == session:
        return
    turn.change(session=seen)
    if replace(seen, looked_at=session.looked_at, emptied_at=session.emptied_at, moves=session.moves) == session:
        return
    turn.note(Reason.PARTICIPANTS_SEEN, count=verified.count)
    for who in _found_joined(session, seen):
        _tell(turn, "participant.joined", seen, who, seen.participants[who])
    if not seen.unlisted:
        # Else somebody who is not listed may still be there.
        for who in sorted(session.participants.keys() - seen.participants.keys()):
            _tell(turn, "participant.left", seen, who, session.participants[who], mode=session.modes.get(who))


def asked_who(turn: Turn) -> None:
    """Note when VideoSDK was last asked who is there, whatever it answered."""
    session = turn.room.session
    if session is not None and session.live:
        turn.change(session=replace(session, looked_at=turn.event.at))


def _found_joined(before: Session, after: Session) -> list[str]:
    """Who a probe has found to have joined, as far as that can be told: in a session with many participants, hosts."""
    if before.unlisted:
        return []
    new = sorted(after.participants.keys() - before.participants.keys())
    if not after.unlisted:
        return new
    return [who for who in new if role_of(after.modes.get(who)) is Role.HOST]


def _move(turn: Turn, session_id: str, data: JSON, *, joined: bool) -> None:
    session = turn.room.session
    who, name = participant_of(data)
    if session is None or session.session_id != session_id or not session.live:
        turn.note(Reason.SESSION_OVER)
        return
    if who is None:
        turn.note(Reason.PARTICIPANT_UNNAMED)
        return
    if roster.is_inside(session, who) is joined:
        turn.note(Reason.PARTICIPANT_PRESENT if joined else Reason.PARTICIPANT_ABSENT)
        return
    mode = read_mode(data) if joined else session.modes.get(who)
    name = short_name(name if joined else session.participants.get(who) or name)
    change = Move(turn.event.id, who, joined, name, mode)
    moved = roster.remember(roster.move(session, change), change, probing=turn.room.probe is not None)
    emptied = not moved.participants and not moved.unlisted
    emptied_at = turn.event.at if emptied and moved.complete else None
    moved = replace(moved, emptied=emptied, emptied_at=emptied_at, last_event_id=turn.event.id)
    turn.change(session=moved)
    turn.note(Reason.PARTICIPANT_JOINED if joined else Reason.PARTICIPANT_LEFT, name=name or who)
    _tell(turn, "participant.joined" if joined else "participant.left", moved, who, name, mode=mode)


def _tell(turn: Turn, kind: str, session: Session, who: str, name: str | None, *, mode: str | None = None) -> None:
    turn.happen(
        kind,
        participant={"participant_id": who, "name": name, "mode": mode or session.modes.get(who)},
        session={
            "session_id": session.session_id,
            "live": session.live,
            "participant_count": session.count,
            "host_count": session.host_count,
        },
    )


def live_session(room: Room) -> bool:
    """Whether somebody is known to be in the room."""
    return room.session is not None and room.session.live
