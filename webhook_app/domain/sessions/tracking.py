"""Sessions and participants: who is in the room, as far as events and questions tell."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.facts.provider import (
    ParticipantChange,
    ParticipantJoined,
    ParticipantLeft,
    ReadableWebhook,
    SessionEnded,
    SessionStarted,
)
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room, Session
from webhook_app.domain.sessions import roster
from webhook_app.domain.sessions.participants import Move, Present, Role, role_of, short_name
from webhook_app.domain.streams.end_causes import StopCause
from webhook_app.domain.streams.inferred_ends import schedule_end_inference
from webhook_app.domain.streams.matching import history_of, put_history, put_stream
from webhook_app.domain.times import SECOND
from webhook_app.domain.views import session_view

STOPPED_BY_SESSION_MS = 10 * SECOND  # VideoSDK tells a session's end after the stop that comes of it


def on_session_webhook(context: StepContext, webhook: ReadableWebhook) -> None:
    """Apply what a webhook of any type says about its session: one that was not known has started."""
    session_id = webhook.session_id
    if session_id is None:
        return
    if isinstance(webhook, SessionEnded):
        end_session(context, session_id, reason=webhook.reason, error=webhook.error)
        return
    current = context.room.session
    if current is not None and current.session_id == session_id:
        if isinstance(webhook, SessionStarted):
            context.record_effect(Reason.SESSION_REPEAT if current.live else Reason.SESSION_OVER)
    elif history_of(context.room, session_id).ended:
        context.record_effect(Reason.SESSION_OVER)
        return
    elif not webhook.shows_session:
        return
    else:
        start_session(context, session_id, complete=isinstance(webhook, SessionStarted))
    if isinstance(webhook, ParticipantJoined | ParticipantLeft):
        _on_participant_change(context, webhook)


def start_session(context: StepContext, session_id: str, *, complete: bool) -> None:
    """A session runs that we did not know; an older one that looked live has ended unseen."""
    older = context.room.session
    if older is not None and older.live:
        end_session(context, older.session_id, inferred=True)
    session = Session(
        session_id,
        live=True,
        started_at=context.event.at,
        complete=complete,
        last_event_id=context.event.id,
        # Somebody has opened it: that they joined is told next, or that webhook is lost.
        emptied_at=context.event.at if complete else None,
    )
    context.room = put_history(replace(context.room, session=session), history_of(context.room, session_id))
    context.record_effect(Reason.SESSION_STARTED, session=session_id)
    context.emit("session.started", session=session_view(session))


def end_session(
    context: StepContext,
    session_id: str,
    *,
    inferred: bool = False,
    reason: str | None = None,
    error: str | None = None,
) -> None:
    """A session ended; one we never saw live is only remembered. `reason` and `error` are VideoSDK's own words."""
    room = context.room
    history = history_of(room, session_id)
    if history.ended:
        _explain_end(context, session_id, reason, error)
        context.record_effect(Reason.SESSION_OVER)
        return
    context.room = put_history(room, replace(history, ended=True))
    schedule_end_inference(context)
    _explain_stops(context, session_id)
    current = room.session
    if current is None or current.session_id != session_id:
        if current is None:
            ended = Session(session_id, live=False, started_at=context.event.at, ended_at=context.event.at)
            context.change(session=replace(ended, ended_reason=reason, ended_error=error))
        context.record_effect(Reason.SESSION_ENDED_UNSEEN, session=session_id)
        return
    ended = replace(
        current,
        live=False,
        ended_at=context.event.at,
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
    context.change(session=ended)
    context.record_effect(Reason.SESSION_ENDED_INFERRED if inferred else Reason.SESSION_ENDED, session=session_id)
    _note_why(context, reason, error)
    context.emit("session.ended", session=session_view(ended))


def _explain_stops(context: StepContext, session_id: str) -> None:
    """A stream that was stopped a moment before its session ended was stopped by that end, and by nobody else."""
    for stream in context.room.streams:
        stopped_before = context.event.at - (stream.ended_at or 0)
        if stream.session_id != session_id or stream.live or stopped_before > STOPPED_BY_SESSION_MS:
            continue
        if stream.stopped_because in (StopCause.SOMEBODY, StopCause.UNKNOWN):
            explained = replace(stream, stopped_because=StopCause.SESSION_ENDED.value)
            context.room = put_stream(context.room, explained)
            context.record_stream(explained)


def _explain_end(context: StepContext, session_id: str, reason: str | None, error: str | None) -> None:
    """VideoSDK says why a session ended that a probe has found to have ended before."""
    session = context.room.session
    if (
        session is None
        or session.session_id != session_id
        or (session.ended_reason, session.ended_error) != (None, None)
    ):
        return
    if (reason, error) != (None, None):
        context.change(session=replace(session, ended_reason=reason, ended_error=error))
        _note_why(context, reason, error)


def _note_why(context: StepContext, reason: str | None, error: str | None) -> None:
    for name, text in (("reason", reason), ("error", error)):
        if text is not None:
            context.record_effect(Reason.SESSION_END_EXPLAINED, name=name, text=text)


def observe_participants(context: StepContext, session_id: str, present: Present, asked_id: str) -> None:
    """Take over who a probe found in the session, and add the joins and leaves since it was sent."""
    session = context.room.session
    if session is None or session.session_id != session_id or not session.live:
        return
    verified = roster.as_probed(session, present, context.event.at)
    context.verified = verified
    context.arrived = roster.with_arrivals(verified, asked_id)
    seen = roster.with_news(verified, asked_id, context.event.at)
    if seen == session:
        return
    context.change(session=seen)
    if replace(seen, looked_at=session.looked_at, emptied_at=session.emptied_at, moves=session.moves) == session:
        return
    context.record_effect(Reason.PARTICIPANTS_SEEN, count=verified.count)
    for who in _found_joined(session, seen):
        _tell(context, "participant.joined", seen, who, seen.participants[who])
    if not seen.unlisted:
        # Else somebody who is not listed may still be there.
        for who in sorted(session.participants.keys() - seen.participants.keys()):
            _tell(context, "participant.left", seen, who, session.participants[who], mode=session.modes.get(who))


def record_presence_probe(context: StepContext) -> None:
    """Note when VideoSDK was last asked who is there, whatever it answered."""
    session = context.room.session
    if session is not None and session.live:
        context.change(session=replace(session, looked_at=context.event.at))


def _found_joined(before: Session, after: Session) -> list[str]:
    """Who a probe has found to have joined, as far as that can be told: in a session with many participants, hosts."""
    if before.unlisted:
        return []
    new = sorted(after.participants.keys() - before.participants.keys())
    if not after.unlisted:
        return new
    return [who for who in new if role_of(after.modes.get(who)) is Role.HOST]


def _on_participant_change(context: StepContext, participant: ParticipantChange) -> None:
    session = context.room.session
    joined = isinstance(participant, ParticipantJoined)
    who, name = participant.participant_id, participant.name
    if session is None or session.session_id != participant.session_id or not session.live:
        context.record_effect(Reason.SESSION_OVER)
        return
    if who is None:
        context.record_effect(Reason.PARTICIPANT_UNNAMED)
        return
    if roster.is_inside(session, who) is joined:
        context.record_effect(Reason.PARTICIPANT_PRESENT if joined else Reason.PARTICIPANT_ABSENT)
        return
    mode = participant.mode if isinstance(participant, ParticipantJoined) else session.modes.get(who)
    name = short_name(name if joined else session.participants.get(who) or name)
    change = Move(context.event.id, who, joined, name, mode)
    moved = roster.keep_move(roster.move(session, change), change, probing=context.room.probe is not None)
    emptied = not moved.participants and not moved.unlisted
    emptied_at = context.event.at if emptied and moved.complete else None
    moved = replace(moved, emptied=emptied, emptied_at=emptied_at, last_event_id=context.event.id)
    context.change(session=moved)
    context.record_effect(Reason.PARTICIPANT_JOINED if joined else Reason.PARTICIPANT_LEFT, name=name or who)
    _tell(context, "participant.joined" if joined else "participant.left", moved, who, name, mode=mode)


def _tell(
    context: StepContext, kind: str, session: Session, who: str, name: str | None, *, mode: str | None = None
) -> None:
    context.emit(
        kind,
        participant={"participant_id": who, "name": name, "mode": mode or session.modes.get(who)},
        session={
            "session_id": session.session_id,
            "live": session.live,
            "participant_count": session.count,
            "host_count": session.host_count,
        },
    )


def has_live_session(room: Room) -> bool:
    """Whether somebody is known to be in the room."""
    return room.session is not None and room.session.live
