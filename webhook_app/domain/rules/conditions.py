"""Conditions: CEL expressions about a room, compiled once and evaluated within a budget of steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

import cel

from webhook_app.domain.budget import BudgetExceededError, spend
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.rules.cel.functions import TIME_FUNCTIONS, FunctionError, check_functions
from webhook_app.domain.rules.cel.meter import STEPS_MAX, MeteredProgram
from webhook_app.domain.rules.cel.source import meter, tokens_of
from webhook_app.domain.rules.condition_faults import ConditionFault
from webhook_app.domain.rules.condition_paths import (
    PathError,
    bare_source,
    check_event_fields,
    event_names,
    room_paths,
)
from webhook_app.domain.scalars import SCALAR_TYPES

CONDITION_MAX_CHARS = 2_000
CACHED_RESULTS_MAX = 4_096
PARTICIPANT_FIELDS = frozenset({"participant_count", "host_count", "participants"})

# A field of the room by its name; with names inside it, a mapping that has at least these.
RoomFieldReader = Callable[[str, frozenset[str] | None], Any]


class ConditionError(ValueError):
    """A condition that cannot be used; the message says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition and the data it uses, so that only that is passed to it.

    `room_paths` are the fields of the room that it uses, each with the fields inside it, or None for all of them.
    `event_names` are the names in `event.data`, or None when it uses more of the event. `results` caches results with
    the steps they took, by the values they depend on. `refused` says why a stored condition cannot be evaluated.
    """

    source: str
    program: MeteredProgram | None
    room_paths: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    event_names: frozenset[str] | None = None
    uses_event: bool = False
    uses_now: bool = False
    functions: tuple[str, ...] = ()
    refused: str | None = None
    results: dict[Any, tuple["ConditionResult", int]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def uses_session(self) -> bool:
        """Whether it depends on the session."""
        return "session" in self.room_paths

    @property
    def uses_participants(self) -> bool:
        """Whether it depends on who is in the session, or how many."""
        if "session" not in self.room_paths:
            return False
        inner = self.room_paths["session"]
        return inner is None or not inner.isdisjoint(PARTICIPANT_FIELDS)

    @property
    def uses_host_count(self) -> bool:
        """Whether it depends on the number of hosts."""
        return "host_count" in (self.room_paths.get("session") or ())

    @property
    def uses_stream_duration(self) -> bool:
        """Whether it depends on how long a stream of any output has been on."""
        if "outputs" in self.room_paths and (self.room_paths["outputs"] is None or "duration_s" in self.source):
            return True
        if "stream" not in self.room_paths:
            return False
        inner = self.room_paths["stream"]
        return inner is None or "duration_s" in inner


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """Whether a condition is true. With an `error` it has no value, which counts as false.

    `refused`: the evaluation was not finished, because it takes too many steps or cannot be compiled any more.
    """

    is_true: bool
    error: Explanation | None = None
    refused: bool = False


@lru_cache(maxsize=20_000)
def compile_condition(source: str) -> Condition:
    """Compile a condition; ConditionError on bad syntax, too much of it, or a field that does not exist."""
    if not source.strip():
        raise ConditionError("a condition is empty; write for example room.on_air")
    if len(source) > CONDITION_MAX_CHARS:
        raise ConditionError(f"a condition is longer than {CONDITION_MAX_CHARS} characters")
    try:
        tokens = tokens_of(source)
        program = cel.compile(source)  # for its errors, which quote the source as it was written
        metered = MeteredProgram(meter(tokens))
    except ValueError as error:
        raise ConditionError(f"not a CEL expression: {_first_line(error)}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ConditionError("not a CEL expression: it cannot be parsed") from None
    names = program.variables()
    if metered.variables() != names:
        raise ConditionError("not a CEL expression: its strings and comments cannot be told apart")
    bare = bare_source(tokens)
    try:
        check_functions(program.functions())
        if "event" in names:
            check_event_fields(bare)
        paths = room_paths(bare) if "room" in names else {}
    except (FunctionError, PathError) as error:
        raise ConditionError(str(error)) from None
    return Condition(
        source=source,
        program=metered,
        room_paths=paths,
        event_names=event_names(bare) if "event" in names else None,
        uses_event="event" in names,
        uses_now="now" in names,
        functions=tuple(name for name in program.functions() if name in TIME_FUNCTIONS),
    )


@lru_cache(maxsize=20_000)
def stored_condition(source: str) -> Condition:
    """Compile a saved rule's condition, which a more lenient version may have accepted. It never raises."""
    try:
        return compile_condition(source)
    except ConditionError as error:
        return Condition(source, None, refused=str(error))


def evaluate(
    condition: Condition, room: RoomFieldReader, event: Mapping[str, Any] | None = None, now: datetime | None = None
) -> ConditionResult:
    """Evaluate a condition. An error, a missing value and anything but true counts as false; the result says why."""
    key = None if condition.uses_now else _key_of(condition, room, event)
    if key is not None:
        cached = condition.results.get(key)
        if cached is not None:
            spend(cached[1])
            return cached[0]
    result, steps = _evaluate(condition, _variables(condition, room, event, now))
    if key is not None:
        if len(condition.results) >= CACHED_RESULTS_MAX:
            condition.results.clear()
        condition.results[key] = result, steps
    spend(steps)
    return result


