"""Warnings about a rule that is valid but probably not what was meant."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from webhook_app.domain.globs import any_glob_matches, glob_matches, is_glob
from webhook_app.domain.notices.types import NOTICE_TYPES
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import EventTrigger, ScheduleTrigger
from webhook_app.domain.schedules.checks import cron_warning
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.occurrences import over_quota
from webhook_app.domain.schedules.schedule import next_windows
from webhook_app.domain.times import rfc3339
from webhook_app.usecases.room_names import closest_room

GROUP = "group:"
EVERY = "*"
NAMES_SHOWN = 3
CLOSE = 0.75
OWN_WINDOWS_MAX = 1_000
ID_PARTS, ID_PART_CHARS = 3, 4


class WarningReason(StrEnum):
    """What a warning is about."""

    UNKNOWN_ROOM = "unknown-room"
    EMPTY_GROUP = "empty-group"
    NO_ROOM_MATCHES = "no-room-matches"
    ROOM_NOT_OURS = "room-not-ours"
    UNKNOWN_TYPE = "unknown-type"
    CRON_DAYS = "cron-days"
    MAX_STREAMS = "max-streams"


@dataclass(frozen=True, slots=True)
class RuleWarning:
    """One warning: the field that it is about, its code, and what to look at."""

    field: str
    reason: WarningReason
    message: str


@dataclass(frozen=True, slots=True)
class KnownRooms:
    """The configured rooms, the ids seen (None without a store), and the setting `ROOMS`."""

    config: Config
    seen_ids: Collection[str] | None = None
    own_patterns: tuple[str, ...] = ("*",)


def rule_warnings(rule: Rule, known_rooms: KnownRooms, *, types: Collection[str] = ()) -> list[RuleWarning]:
    """Everything but the quota: rooms and groups that are not known, an unknown type, a cron with two day fields."""
    warnings = list(room_warnings(rule.rooms, known_rooms))
    match rule.trigger:
        case EventTrigger(on=event_type):
            warnings += _type_warnings(event_type, types)
        case ScheduleTrigger(schedule=schedule):
            message = cron_warning(schedule.cron) if schedule.cron else None
            if message is not None:
                warnings.append(RuleWarning("schedule.cron", WarningReason.CRON_DAYS, message))
        case _:
            pass  # other triggers have nothing that is valid and probably not meant
    return warnings


def room_warnings(patterns: Iterable[str], known_rooms: KnownRooms) -> Iterator[RuleWarning]:
    """What is wrong with the patterns of rooms of a rule or a subscriber."""
    for pattern in patterns:
        if pattern.startswith(GROUP):
            yield from _group_warnings(pattern, known_rooms)
        elif is_glob(pattern):
            yield from _glob_warnings(pattern, known_rooms)
        else:
            yield from _room_warnings(pattern, known_rooms)


def quota_warning(config: Config, room_ids: Iterable[str], *, at: int, limit: int) -> RuleWarning | None:
    """Where more windows are open at once than MAX_STREAMS, over all rules."""
    try:
        crowded = over_quota(config, room_ids, at=at, limit=limit)
    except ScheduleError as error:
        return RuleWarning("schedule", WarningReason.MAX_STREAMS, f"MAX_STREAMS could not be checked: {error}")
    return _crowded_warning(crowded, limit)


def rule_quota_warning(
    rule: Rule, config: Config, room_ids: Iterable[str], *, at: int, limit: int
) -> RuleWarning | None:
    """Where the rule's own windows take part in exceeding MAX_STREAMS; `config` holds the rule."""
    trigger = rule.schedule_trigger
    if trigger is None or Output.HLS not in trigger.outputs:
        return None
    try:
        crowded = over_quota(config, room_ids, at=at, limit=limit)
        if not crowded:
            return None
        until = crowded[-1][0] + 1
        windows = next_windows(trigger.schedule, at, until, config.calendars, OWN_WINDOWS_MAX)
    except ScheduleError:
        return None  # the schedule's own error says so
    own = [
        (moment, count)
        for moment, count in crowded[:OWN_WINDOWS_MAX]
        if any(window.opens_at <= moment < window.closes_at for window in windows)
    ]
    return _crowded_warning(own, limit)


