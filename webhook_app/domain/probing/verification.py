"""When a probe verifies who is in the room.

Webhooks may be lost or late and leave somebody in the session who has left, or the reverse. Every session is
therefore verified now and then, and sooner where something depends on it.
"""

from typing import assert_never

from webhook_app.domain.context import StepContext
from webhook_app.domain.rules.conditions import stored_condition
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import ConditionTrigger, EventTrigger, ScheduleTrigger
from webhook_app.domain.sessions.participants import EmptyMeans
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.times import MINUTE, SECOND

# VideoSDK ends a session whose last participant leaves: one that goes on may contain somebody we have lost track of.
VERIFY_EMPTY_MS = 60 * SECOND
VERIFY_FOR_RULES_MS = 5 * MINUTE
VERIFY_ON_AIR_MS = 10 * MINUTE
VERIFY_OFF_AIR_MS = 30 * MINUTE
# Where a rule depends on hosts and somebody's mode is unknown; the second in a session with many participants.
VERIFY_MODES_MS = 30 * SECOND
VERIFY_MANY_MODES_MS = 2 * MINUTE


def verification_due(context: StepContext) -> int | None:
    """When a probe of the participants is due for its own sake, in ms; None when it is not.

    In a room on air the routine probes suffice: they verify the participants once `is_verification_due`.
    """
    session = context.room.session
    if session is None or not session.live:
        return None
    dues = [_modes_due(context, session)]
    if not context.room.live_streams:
        dues += [_verified_at(session) + VERIFY_OFF_AIR_MS, _empty_due(session)]
    return min((due for due in dues if due is not None), default=None)


def is_verification_due(context: StepContext) -> bool:
    """Whether a probe that is sent now should verify the participants."""
    session = context.room.session
    if session is None or not session.live:
        return False
    is_on_air = bool(context.room.live_streams)
    wait = VERIFY_OFF_AIR_MS
    if is_on_air:
        rules = context.config.about(context.room.room_id)
        wait = VERIFY_FOR_RULES_MS if any(_depends_on_participants(rule) for rule in rules) else VERIFY_ON_AIR_MS
    if is_on_air and session.verified_at is None and session.unknown_roles:
        return True  # once, so that hosts and viewers are known soon after the start
    dues = (_verified_at(session) + wait, _empty_due(session), _modes_due(context, session))
    return any(due is not None and due <= context.event.at for due in dues)


def _empty_due(session: Session) -> int | None:
    """When to verify a session that is empty by webhooks alone, which is done once."""
    if session.emptied_at is None or _verified_at(session) > session.emptied_at:
        return None
    return session.emptied_at + VERIFY_EMPTY_MS


def _modes_due(context: StepContext, session: Session) -> int | None:
    """When to verify because a rule needs to know who is a host."""
    rules = context.config.about(context.room.room_id)
    if not session.complete or not any(_needs_modes(context, rule, session) for rule in rules):
        return None
    if not session.unknown_roles:
        return None
    if session.verified_at is None:
        return session.started_at
    return session.verified_at + (VERIFY_MANY_MODES_MS if session.unlisted else VERIFY_MODES_MS)


def _verified_at(session: Session) -> int:
    return session.verified_at or session.started_at


def is_verified_first(rule: Rule) -> bool:
    """Whether a probe verifies the participants before the rule's `when` acts: what it depends on may be wrong."""
    match rule.trigger:
        case ConditionTrigger() as trigger:
            condition = stored_condition(trigger.when)
            return condition.uses_session if rule.do == "end" else rule.do == "notify" and condition.uses_participants
        case ScheduleTrigger() | EventTrigger():
            return False
        case _ as never:
            assert_never(never)


def _depends_on_participants(rule: Rule) -> bool:
    trigger = rule.schedule_trigger
    return (trigger is not None and trigger.depends_on_participants) or is_verified_first(rule)


def _needs_modes(context: StepContext, rule: Rule, session: Session) -> bool:
    """Whether it matters to a rule now if somebody of unknown mode is a host."""
    match rule.trigger:
        case ConditionTrigger() as trigger:
            return stored_condition(trigger.when).uses_host_count
        case ScheduleTrigger() as trigger:
            by_hosts = trigger.empty_means is EmptyMeans.NO_HOSTS and trigger.depends_on_participants
            return by_hosts and context.room.schedule.window is not None and session.known_hosts == 0
        case EventTrigger():
            return False
        case _ as never:
            assert_never(never)
