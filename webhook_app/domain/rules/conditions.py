"""Conditions: CEL expressions about a room, compiled once, tried before they are saved, evaluated within a budget."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

import cel

from webhook_app.domain.budget import BudgetExceededError, spend
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.rules.cel.functions import TIME_FUNCTIONS, FunctionError, check_functions
from webhook_app.domain.rules.cel.meter import CEL_ERRORS, STEPS_MAX, MeteredProgram
from webhook_app.domain.rules.cel.source import meter, tokens_of
from webhook_app.domain.rules.condition_faults import ConditionFault
from webhook_app.domain.rules.condition_paths import (
    PathError,
    bare_source,
    check_event_fields,
    check_room_paths,
    event_names,
    room_paths,
    unknown_field,
)
from webhook_app.domain.view_examples import event_shapes

__all__ = ["CEL_ERRORS", "Condition", "ConditionError", "ConditionResult", "compile_condition", "evaluate", "holds"]

CONDITION_MAX_CHARS = 2_000
VALIDATION_STEPS_MAX = 100_000
CACHED_RESULTS_MAX = 4_096
MISTYPED = (
    "the condition can never hold: it uses a value as a type that it does not have "
    "(times are text: write timestamp(room.updated_at))"
)
PEOPLE = frozenset({"participant_count", "host_count", "participants"})
PLAIN = frozenset({type(None), str, bool, int, float})

# A field of the room by its name; with names inside it, a mapping that has at least these.
RoomFieldReader = Callable[[str, frozenset[str] | None], Any]


class ConditionError(ValueError):
    """A condition that cannot be used; the message says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition and what it looks at, so that only that is handed over.

    `room_paths` are fields of the room and, where it looks no further, the fields inside them. `event_names` are the
    names in `event.data` when it looks at nothing else of the event. `known` are verdicts on values seen before, with
    the steps they took. `refused` says why a stored condition cannot be evaluated any more.
    """

    source: str
    program: MeteredProgram | None
    room_paths: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    event_names: frozenset[str] | None = None
    uses_event: bool = False
    uses_now: bool = False
    functions: tuple[str, ...] = ()
    refused: str | None = None
    known: dict[Any, tuple["ConditionResult", int]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def uses_session(self) -> bool:
        """Whether it depends on the participants of the session."""
        return "session" in self.room_paths

    @property
    def uses_participants(self) -> bool:
        """Whether it looks at who is in the session, or how many."""
        if "session" not in self.room_paths:
            return False
        inner = self.room_paths["session"]
        return inner is None or not inner.isdisjoint(PEOPLE)

    @property
    def uses_host_count(self) -> bool:
        """Whether it looks at the number of hosts."""
        return "host_count" in (self.room_paths.get("session") or ())


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """Whether it held; `error` says why that is unknown, which counts as false.

    `refused`: it was not evaluated to its end, as it takes too many steps, or is no condition any more.
    """

    held: bool
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
    """A condition of a saved rule, saved perhaps by a version that allowed more; it never raises."""
    try:
        return compile_condition(source)
    except ConditionError as error:
        return Condition(source, None, refused=str(error))


def holds(
    condition: Condition, room: RoomFieldReader, event: Mapping[str, Any] | None = None, now: datetime | None = None
) -> ConditionResult:
    """Evaluate; an error, a missing value or anything but true counts as false, and says so."""
    variables = _variables(condition, room, event, now)
    key = None if condition.uses_now else _key_of(variables)
    if key is not None:
        known = condition.known.get(key)
        if known is not None:
            spend(known[1])
            return known[0]
    verdict, steps = _decide(condition, variables)
    if key is not None:
        if len(condition.known) >= CACHED_RESULTS_MAX:
            condition.known.clear()
        condition.known[key] = verdict, steps
    spend(steps)
    return verdict


def try_evaluate(
    condition: Condition,
    room: RoomFieldReader,
    event: Mapping[str, Any] | None = None,
    now: datetime | None = None,
    *,
    limit: int = STEPS_MAX,
) -> tuple[Any, int]:
    """The expression's value, or the error that evaluating it raised, and the steps it took, which are charged."""
    value, steps = _execute(condition, _variables(condition, room, event, now), limit)
    spend(steps)
    return value, steps


