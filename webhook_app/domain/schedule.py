"""Schedules: the windows that a calendar opens. Pure: a schedule, a span of time, calendars that were fetched.

Opening moments are wall-clock times in the schedule's zone. One that falls into the hour that the clocks skip opens
as much later as the clocks jump; one in the hour that comes twice opens the first time, once. A duration is elapsed
time, so a two-hour window is two hours long on every day of the year.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from heapq import merge
from itertools import chain, islice
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim
from dateutil.rrule import rrule, rruleset, rrulestr

from webhook_app.domain.calendar import Calendars, entries

DAY_MS = 86_400_000
OVERLONG_MS = 35 * DAY_MS
STEPS_MAX = 200_000
DTSTART_YEAR_MIN = 2000


@dataclass(frozen=True, slots=True)
class CalendarRef:
    """A calendar by its address or file, and which of its entries count."""

    source: str
    match: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When windows open. `at` and `also` are wall-clock times, `except_days` inclusive pairs of local dates."""

    timezone: str = "UTC"
    duration_s: int | None = None
    cron: str | None = None
    rrule: str | None = None
    dtstart: str | None = None
    at: tuple[str, ...] = ()
    always: bool = False
    ics: CalendarRef | None = None
    also: tuple[str, ...] = ()
    except_days: tuple[tuple[str, str], ...] = ()
    except_calendars: tuple[CalendarRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """One opening, in ms since 1970; `closes_at` is the first moment outside."""

    opens_at: int
    closes_at: int


@dataclass(frozen=True, slots=True)
class RoomWindow:
    """Windows of one room that are one stretch on air: all rules that ask for it, and what the start carries."""

    opens_at: int
    closes_at: int
    rules: tuple[str, ...]
    start: Mapping[str, Any] = field(default_factory=dict)


def windows(schedule: Schedule, after: int, until: int, calendars: Calendars) -> Iterator[Window]:
    """Windows that are open at some moment of [after, until), soonest first, exceptions taken out."""
    zone = ZoneInfo(schedule.timezone)
    if schedule.always:
        found: Iterator[Window] = _always(zone, after, until)
    else:
        found = merge(
            _by_wall_clock(schedule, zone, after, until),
            _by_calendar(schedule, zone, after, until, calendars),
            key=lambda window: (window.opens_at, window.closes_at),
        )
    last: Window | None = None
    for window in found:
        if window == last or window.closes_at <= after or window.opens_at >= until:
            continue
        last = window
        if not _excepted(schedule, zone, window, calendars):
            yield window


def combine(asked: Iterable[tuple[str, Mapping[str, Any], Window]]) -> list[RoomWindow]:
    """One room's windows as stretches: those that touch or overlap are one when their starts are the same.

    Otherwise the later opening begins a new run, and the earlier window ends there.
    """
    stretches: list[RoomWindow] = []
    for rule, start, window in sorted(asked, key=lambda item: (item[2].opens_at, item[0])):
        last = stretches[-1] if stretches else None
        if last is None or window.opens_at > last.closes_at:
            stretches.append(RoomWindow(window.opens_at, window.closes_at, (rule,), start))
        elif last.start == start:
            rules = last.rules if rule in last.rules else (*last.rules, rule)
            closes_at = max(last.closes_at, window.closes_at)
            stretches[-1] = RoomWindow(last.opens_at, closes_at, rules, start)
        else:
            if window.opens_at == last.opens_at:
                stretches.pop()
            else:
                stretches[-1] = RoomWindow(last.opens_at, window.opens_at, last.rules, last.start)
            stretches.append(RoomWindow(window.opens_at, window.closes_at, (rule,), start))
    return stretches


def instant(wall: datetime, zone: ZoneInfo) -> int:
    """A wall-clock time as ms since 1970: the first of two, or as much later as the clocks jump."""
    return int(wall.replace(tzinfo=zone, fold=0).astimezone(UTC).timestamp() * 1000)


def wall_clock(at: int, zone: ZoneInfo) -> datetime:
    """A moment as the clock on the wall shows it, without its zone."""
    return datetime.fromtimestamp(at / 1000, zone).replace(tzinfo=None)


def read_wall_clock(text: str) -> datetime:
    """`2026-12-25T10:00` as a wall-clock time; ValueError says what would be right."""
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a local time; write 2026-12-25T10:00") from None
    if wall.tzinfo is not None:
        raise ValueError(f"{text!r} has an offset; write local time in the schedule's `timezone`")
    if "T" not in text and " " not in text:
        raise ValueError(f"{text!r} has no time of day; write {text}T10:00")
    return wall


def read_recurrence(text: str, dtstart: str) -> None:
    """Try an RFC 5545 recurrence in wall-clock time, anchored at `dtstart`; ValueError says what would be right."""
    if next(iter(_recurrence(text, dtstart).walls), None) is None:
        raise ValueError("this recurrence never comes due")


def _always(zone: ZoneInfo, after: int, until: int) -> Iterator[Window]:
    day = wall_clock(max(after - DAY_MS, 0), zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(STEPS_MAX):
        following = day + timedelta(days=1)
        window = Window(instant(day, zone), instant(following, zone))
        if window.opens_at >= until:
            return
        yield window
        day = following


def _by_wall_clock(schedule: Schedule, zone: ZoneInfo, after: int, until: int) -> Iterator[Window]:
    if schedule.duration_s is None:
        return
    length = schedule.duration_s * 1000
    first = wall_clock(max(after - length - DAY_MS // 8, 0), zone)
    last = wall_clock(until + DAY_MS // 8, zone)
    recurring = _recurring(schedule, zone, first, last)
    single = sorted(
        wall for text in chain(schedule.at, schedule.also) if first <= (wall := read_wall_clock(text)) <= last
    )
    opened = -1
    for opens_at in _instants(merge(recurring, single), zone):
        if opens_at > opened:
            opened = opens_at
            yield Window(opens_at, opens_at + length)


def _instants(walls: Iterable[datetime], zone: ZoneInfo) -> Iterator[int]:
    """Wall-clock times, soonest first, as moments, soonest first: one that the clocks skip comes after later ones."""
    skipped: list[int] = []
    for wall in walls:
        at = instant(wall, zone)
        if wall_clock(at, zone) != wall:
            skipped.append(at)
            continue
        while skipped and skipped[0] <= at:
            yield skipped.pop(0)
        yield at
    yield from skipped


def _recurring(schedule: Schedule, zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[datetime]:
    if schedule.cron is not None:
        for wall in CronSim(schedule.cron, first - timedelta(seconds=1)):
            if wall > last:
                return
            yield wall
    elif schedule.rrule is not None and schedule.dtstart is not None:
        recurrence = _recurrence(schedule.rrule, schedule.dtstart)
        for wall in _recurring_since(schedule.rrule, schedule.dtstart, first, last):
            if recurrence.until is None or instant(wall, zone) <= recurrence.until:
                yield wall


@dataclass(frozen=True, slots=True)
class _Recurrence:
    """Wall-clock times, and the moment after which none counts when it was given in UTC."""

    walls: rrule | rruleset
    until: int | None = None


def _recurring_since(text: str, dtstart: str, first: datetime, last: datetime) -> Iterator[datetime]:
    for year in range(first.year, last.year + 1):
        walls = _of_year(text, dtstart, year)
        for wall in islice(walls, bisect_left(walls, first - timedelta(seconds=1)), None):
            if wall > last:
                return
            yield wall


@lru_cache(maxsize=4_096)
def _of_year(text: str, dtstart: str, year: int) -> tuple[datetime, ...]:
    """A recurrence is counted from its beginning, which may be years ago, and asked for often: each year once."""
    begin, end = datetime(year, 1, 1), datetime(year, 12, 31, 23, 59, 59)
    return tuple(_recurrence(text, dtstart).walls.between(begin, end, inc=True))


@lru_cache(maxsize=4_096)
def _recurrence(text: str, dtstart: str) -> _Recurrence:
    anchor = read_wall_clock(dtstart)
    parts = text.removeprefix("RRULE:").split(";")
    if any(part.upper().startswith("DTSTART") for part in parts) or "\n" in text:
        raise ValueError("an rrule is one line without DTSTART; `dtstart` stands beside it")
    names = [part.partition("=")[0].upper() for part in parts]
    if any(part.upper() in ("FREQ=SECONDLY", "FREQ=MINUTELY") for part in parts):
        raise ValueError("windows open once an hour at most; write FREQ=HOURLY or slower, or a cron expression")
    if anchor.year < DTSTART_YEAR_MIN:
        raise ValueError(f"`dtstart` is in {DTSTART_YEAR_MIN} or later")
    if "UNTIL" in names and "COUNT" in names:
        raise ValueError("an rrule has COUNT or UNTIL, not both")
    until: int | None = None
    try:
        for at, name in enumerate(names):
            if name == "UNTIL" and parts[at].endswith(("Z", "z")):
                said = datetime.strptime(parts[at][6:-1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
                until = int(said.timestamp() * 1000)
                # No wall clock is more than a day from UTC: what is between is left to the moment.
                parts[at] = f"UNTIL={said + timedelta(days=1):%Y%m%dT%H%M%S}"
        return _Recurrence(rrulestr(";".join(parts), dtstart=anchor, cache=True), until)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not an RFC 5545 recurrence: {error}") from None


def _by_calendar(schedule: Schedule, zone: ZoneInfo, after: int, until: int, calendars: Calendars) -> Iterator[Window]:
    if schedule.ics is None:
        return
    for entry in entries(calendars, schedule.ics.source, after - OVERLONG_MS, until, zone, schedule.ics.match):
        length = schedule.duration_s * 1000 if schedule.duration_s is not None else entry.ends_at - entry.begins_at
        if length > 0:
            yield Window(entry.begins_at, entry.begins_at + length)


def _excepted(schedule: Schedule, zone: ZoneInfo, window: Window, calendars: Calendars) -> bool:
    if schedule.except_days:
        day = wall_clock(window.opens_at, zone).date()
        if any(date.fromisoformat(first) <= day <= date.fromisoformat(last) for first, last in schedule.except_days):
            return True
    at = window.opens_at
    return any(
        entry.begins_at <= at < entry.ends_at
        for ref in schedule.except_calendars
        for entry in entries(calendars, ref.source, at, at + 1, zone, ref.match)
    )
