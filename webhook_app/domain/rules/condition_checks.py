"""Checks of conditions and messages before a rule is accepted: each is tried on every shape that a room can have."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from webhook_app.domain.budget import BudgetExceededError
from webhook_app.domain.rules.cel.meter import CEL_ERRORS
from webhook_app.domain.rules.cel.source import tokens_of
from webhook_app.domain.rules.condition_paths import PathError, bare_source, check_room_paths, unknown_field
from webhook_app.domain.rules.conditions import (
    Condition,
    ConditionError,
    RoomFieldReader,
    explain_failure,
    expression_value,
)
from webhook_app.domain.view_examples import event_shapes

VALIDATION_STEPS_MAX = 100_000
MISTYPED = (
    "the condition can never be true: it uses a value as a type that it does not have "
    "(times are text: write timestamp(room.updated_at))"
)


def check_condition(condition: Condition, shapes: Iterable[Mapping[str, Any]], *, with_event: bool) -> None:
    """Try a condition on each shape that a room can have; ConditionError when it can never be true as it is written."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    bare = _checked_paths(condition)
    if not with_event:
        if condition.uses_event:
            raise ConditionError("`event` is available with `on` only; a `when` uses `room`")
        if condition.uses_now:
            raise ConditionError("`now` is available with `on` only; use `for` for a duration")
    event = event_shapes()[0] if with_event else None
    mistyped = not condition.uses_event
    for shape in shapes:
        try:
            result = expression_value(condition, _reader(shape), event, now, limit=VALIDATION_STEPS_MAX)
        except (RuntimeError, BudgetExceededError) as error:
            raise ConditionError(explain_failure(error).text) from None
        except CEL_ERRORS as error:
            _refuse_unknown_field(error, bare)
            mistyped = mistyped and isinstance(error, TypeError)
            continue
        mistyped = False
        if result is not True and result is not False:
            raise ConditionError(f"the condition gives {type(result).__name__}; it must give true or false")
    if mistyped:
        raise ConditionError(MISTYPED)


def check_message_part(condition: Condition, shapes: Iterable[Mapping[str, Any]], *, with_event: bool) -> None:
    """Try a part of a message on each shape that a room can have; ConditionError when it can only fail."""
    event = event_shapes()[0] if with_event else None
    bare = _checked_paths(condition)
    for shape in shapes:
        try:
            expression_value(condition, _reader(shape), event, limit=VALIDATION_STEPS_MAX)
        except BudgetExceededError as error:
            raise ConditionError(explain_failure(error).text) from None
        except CEL_ERRORS as error:
            _refuse_unknown_field(error, bare)


def _checked_paths(condition: Condition) -> str:
    """The source with its strings emptied; ConditionError on a field that no room has, at any depth."""
    bare = bare_source(tokens_of(condition.source))
    try:
        check_room_paths(bare)
    except PathError as error:
        raise ConditionError(str(error)) from None
    return bare


def _refuse_unknown_field(error: Exception, bare: str) -> None:
    """ConditionError when an evaluation missed a field that nothing in a room or an event has."""
    if isinstance(error, KeyError) and error.args:
        fault = unknown_field(str(error.args[0]), bare)
        if fault is not None:
            raise ConditionError(fault)


def _reader(shape: Mapping[str, Any]) -> RoomFieldReader:
    return lambda name, inner: shape[name]