def evaluate(
    condition: Condition,
    room: RoomFieldReader,
    event: Mapping[str, Any] | None = None,
    now: datetime | None = None,
    *,
    limit: int = STEPS_MAX,
) -> Any:
    """The expression's value; raises what the CEL library raises, and BudgetExceededError."""
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


def _decide(condition: Condition, variables: dict[str, Any]) -> tuple[ConditionResult, int]:
    result, steps = _execute(condition, variables, STEPS_MAX)
    if isinstance(result, Exception):
        refused = isinstance(result, BudgetExceededError | ConditionError)
        return ConditionResult(False, explain_failure(result), refused), steps
    if result is True or result is False:
        return ConditionResult(result), steps
    return ConditionResult(False, explain(ConditionFault.NOT_BOOLEAN, type=type(result).__name__)), steps


def _variables(
    condition: Condition, room: RoomFieldReader, event: Mapping[str, Any] | None, now: datetime | None
) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    if condition.room_paths:
        seen = {}
        for name, inner in condition.room_paths.items():
            value = room(name, inner)
            if inner is not None and isinstance(value, dict):
                value = {one: value[one] for one in inner}
            seen[name] = value
        variables["room"] = seen
    if condition.uses_event and event is not None:
        if condition.event_names is not None and isinstance(event.get("data"), Mapping):
            data = event["data"]
            event = {"data": {name: data[name] for name in condition.event_names if name in data}}
        variables["event"] = event
    if condition.uses_now and now is not None:
        # The library takes fixed offsets, not zones.
        variables["now"] = now.replace(tzinfo=timezone(now.utcoffset() or timedelta()))
    return variables


def _execute(condition: Condition, variables: dict[str, Any], limit: int) -> tuple[Any, int]:
    if condition.program is None:
        return ConditionError(condition.refused or "it cannot be evaluated"), 0
    functions: dict[str, Callable[..., Any]] = {name: TIME_FUNCTIONS[name] for name in condition.functions}
    return condition.program.evaluate(variables, functions, limit=limit)


def _key_of(variables: Mapping[str, Any]) -> Any:
    """What a condition sees as a key, None when it sees more than plain values."""
    parts: list[Any] = []
    for value in variables.get("room", {}).values():
        # A field of the room is always of one type, or null: its value alone tells it apart.
        whole = value.__class__ is not dict
        inside = (value,) if whole else value.values()
        parts.append(whole)
        for one in inside:
            if one.__class__ not in PLAIN:
                return None
            parts.append(one)
    if "event" in variables:
        key = _key(variables["event"])
        if key is None:
            return None
        parts.append(key)
    return tuple(parts)


def _key(value: Any) -> Any:
    """A value as a key, None when it holds more than plain values: 1, 1.0 and true are told apart."""
    if isinstance(value, dict):
        parts = []
        for name, inner in value.items():
            part = _key(inner)
            if part is None:
                return None
            parts.append((name, part))
        return tuple(parts)
    return (type(value), value) if value is None or isinstance(value, str | bool | int | float) else None


def check_condition(condition: Condition, shapes: Iterable[Mapping[str, Any]], *, with_event: bool) -> None:
    """Try a condition on each shape a room can have; ConditionError when it can never hold as it is written."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    bare = _checked_paths(condition)
    if not with_event:
        if condition.uses_event:
            raise ConditionError("`event` is known with `on` only; a `when` looks at `room`")
        if condition.uses_now:
            raise ConditionError("`now` is known with `on` only; use `for` to say how long")
    event = event_shapes()[0] if with_event else None
    mistyped = not condition.uses_event
    for shape in shapes:
        try:
            result = evaluate(condition, _reader(shape), event, now, limit=VALIDATION_STEPS_MAX)
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
    """Try a part of a message on each shape a room can have; ConditionError when it can only fail."""
    event = event_shapes()[0] if with_event else None
    bare = _checked_paths(condition)
    for shape in shapes:
        try:
            evaluate(condition, _reader(shape), event, limit=VALIDATION_STEPS_MAX)
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
        wrong = unknown_field(str(error.args[0]), bare)
        if wrong is not None:
            raise ConditionError(wrong)


def _reader(shape: Mapping[str, Any]) -> RoomFieldReader:
    return lambda name, inner: shape[name]


def _first_sentence(error: Exception) -> str:
    return _first_line(error).split(". Check", 1)[0]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
