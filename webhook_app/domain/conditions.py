"""Conditions: CEL expressions about a room, compiled once, tried before they are saved."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from difflib import get_close_matches
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import cel

CONDITION_MAX_CHARS = 2_000
KNOWN_MAX = 4_096
PLAIN = frozenset({type(None), str, bool, int, float})
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
_EVENT = re.compile(r"(?<![\w.])event\b")
_EVENT_DATA = re.compile(r"(?<![\w.])event\s*\.\s*data\s*\.\s*([A-Za-z_]\w*)(?!\w*\s*\()")
_ROOM_PATH = re.compile(r"(?<![\w.])room\b(?:\s*\.\s*([A-Za-z_]\w*))?(?:\s*\.\s*([A-Za-z_]\w*)(?!\w*\s*\())?")
_STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")

FUNCTIONS = (
    *("size", "contains", "startsWith", "endsWith", "matches", "string", "int", "uint", "double", "bool", "bytes"),
    *("type", "duration", "timestamp", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek"),
    *("getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds", "min", "max"),
)

# What the CEL library raises for a missing key, an index out of bounds, other types, a division by zero and the like.
CEL_ERRORS = (LookupError, TypeError, RuntimeError, ValueError, ArithmeticError)

# A field of the room by its name; with names inside it, a mapping that has at least these.
RoomField = Callable[[str, frozenset[str] | None], Any]


class ConditionError(ValueError):
    """A condition that cannot be used; the message says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition and what it looks at, so that only that is handed over.

    `room_paths` are fields of the room and, where it looks no further, the fields inside them. `event_names` are the
    names in `event.data` when it looks at nothing else of the event. `known` are verdicts on values seen before.
    """

    source: str
    program: cel.Program
    room_paths: Mapping[str, frozenset[str] | None]
    event_names: frozenset[str] | None
    uses_event: bool
    uses_now: bool
    functions: tuple[str, ...]
    known: dict[Any, "Verdict"] = field(default_factory=dict, compare=False, repr=False)

    @property
    def asks_who_is_there(self) -> bool:
        """Whether it depends on the participants of the session."""
        return "session" in self.room_paths


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
    _functions_exist(program.functions())
    names = program.variables()
    bare = _STRING.sub("''", source)
    if "event" in names:
        _event_fields_exist(bare)
    return Condition(
        source=source,
        program=program,
        room_paths=_room_paths(bare) if "room" in names else {},
        event_names=_event_names(bare) if "event" in names else None,
        uses_event="event" in names,
        uses_now="now" in names,
        functions=tuple(name for name in program.functions() if name in TIME_FUNCTIONS),
    )


def holds(
    condition: Condition, room: RoomField, event: Mapping[str, Any] | None = None, now: datetime | None = None
) -> Verdict:
    """Evaluate; an error, a missing value or anything but true counts as false, and says so."""
    variables = _variables(condition, room, event, now)
    key = None if condition.uses_now else _key_of(variables)
    if key is not None:
        known = condition.known.get(key)
        if known is not None:
            return known
    found = _judge(condition, variables)
    if key is not None:
        if len(condition.known) >= KNOWN_MAX:
            condition.known.clear()
        condition.known[key] = found
    return found


def evaluate(
    condition: Condition, room: RoomField, event: Mapping[str, Any] | None = None, now: datetime | None = None
) -> Any:
    """The expression's value; raises what the CEL library raises."""
    return _execute(condition, _variables(condition, room, event, now))


def _judge(condition: Condition, variables: dict[str, Any]) -> Verdict:
    try:
        result = _execute(condition, variables)
    except CEL_ERRORS as error:
        return Verdict(False, _explain(error))
    if result is True or result is False:
        return Verdict(result)
    return Verdict(False, f"the condition gave {type(result).__name__}, not true or false")


def _variables(
    condition: Condition, room: RoomField, event: Mapping[str, Any] | None, now: datetime | None
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


def _execute(condition: Condition, variables: dict[str, Any]) -> Any:
    if condition.functions:
        functions: dict[str, Callable[..., Any]] = {name: TIME_FUNCTIONS[name] for name in condition.functions}
        return condition.program.execute(cel.Context(variables, functions))
    return condition.program.execute(variables)


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
            event = {"type": "", "data": {}} if with_event else None
            result = evaluate(condition, _reader(shape), event, now)
        except RuntimeError as error:
            raise ConditionError(_explain(error)) from None
        except CEL_ERRORS:
            continue
        if result is not True and result is not False:
            raise ConditionError(f"the condition gives {type(result).__name__}; it must give true or false")


def _reader(shape: Mapping[str, Any]) -> RoomField:
    return lambda name, inner: shape[name]


def _functions_exist(names: Iterable[str]) -> None:
    # What an event brings is not known when a rule is saved, so trying the condition does not find these.
    for name in names:
        close = get_close_matches(name, FUNCTIONS, n=1, cutoff=0.8)
        if name.isidentifier() and name not in FUNCTIONS and close:
            raise ConditionError(f"{name}() does not exist; do you mean {close[0]}()?")


def _event_fields_exist(source: str) -> None:
    for name in _EVENT_PATH.findall(source):
        if name not in EVENT_FIELDS:
            raise ConditionError(f"event.{name} does not exist; an event has {', '.join(sorted(EVENT_FIELDS))}")


def _event_names(source: str) -> frozenset[str] | None:
    mentioned = len(_EVENT.findall(source))
    names = _EVENT_DATA.findall(source)
    return frozenset(names) if len(names) == mentioned else None


def _room_paths(source: str) -> dict[str, frozenset[str] | None]:
    paths: dict[str, frozenset[str] | None] = {}
    for first, second in _ROOM_PATH.findall(source):
        if not first:
            return dict.fromkeys(sorted(ROOM_FIELDS))
        if first not in ROOM_FIELDS:
            raise ConditionError(f"room.{first} does not exist; a room has {', '.join(sorted(ROOM_FIELDS))}")
        inside = ROOM_SHAPE.get(first)
        if second and inside is not None and second not in inside:
            known = ", ".join(sorted(inside))
            raise ConditionError(f"room.{first}.{second} does not exist; room.{first} has {known}")
        before = paths.get(first, frozenset())
        whole = not second or inside is None or before is None
        paths[first] = None if whole else (before or frozenset()) | {second}
    return paths


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
