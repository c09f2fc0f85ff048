"""Verdicts: a rule's condition on the room as it is in this turn."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from webhook_app.domain.context import Turn
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Session
from webhook_app.domain.rules.conditions import Verdict, holds, stored_condition
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.views import ROOM_VIEW, SESSION_VIEW, participants_view


def verdict(
    turn: Turn, rule: Rule, source: str, event: Mapping[str, Any] | None, *, session: Session | None = None
) -> Verdict:
    """Whether a condition holds, with `session` in place of the room's; why it could not be said is remembered with
    the rule.
    """
    condition = stored_condition(source)
    now = None
    if condition.uses_now:
        now = datetime.fromtimestamp(turn.event.at / 1000, UTC)
        if rule.timezone != "UTC":
            now = now.astimezone(ZoneInfo(rule.timezone))
    found = holds(condition, lambda name, inner: field_of(turn, name, inner, session=session), event, now)
    if found.error is not None and event is None and found.refused and turn.memory(rule.name).last_error != found.error:
        turn.decide(Reason.CONDITION_ERROR, rule=rule.name, error=found.error)
    if found.error is not None and (event is not None or found.refused):
        turn.remember(rule.name, replace(turn.memory(rule.name), last_error=found.error))
    return found


def field_of(turn: Turn, name: str, inner: frozenset[str] | None, *, session: Session | None = None) -> Any:
    """One field of the room as the API shows it; of a session only what is named inside it, with every host."""
    session = session or turn.room.session
    if name == "session" and session is not None:
        fields = SESSION_VIEW.keys() if inner is None else inner
        return {field: _session_field(session, field) for field in fields}
    return ROOM_VIEW[name](turn.room, turn.config, turn.event.at)


def _session_field(session: Session, field: str) -> Any:
    return participants_view(session, all_hosts=True) if field == "participants" else SESSION_VIEW[field](session)