def _crowded_warning(crowded: list[tuple[int, int]], limit: int) -> RuleWarning | None:
    if not crowded:
        return None
    moment, count = max(crowded, key=lambda pair: (pair[1], -pair[0]))
    often = "once" if len(crowded) == 1 else f"{len(crowded)} times"
    message = (
        f"{count} window{' is' if count == 1 else 's are'} open at once at {rfc3339(moment)}, MAX_STREAMS is {limit}; "
        f"exceeded {often} in the next 35 days"
    )
    return RuleWarning("schedule", WarningReason.MAX_STREAMS, message)


def _group_warnings(pattern: str, known_rooms: KnownRooms) -> Iterator[RuleWarning]:
    group = pattern.removeprefix(GROUP)
    groups = {name for room in known_rooms.config.names.values() for name in room.groups}
    if group not in groups:
        suggestion = _closest(group, groups)
        suffix = f"; did you mean {GROUP}{suggestion}?" if suggestion else ""
        yield RuleWarning("rooms", WarningReason.EMPTY_GROUP, f"no room is in {pattern}{suffix}")


def _glob_warnings(pattern: str, known_rooms: KnownRooms) -> Iterator[RuleWarning]:
    ids = {*(known_rooms.seen_ids or ()), *known_rooms.config.by_room}
    if pattern == EVERY or known_rooms.seen_ids is None or any(glob_matches(room_id, pattern) for room_id in ids):
        return
    names = sorted(room.name for room in known_rooms.config.names.values() if room.name is not None)
    matching = [name for name in names if glob_matches(name, pattern)]
    if matching:
        excerpt = ", ".join(matching[:NAMES_SHOWN]) + (" …" if len(matching) > NAMES_SHOWN else "")
        hint = f"a pattern matches room ids, not names: list the names ({excerpt}), or use a group"
    else:
        hint = "no room known so far has such an id"
    yield RuleWarning("rooms", WarningReason.NO_ROOM_MATCHES, f"{pattern} matches no room: {hint}")


def _room_warnings(pattern: str, known_rooms: KnownRooms) -> Iterator[RuleWarning]:
    room_id = known_rooms.config.resolve_room(pattern)
    if not any_glob_matches(room_id, known_rooms.own_patterns):
        message = f"{pattern} is outside the setting ROOMS: nothing is recorded of it, and nothing starts there"
        yield RuleWarning("rooms", WarningReason.ROOM_NOT_OURS, message)
    if known_rooms.config.named(room_id) is not None or room_id in (known_rooms.seen_ids or ()):
        return
    suggestion = closest_room(pattern, known_rooms.config, known_rooms.seen_ids or ())
    if suggestion is None and known_rooms.seen_ids is None and _looks_like_an_id(pattern):
        return  # without a store, whether it was seen is unknown
    what = "not a configured room" if known_rooms.seen_ids is None else "neither configured nor seen"
    hint = f"did you mean {suggestion}?" if suggestion else "it is taken for a room's id (`tally rooms add` adds it)"
    yield RuleWarning("rooms", WarningReason.UNKNOWN_ROOM, f"{pattern} is {what}; {hint}")


def _type_warnings(kind: str, types: Collection[str]) -> Iterator[RuleWarning]:
    known_types = {*types, *NOTICE_TYPES}
    if kind in known_types or kind.startswith("rule."):
        return
    suggestion = _closest(kind, known_types)
    hint = f"did you mean {suggestion}?" if suggestion else "the rule runs only if VideoSDK sends it"
    yield RuleWarning("on", WarningReason.UNKNOWN_TYPE, f"{kind} is not a documented VideoSDK event type; {hint}")


def _closest(word: str, candidates: Iterable[str]) -> str | None:
    close = get_close_matches(word, sorted(candidates), n=1, cutoff=CLOSE)
    return close[0] if close else None


def _looks_like_an_id(pattern: str) -> bool:
    parts = pattern.split("-")
    return len(parts) == ID_PARTS and all(len(part) == ID_PART_CHARS and part.isalnum() for part in parts)
