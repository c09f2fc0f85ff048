"""Conditions: CEL expressions about a room, compiled once, tried before they are saved."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import cel

CONDITION_MAX_CHARS = 2_000
ROOM_SHAPE: dict[str, frozenset[str]] = {
    "stream": frozenset(
        "stream_id videosdk_id room_id session_id state playback_url livestream_url starting_at started_at "
        "playable_at stopping_at ended_at duration_s ended_by failure".split()
    ),
    "session": frozenset("session_id live participant_count participants".split()),
    "desired": frozenset("on_air because since until".split()),
    "next_window": frozenset("rules room_id opens_at closes_at skipped warning".split()),
}
ROOM_FIELDS = frozenset(
    "room_id name groups on_air watchable state stream session desired armed next_window sequence updated_at".split()
)
EVENT_FIELDS = frozenset("id source type room_id at data".split())
_EVENT_PATH = re.compile(r"(?<![\w.])event\s*\.\s*([A-Za-z_]\w*)")
_ROOM_PATH = re.compile(r"(?<![\w.])room\b(?:\s*\.\s*([A-Za-z_]\w*))?(?:\s*\.\s*([A-Za-z_]\w*)(?!\w*\s*\())?")
_STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")

# What the CEL library raises for a missing key, an index out of bounds, other types, a division by zero and the like.
CEL_ERRORS = (LookupError, TypeError, RuntimeError, ValueError, ArithmeticError)

RoomField = Callable[[str], Any]


class ConditionError(ValueError):
    """A condition that cannot be used; the message says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition and what it looks at, so that only that is handed over."""

    source: str
    program: cel.Program
    room_fields: tuple[str, ...]
    uses_event: bool
    uses_now: bool
    functions: tuple[str, ...]

    @property
    def asks_who_is_there(self) -> bool:
        """Whether it depends on the participants of the session."""
        return "session" in self.room_fields


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it held; `error` says why it could not be said, which counts as false."""

    held: bool
    error: str | None = None


@lru_cache(maxsize=20_000)
def compile_condition(source: str) -> Condition:
    """Compile a condition; ConditionError on bad syntax or a field of the room that does not exist."""
    if not source.strip():
        raise ConditionError("a condition is empty; write for example room.on_air")
    if len(source) > CONDITION_MAX_CHARS:
        raise ConditionError(f"a condition is longer than {CONDITION_MAX_CHARS} characters")
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise ConditionError(f"not a CEL expression: {_first_line(error)}") from None
    names = program.variables()
    bare = _STRING.sub("''", source)
    if "event" in names:
        _event_fields_exist(bare)
    return Condition(
        source=source,
        program=program,
        room_fields=_room_fields(bare) if "room" in names else (),
        uses_event="event" in names,
        uses_now="now" in names,
        functions=tuple(name for name in program.functions() if name in TIME_FUNCTIONS),
    )


def holds(
    condition: Condition, room: RoomField, event: Mapping[str, Any] | None = None, now: datetime | None = None
) -> Verdict:
    """Evaluate; an error, a missing value or anything but true counts as false, and says so."""
    try:
        result = evaluate(condition, room, event, now)
    except CEL_ERRORS as error:
        return Verdict(False, _explain(error))
    if result is True or result is False:
        return Verdict(result)
    return Verdict(False, f"the condition gave {type(result).__name__}, not true or false")


def evaluate(
    condition: Condition, room: RoomField, event: Mapping[str, Any] | None = None, now: datetime | None = None
) -> Any:
    """The expression's value; raises what the CEL library raises."""
    variables: dict[str, Any] = {}
    if condition.room_fields:
        variables["room"] = {name: room(name) for name in condition.room_fields}
    if condition.uses_event and event is not None:
        variables["event"] = event
    if condition.uses_now and now is not None:
        # The library takes fixed offsets, not zones.
        variables["now"] = now.replace(tzinfo=timezone(now.utcoffset() or timedelta()))
    if condition.functions:
        functions: dict[str, Callable[..., Any]] = {name: TIME_FUNCTIONS[name] for name in condition.functions}
        return condition.program.execute(cel.Context(variables, functions))
    return condition.program.execute(variables)


def try_condition(condition: Condition, shapes: Iterable[Mapping[str, Any]], *, with_event: bool) -> None:
    """Try a condition on each shape a room can have; ConditionError on a name that can never be right."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    if not with_event:
        if condition.uses_event:
            raise ConditionError("`event` is known with `on` only; a `when` looks at `room`")
        if condition.uses_now:
            raise ConditionError("`now` is known with `on` only; use `for` to say how long")
    for shape in shapes:
        try:
            result = evaluate(condition, shape.__getitem__, {"type": "", "data": {}} if with_event else None, now)
        except RuntimeError as error:
            raise ConditionError(_explain(error)) from None
        except CEL_ERRORS:
            continue
        if result is not True and result is not False:
            raise ConditionError(f"the condition gives {type(result).__name__}; it must give true or false")


def _event_fields_exist(source: str) -> None:
    for name in _EVENT_PATH.findall(source):
        if name not in EVENT_FIELDS:
            raise ConditionError(f"event.{name} does not exist; an event has {', '.join(sorted(EVENT_FIELDS))}")


def _room_fields(source: str) -> tuple[str, ...]:
    fields: set[str] = set()
    for first, second in _ROOM_PATH.findall(source):
        if not first:
            return tuple(sorted(ROOM_FIELDS))
        if first not in ROOM_FIELDS:
            raise ConditionError(f"room.{first} does not exist; a room has {', '.join(sorted(ROOM_FIELDS))}")
        if second and first in ROOM_SHAPE and second not in ROOM_SHAPE[first]:
            known = ", ".join(sorted(ROOM_SHAPE[first]))
            raise ConditionError(f"room.{first}.{second} does not exist; room.{first} has {known}")
        fields.add(first)
    return tuple(sorted(fields))


def _explain(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    if isinstance(error, TypeError):
        return "a value is missing or of another type"
    text = _first_line(error)
    return text.split(". Check", 1)[0]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__


def _zoned(moment: datetime, zone: str | None) -> datetime:
    return moment if zone is None else moment.astimezone(ZoneInfo(zone))


TIME_FUNCTIONS: dict[str, Callable[..., int]] = {
    "getFullYear": lambda moment, zone=None: _zoned(moment, zone).year,
    "getMonth": lambda moment, zone=None: _zoned(moment, zone).month - 1,
    "getDate": lambda moment, zone=None: _zoned(moment, zone).day,
    "getDayOfMonth": lambda moment, zone=None: _zoned(moment, zone).day - 1,
    "getDayOfWeek": lambda moment, zone=None: _zoned(moment, zone).isoweekday() % 7,
    "getHours": lambda moment, zone=None: _zoned(moment, zone).hour,
    "getMinutes": lambda moment, zone=None: _zoned(moment, zone).minute,
    "getSeconds": lambda moment, zone=None: _zoned(moment, zone).second,
}
