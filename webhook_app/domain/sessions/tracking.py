"""Sessions and participants of a room, as webhooks and probes report them."""

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
from webhook_app.domain.notices.payloads import ParticipantMoved, SessionChanged
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.reasons import Reason
from webhook_app.domain.sessions import roster
from webhook_app.domain.sessions.participants import Move, Present, Role, short_name
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.streams.collection import history_of
from webhook_app.domain.streams.end_causes import StopCause
from webhook_app.domain.streams.inferred_ends import schedule_end_inference
from webhook_app.domain.times import SECOND

STOPPED_BY_SESSION_MS = 10 * SECOND  # VideoSDK reports a session's end after the stop that it causes


def on_session_webhook(context: StepContext, webhook: ReadableWebhook) -> None:
    """Apply what a webhook of any type reports about its session: an unknown session id counts as its start."""
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
    """Start a session that was not known; an older one that looked live has ended unseen."""
    older = context.room.session
    if older is not None and older.live:
        end_session(context, older.session_id, inferred=True)
    session = Session(
        session_id,
        live=True,
        started_at=context.event.at,
        complete=complete,
        last_event_id=context.event.id,
        # Somebody has opened it: the webhook about their joining comes next, or is lost.
        emptied_at=context.event.at if complete else None,
    )
    context.change(session=session)
    context.put_history(history_of(context.room, session_id))
    context.record_effect(Reason.SESSION_STARTED, session=session_id)
    context.emit(NoticeType.SESSION_STARTED, SessionChanged(session))


def end_session(
    context: StepContext,
    session_id: str,
    *,
    inferred: bool = False,
    reason: str | None = None,
    error: str | None = None,
) -> None:
    """End a session; one that was never live here is only remembered. `reason` and `error` quote VideoSDK."""
    history = history_of(context.room, session_id)
    if history.ended:
        _explain_end(context, session_id, reason, error)
        context.record_effect(Reason.SESSION_OVER)
        return
    for _ in context.each_output():
        context.put_history(replace(history_of(context.room, session_id), ended=True))
        schedule_end_inference(context)
        _explain_stops(context, session_id)
    current = context.room.session
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
        mode_roles={},
        unlisted=0,
        unlisted_viewers=0,
        moves=(),
        emptied_at=None,
        ended_reason=reason,
        ended_error=error,
    )
    context.change(session=ended)
    context.record_effect(Reason.SESSION_ENDED_INFERRED if inferred else Reason.SESSION_ENDED, session=session_id)
    _record_end_reason(context, reason, error)
    context.emit(NoticeType.SESSION_ENDED, SessionChanged(ended))


def _explain_stops(context: StepContext, session_id: str) -> None:
    """Attribute streams that were stopped a moment before the session's end to that end."""
    for stream in context.room.streams:
        stopped_before = context.event.at - (stream.ended_at or 0)
        if stream.session_id != session_id or stream.live or stopped_before > STOPPED_BY_SESSION_MS:
            continue
        if stream.stopped_because in (StopCause.SOMEBODY, StopCause.UNKNOWN):
            context.save_stream(replace(stream, stopped_because=StopCause.SESSION_ENDED.value))


def _explain_end(context: StepContext, session_id: str, reason: str | None, error: str | None) -> None:
    """Record why a session ended whose end a probe had found before VideoSDK gave the reason."""
    session = context.room.session
    if (
        session is None
        or session.session_id != session_id
        or (session.ended_reason, session.ended_error) != (None, None)
    ):
        return
    if (reason, error) != (None, None):
        context.change(session=replace(session, ended_reason=reason, ended_error=error))
        _record_end_reason(context, reason, error)


def _record_end_reason(context: StepContext, reason: str | None, error: str | None) -> None:
    for name, text in (("reason", reason), ("error", error)):
        if text is not None:
            context.record_effect(Reason.SESSION_END_EXPLAINED, name=name, text=text)


