"""Verdicts: a rule's condition on the room as it is in this turn."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from webhook_app.domain.conditions import Verdict, holds, stored_condition
from webhook_app.domain.rules import Rule
from webhook_app.domain.turn import Turn
from webhook_app.domain.values import replace
from webhook_app.domain.views import ROOM_VIEW, SESSION_VIEW


def verdict(turn: Turn, rule: Rule, source: str, event: Mapping[str, Any] | None) -> Verdict:
    """Whether a condition holds; why it could not be said is remembered with the rule."""
    condition = stored_condition(source)
    now = None
    if condition.uses_now:
        now = datetime.fromtimestamp(turn.event.at / 1000, UTC)
        if rule.timezone != "UTC":
            now = now.astimezone(ZoneInfo(rule.timezone))
    found = holds(condition, lambda name, inner: field_of(turn, name, inner), event, now)
    if found.error is not None and event is None and found.refused and turn.memory(rule.name).last_error != found.error:
        turn.decide(f"counts as false: {found.error}", rule=rule.name)
    if found.error is not None and (event is not None or found.refused):
        turn.remember(rule.name, replace(turn.memory(rule.name), last_error=found.error))
    return found


def field_of(turn: Turn, name: str, inner: frozenset[str] | None) -> Any:
    """One field of the room as the API shows it; of a session only what is named inside it."""
    if name == "session" and inner is not None and turn.room.session is not None:
        session = turn.room.session
        return {one: SESSION_VIEW[one](session) for one in inner}
    return ROOM_VIEW[name](turn.room, turn.config, turn.event.at)