def try_evaluate(
    condition: Condition,
    room: RoomFieldReader,
    event: Mapping[str, Any] | None = None,
    now: datetime | None = None,
    *,
    limit: int = STEPS_MAX,
) -> tuple[Any, int]:
    """The value of an expression, or the error that its evaluation raised, and its steps, which are charged."""
    value, steps = _execute(condition, _variables(condition, room, event, now), limit)
    spend(steps)
    return value, steps


def expression_value(
    condition: Condition,
    room: RoomFieldReader,
    event: Mapping[str, Any] | None = None,
    now: datetime | None = None,
    *,
    limit: int = STEPS_MAX,
) -> Any:
    """The value of an expression. Raises the errors of the CEL library (`CEL_ERRORS`), and BudgetExceededError."""
    value, _ = try_evaluate(condition, room, event, now, limit=limit)
    if isinstance(value, Exception):
        raise value
    return value


def explain_failure(error: Exception) -> Explanation:
    """Why an evaluation failed."""
    match error:
        case KeyError():
            return explain(ConditionFault.FIELD_MISSING, field=error.args[0])
        case TypeError():
            return explain(ConditionFault.TYPE_MISMATCH)
        case BudgetExceededError():
            return explain(ConditionFault.TOO_COSTLY, error=error)
        case ConditionError():
            return explain(ConditionFault.UNUSABLE, error=_first_sentence(error))
        case _:
            return explain(ConditionFault.FAILED, error=_first_sentence(error))


def _evaluate(condition: Condition, variables: dict[str, Any]) -> tuple[ConditionResult, int]:
    value, steps = _execute(condition, variables, STEPS_MAX)
    if isinstance(value, Exception):
        refused = isinstance(value, BudgetExceededError | ConditionError)
        return ConditionResult(False, explain_failure(value), refused), steps
    if value is True or value is False:
        return ConditionResult(value), steps
    return ConditionResult(False, explain(ConditionFault.NOT_BOOLEAN, type=type(value).__name__)), steps


def _variables(
    condition: Condition, room: RoomFieldReader, event: Mapping[str, Any] | None, now: datetime | None
) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    if condition.room_paths:
        fields = {}
        for name, inner in condition.room_paths.items():
            value = room(name, inner)
            if inner is not None and isinstance(value, dict):
                value = {inner_name: value.get(inner_name) for inner_name in inner}
            fields[name] = value
        variables["room"] = fields
    if condition.uses_event and event is not None:
        variables["event"] = _used_of_event(condition, event)
    if condition.uses_now and now is not None:
        # The library takes fixed offsets, not zones.
        variables["now"] = now.replace(tzinfo=timezone(now.utcoffset() or timedelta()))
    return variables


def _used_of_event(condition: Condition, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event, or no more of its data than the condition uses."""
    data = event.get("data")
    if condition.event_names is None or not isinstance(data, Mapping):
        return event
    return {"data": {name: data[name] for name in condition.event_names if name in data}}


def _execute(condition: Condition, variables: dict[str, Any], limit: int) -> tuple[Any, int]:
    if condition.program is None:
        return ConditionError(condition.refused or "it cannot be evaluated"), 0
    functions: dict[str, Callable[..., Any]] = {name: TIME_FUNCTIONS[name] for name in condition.functions}
    return condition.program.evaluate(variables, functions, limit=limit)


def _key_of(condition: Condition, room: RoomFieldReader, event: Mapping[str, Any] | None) -> Any:
    """A key of the values that a condition depends on; None when there are others than plain values.

    It holds the values alone, in the order of the paths, so that a cached result costs no more than reading them.
    """
    parts: list[Any] = []
    for name, inner in condition.room_paths.items():
        # A field of the room is always of one type, or null: its value alone tells it apart.
        value = room(name, inner)
        is_whole = value.__class__ is not dict
        parts.append(is_whole)
        if is_whole:
            parts.append(value)
        else:
            parts += value.values() if inner is None else [value.get(inner_name) for inner_name in inner]
    for part in parts:
        if part.__class__ not in SCALAR_TYPES:
            return None
    if condition.uses_event and event is not None:
        key = _key(_used_of_event(condition, event))
        if key is None:
            return None
        parts.append(key)
    return tuple(parts)


def _key(value: Any) -> Any:
    """A value as a part of a key; None when it holds others than plain values. 1, 1.0 and true are different keys."""
    if isinstance(value, dict):
        parts = []
        for name, inner in value.items():
            part = _key(inner)
            if part is None:
                return None
            parts.append((name, part))
        return tuple(parts)
    return (type(value), value) if value is None or isinstance(value, str | bool | int | float) else None


def _first_sentence(error: Exception) -> str:
    return _first_line(error).split(". Check", 1)[0]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