def observe_participants(context: StepContext, session_id: str, present: Present, asked_id: str) -> None:
    """Replace the participants by those that a probe found, and add the joins and leaves since it was sent."""
    session = context.room.session
    if session is None or session.session_id != session_id or not session.live:
        return
    verified = roster.as_probed(session, present, context.event.at)
    context.verified = verified
    context.arrived = roster.with_arrivals(verified, asked_id)
    observed = roster.with_news(verified, asked_id, context.event.at)
    if observed == session:
        return
    context.change(session=observed)
    people = replace(observed, verified_at=session.verified_at, emptied_at=session.emptied_at, moves=session.moves)
    if people == session:
        return
    context.record_effect(Reason.PARTICIPANTS_SEEN, count=verified.count)
    for participant_id in _newly_listed(session, observed):
        name = observed.participants[participant_id]
        _emit_move(context, NoticeType.PARTICIPANT_JOINED, observed, participant_id, name)
    if not observed.unlisted:
        # Else somebody who is not listed may still be there.
        for participant_id in sorted(session.participants.keys() - observed.participants.keys()):
            name, mode = session.participants[participant_id], session.modes.get(participant_id)
            _emit_move(context, NoticeType.PARTICIPANT_LEFT, observed, participant_id, name, mode=mode)


def record_presence_probe(context: StepContext) -> None:
    """Record that the participants were probed, whatever the result."""
    session = context.room.session
    if session is not None and session.live:
        context.change(session=replace(session, verified_at=context.event.at))


def _newly_listed(before: Session, after: Session) -> list[str]:
    """Who a probe found to have joined, as far as it can tell: in a session with many participants, hosts only."""
    if before.unlisted:
        return []
    new = sorted(after.participants.keys() - before.participants.keys())
    if not after.unlisted:
        return new
    return [participant_id for participant_id in new if after.role_of(participant_id) is Role.HOST]


def _on_participant_change(context: StepContext, change: ParticipantChange) -> None:
    session = context.room.session
    joined = isinstance(change, ParticipantJoined)
    participant_id, name = change.participant_id, change.name
    if session is None or session.session_id != change.session_id or not session.live:
        context.record_effect(Reason.SESSION_OVER)
        return
    if participant_id is None:
        context.record_effect(Reason.PARTICIPANT_UNNAMED)
        return
    if roster.is_inside(session, participant_id) is joined:
        context.record_effect(Reason.PARTICIPANT_PRESENT if joined else Reason.PARTICIPANT_ABSENT)
        return
    if isinstance(change, ParticipantJoined):
        mode = change.mode
        if session.mode_roles != change.mode_roles:
            session = replace(session, mode_roles=change.mode_roles)
    else:
        mode = session.modes.get(participant_id)
    name = short_name(name if joined else session.participants.get(participant_id) or name)
    move = Move(context.event.id, participant_id, joined, name, mode)
    probing = context.room.probing.probe is not None
    moved = roster.keep_move(roster.move(session, move), move, probing=probing)
    emptied = not moved.participants and not moved.unlisted
    emptied_at = context.event.at if emptied and moved.complete else None
    mode_roles = {} if emptied else moved.mode_roles
    moved = replace(
        moved, emptied=emptied, emptied_at=emptied_at, last_event_id=context.event.id, mode_roles=mode_roles
    )
    context.change(session=moved)
    reason = Reason.PARTICIPANT_JOINED if joined else Reason.PARTICIPANT_LEFT
    context.record_effect(reason, name=name or participant_id)
    kind = NoticeType.PARTICIPANT_JOINED if joined else NoticeType.PARTICIPANT_LEFT
    _emit_move(context, kind, moved, participant_id, name, mode=mode)


def _emit_move(
    context: StepContext,
    kind: NoticeType,
    session: Session,
    participant_id: str,
    name: str | None,
    *,
    mode: str | None = None,
) -> None:
    mode = mode or session.modes.get(participant_id)
    context.emit(kind, ParticipantMoved(session, participant_id, name, mode))
