"""The roster of a session: how joins, leaves and probe answers change who is listed and who is counted.

Up to `LISTED_MAX` participants are listed by id; the others are counted. Known viewers are replaced by newcomers, so
that hosts, and those whose mode is not known yet, are listed as long as possible.
"""

from collections.abc import Mapping
from typing import TypeVar

from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
from webhook_app.domain.sessions.participants import LISTED_MAX, MOVES_MAX, Move, Present, Role
from webhook_app.domain.sessions.session import Session

T = TypeVar("T")


def is_inside(session: Session, participant_id: str) -> bool | None:
    """Whether a participant is in the session; None when that is unknown."""
    if participant_id in session.participants:
        return True
    if session.unlisted:
        moves = (move for move in reversed(session.moves) if move.participant_id == participant_id)
        last = next(moves, None)
        return None if last is None else last.joined
    return False if session.complete else None


def move(session: Session, change: Move) -> Session:
    """The session after a join or a leave."""
    return _join(session, change) if change.joined else _leave(session, change.participant_id)


def keep_move(session: Session, change: Move, *, probing: bool) -> Session:
    """Keep a move while it may be needed: to add it to a probe's result, or to recognise its repeat."""
    moves = (*session.moves, change)[-MOVES_MAX:] if probing or session.unlisted else ()
    return session if moves == session.moves else replace(session, moves=moves)


def is_covered(session: Session, asked_id: str) -> bool:
    """Whether all changes of the session since a probe was sent are kept as moves, so that they can be added to it."""
    if not is_after(session.last_event_id, asked_id):
        return True
    moves = session.moves
    if not moves or moves[-1].event_id != session.last_event_id:
        return False
    return len(moves) < MOVES_MAX or not is_after(moves[0].event_id, asked_id)


def as_probed(session: Session, present: Present, at: int) -> Session:
    """The session exactly as a probe found it. A host whom the probe may have missed, because it could not read all
    pages, stays listed.
    """
    empty = not present.participants and not present.unlisted
    unseen = present.unlisted - present.unlisted_viewers
    missed = session.hosts if unseen else []
    missed = [who for who in missed if who not in present.participants][:unseen]
    return replace(
        session,
        complete=True,
        participants={**present.participants, **{who: session.participants[who] for who in missed}},
        modes={**present.modes, **{who: session.modes[who] for who in missed}},
        unlisted=present.unlisted - len(missed),
        unlisted_viewers=present.unlisted_viewers,
        emptied=empty and (session.emptied or bool(session.participants) or session.unlisted > 0),
        emptied_at=None,
        verified_at=at,
        mode_roles=present.mode_roles or session.mode_roles,
    )


def with_arrivals(verified: Session, asked_id: str) -> Session:
    """The probed session with everybody who has joined since the probe was sent, even if they have left again."""
    session = replace(verified, moves=())
    for change in moves_since(verified, asked_id):
        if change.joined and not is_inside(session, change.participant_id):
            session = move(session, change)
    return session


def with_news(verified: Session, asked_id: str, at: int) -> Session:
    """The probed session with the joins and leaves that webhooks reported since the probe was sent.

    Whether the probe has seen somebody who is not listed come or go is not known: each move then counts.
    """
    since = moves_since(verified, asked_id)
    session = replace(verified, moves=())
    for change in since:
        if is_inside(session, change.participant_id) is not change.joined:
            session = move(session, change)
    if session.count:
        return replace(session, moves=since, emptied=False)
    if since:
        return replace(session, moves=since, emptied=True, emptied_at=at, mode_roles={})
    return replace(session, moves=since, emptied=verified.emptied, mode_roles={})


def moves_since(session: Session, asked_id: str) -> tuple[Move, ...]:
    """The joins and leaves that webhooks reported since a probe was sent."""
    return tuple(change for change in session.moves if is_after(change.event_id, asked_id))


def assume_viewers(session: Session) -> Session:
    """The session with everybody of unknown mode counted as a viewer, and shown by the provider's first word for it."""
    roles = session.mode_roles
    viewer_word = next((word for word, role in roles.items() if role is Role.VIEWER), Role.VIEWER.value)
    modes = {who: mode for who, mode in session.modes.items() if mode in roles}
    modes |= {who: viewer_word for who in session.participants if who not in modes}
    roles = {**roles, viewer_word: Role.VIEWER}
    return replace(session, modes=modes, mode_roles=roles, unlisted_viewers=session.unlisted)


def _join(session: Session, change: Move) -> Session:
    who, mode = change.participant_id, change.mode
    modes = session.modes if mode is None else {**session.modes, who: mode}
    if len(session.participants) < LISTED_MAX:
        return replace(session, participants={**session.participants, who: change.name}, modes=modes)
    is_viewer = session.role_by(mode) is Role.VIEWER
    replaced = None if is_viewer else _first_viewer(session)
    if replaced is None:
        viewers = session.unlisted_viewers + is_viewer
        return replace(session, unlisted=session.unlisted + 1, unlisted_viewers=viewers)
    return replace(
        session,
        participants={**_without(session.participants, replaced), who: change.name},
        modes=_without(modes, replaced),
        unlisted=session.unlisted + 1,
        unlisted_viewers=session.unlisted_viewers + 1,
    )


def _leave(session: Session, who: str) -> Session:
    if who in session.participants:
        return replace(session, participants=_without(session.participants, who), modes=_without(session.modes, who))
    if not session.unlisted:
        return session
    # Whether a viewer has left is not known: the number of those whose mode is not known must not shrink by guessing.
    viewers = max(0, session.unlisted_viewers - 1)
    return replace(session, unlisted=session.unlisted - 1, unlisted_viewers=viewers)


def _first_viewer(session: Session) -> str | None:
    return next((who for who, mode in session.modes.items() if session.role_by(mode) is Role.VIEWER), None)


def _without(by_id: Mapping[str, T], participant_id: str) -> dict[str, T]:
    return {other_id: value for other_id, value in by_id.items() if other_id != participant_id}
