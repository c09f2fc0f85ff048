"""Whether a room counts as empty, and when VideoSDK is asked who is there.

What webhooks say may be wrong: one that was lost, or came late, leaves somebody inside who has left, or the reverse.
So every session is verified now and then, and sooner where something depends on it.
"""

from collections.abc import Iterable

from webhook_app.domain.context import StepContext
from webhook_app.domain.room import Session
from webhook_app.domain.rules.conditions import stored_condition
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.sessions.participants import EmptyMeans
from webhook_app.domain.times import MINUTE, SECOND

# A session whose last participant leaves ends: one that goes on may have lost track of somebody.
VERIFY_EMPTY_MS = 60 * SECOND
VERIFY_FOR_RULES_MS = 5 * MINUTE
VERIFY_ON_AIR_MS = 10 * MINUTE
VERIFY_OFF_AIR_MS = 30 * MINUTE
# Where a rule goes by hosts and somebody's mode is not known; the second in a session with many participants.
VERIFY_MODES_MS = 30 * SECOND
VERIFY_MANY_MODES_MS = 2 * MINUTE


def is_empty(session: Session | None, means: EmptyMeans) -> bool:
    """Whether it is known that nobody, or no host, is there."""
    if session is None or not session.live:
        return True
    return (session.host_count if means is EmptyMeans.NO_HOSTS else session.count) == 0


def seems_empty(session: Session | None, means: EmptyMeans) -> bool:
    """Whether nobody, or no host, is there if those of unknown mode are viewers."""
    if means is EmptyMeans.NO_HOSTS and session is not None and session.live:
        return session.complete and session.known_hosts == 0
    return is_empty(session, means)


def empty_means(rules: Iterable[Rule]) -> EmptyMeans:
    """What rules that share a window mean by empty: what keeps the stream on air longest."""
    meanings = {rule.empty_means for rule in rules}
    return EmptyMeans.NO_HOSTS if meanings == {EmptyMeans.NO_HOSTS} else EmptyMeans.NOBODY


def verification_due(context: StepContext) -> int | None:
    """When a probe of who is there is due for its own sake, in ms; None when it is not.

    In a room on air the routine probes come often enough: they ask once `is_verification_due`.
    """
    session = context.room.session
    if session is None or not session.live:
        return None
    dues = [_modes_due(context, session)]
    if not _is_on_air(context):
        dues += [_asked_at(session) + VERIFY_OFF_AIR_MS, _empty_due(session)]
    return min((due for due in dues if due is not None), default=None)


def is_verification_due(context: StepContext) -> bool:
    """Whether a probe that is made now is to ask who is there."""
    session = context.room.session
    if session is None or not session.live:
        return False
    rules = context.config.about(context.room.room_id)
    wait = VERIFY_OFF_AIR_MS
    if _is_on_air(context):
        wait = VERIFY_FOR_RULES_MS if any(_ends_by_people(rule) for rule in rules) else VERIFY_ON_AIR_MS
    if _is_on_air(context) and session.looked_at is None and session.unknown_roles:
        return True  # once, so that hosts and viewers are known soon after the start
    dues = (_asked_at(session) + wait, _empty_due(session), _modes_due(context, session))
    return any(due is not None and due <= context.event.at for due in dues)


def _empty_due(session: Session) -> int | None:
    """When it is due because nobody is there by webhooks alone, which is verified once."""
    if session.emptied_at is None or _asked_at(session) > session.emptied_at:
        return None
    return session.emptied_at + VERIFY_EMPTY_MS


def _modes_due(context: StepContext, session: Session) -> int | None:
    """When it is due because a rule needs to know who is a host."""
    rules = context.config.about(context.room.room_id)
    if not session.complete or not any(_needs_modes(context, rule, session) for rule in rules):
        return None
    if not session.unknown_roles:
        return None
    if session.looked_at is None:
        return session.started_at
    return session.looked_at + (VERIFY_MANY_MODES_MS if session.unlisted else VERIFY_MODES_MS)


def _asked_at(session: Session) -> int:
    return session.looked_at or session.started_at


def _is_on_air(context: StepContext) -> bool:
    return bool(context.room.live_streams)


def is_verified_first(rule: Rule) -> bool:
    """Whether VideoSDK is asked who is there before a `when` acts: what it sees may be wrong."""
    condition = None if rule.when is None else stored_condition(rule.when)
    if condition is None:
        return False
    return condition.uses_session if rule.do == "end" else rule.do == "notify" and condition.uses_participants


def _ends_by_people(rule: Rule) -> bool:
    return bool(rule.end_when_empty_s or rule.overrun_s) or is_verified_first(rule)


def _needs_modes(context: StepContext, rule: Rule, session: Session) -> bool:
    """Whether it matters to a rule now whether somebody of unknown mode is a host."""
    if rule.when is not None:
        return stored_condition(rule.when).uses_host_count
    by_hosts = rule.empty_means is EmptyMeans.NO_HOSTS and bool(rule.end_when_empty_s or rule.overrun_s)
    return by_hosts and context.room.window is not None and session.known_hosts == 0
