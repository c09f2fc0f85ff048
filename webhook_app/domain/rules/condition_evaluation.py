"""Verdicts: a rule's condition on the room as it is in this turn."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from webhook_app.domain.context import StepContext
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.conditions import ConditionResult, holds, stored_condition
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.views import ROOM_VIEW, SESSION_VIEW, participants_view


def evaluate_condition(
    context: StepContext, rule: Rule, source: str, event: Mapping[str, Any] | None, *, session: Session | None = None
) -> ConditionResult:
    """Whether a condition holds, with `session` in place of the room's; why it could not be said is remembered with
    the rule.
    """
    condition = stored_condition(source)
    now = None
    if condition.uses_now:
        now = datetime.fromtimestamp(context.event.at / 1000, UTC)
        if rule.timezone != "UTC":
            now = now.astimezone(ZoneInfo(rule.timezone))
    found = holds(condition, lambda name, inner: room_field(context, name, inner, session=session), event, now)
    if (
        found.error is not None
        and event is None
        and found.refused
        and context.memory(rule.name).last_error != found.error
    ):
        context.record_decision(Reason.CONDITION_ERROR, rule=rule.name, error=found.error)
    if found.error is not None and (event is not None or found.refused):
        context.remember(rule.name, replace(context.memory(rule.name), last_error=found.error))
    return found


def room_field(context: StepContext, name: str, inner: frozenset[str] | None, *, session: Session | None = None) -> Any:
    """One field of the room as the API shows it; of a session only what is named inside it, with every host."""
    session = session or context.room.session
    if name == "session" and session is not None:
        fields = SESSION_VIEW.keys() if inner is None else inner
        return {field: _session_field(session, field) for field in fields}
    return ROOM_VIEW[name](context.room, context.config, context.event.at)


def _session_field(session: Session, field: str) -> Any:
    return participants_view(session, all_hosts=True) if field == "participants" else SESSION_VIEW[field](session)
