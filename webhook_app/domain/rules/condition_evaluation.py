"""Evaluates a rule's condition on the room as it is in this step."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from webhook_app.domain.context import StepContext
from webhook_app.domain.frozen import replace
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.conditions import ConditionResult, evaluate, stored_condition
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.sessions.session import Session
from webhook_app.domain.views import ROOM_VIEW, SESSION_VIEW, participants_view


def evaluate_condition(
    context: StepContext, rule: Rule, source: str, event: Mapping[str, Any] | None, *, session: Session | None = None
) -> ConditionResult:
    """Evaluate a condition, with `session` in place of the room's if given.

    An error is kept as the rule's last error, and recorded as a decision where it is new and nothing else shows it.
    """
    condition = stored_condition(source)
    now = None
    if condition.uses_now:
        now = datetime.fromtimestamp(context.event.at / 1000, UTC)
        if rule.timezone != "UTC":
            now = now.astimezone(ZoneInfo(rule.timezone))
    result = evaluate(condition, partial(room_field, context, session=session), event, now)
    if result.error is not None and (event is not None or result.refused):
        rule_state = context.memory(rule.name)
        if event is None and rule_state.last_error != result.error:
            context.record_decision(Reason.CONDITION_ERROR, rule=rule.name, error=result.error)
        context.remember(rule.name, replace(rule_state, last_error=result.error))
    return result


def room_field(context: StepContext, name: str, inner: frozenset[str] | None, *, session: Session | None = None) -> Any:
    """A field of the room as the API shows it. A session has the fields named in `inner` only, and every host."""
    session = session or context.room.session
    if name == "session" and session is not None:
        fields = _SESSION_FIELDS if inner is None else inner
        return {field: _SESSION_FIELDS[field](session) for field in fields}
    return ROOM_VIEW[name](context.room, context.config, context.event.at)


_SESSION_FIELDS: Mapping[str, Callable[[Session], Any]] = {
    **SESSION_VIEW,
    "participants": partial(participants_view, all_hosts=True),
}
