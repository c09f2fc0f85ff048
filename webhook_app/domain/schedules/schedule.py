"""Schedules: computes the windows of a schedule within a span of time, from cron, recurrences, times and calendars.

Opening moments are wall-clock times in the schedule's zone. One that falls into the hour that the clocks skip opens
as much later as the clocks jump; one in the hour that comes twice opens the first time, once, except for a cron
expression with a wildcard hour or minute, which opens both times. A duration is elapsed time, so a two-hour window is
two hours long on every day of the year.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from heapq import heappop, heappush, merge
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from webhook_app.domain.budget import BudgetExceededError, spend, step_budget
from webhook_app.domain.schedules.calendars.calendar import Calendars, entries
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.faults import ScheduleFault
from webhook_app.domain.schedules.openings import (
    cron_openings,
    instant,
    is_wildcard_cron,
    read_wall_clock,
    recurrence_openings,
    repeated_instant,
    wall_clock,
)

DAY_MS = 86_400_000
CLOCK_CHANGE_MS = DAY_MS // 8
OVERLONG_MS = 35 * DAY_MS
LOOK_AHEAD_MS = 5 * 366 * DAY_MS  # how far ahead a next window is looked for
SCHEDULE_STEPS_MAX = 200_000
RESTART_STEPS = 10
NAME_MAX_CHARS = 100
LATEST_MS = 253_370_764_800_000  # the year 9999: no time later than that can be computed with


@dataclass(frozen=True, slots=True)
class CalendarRef:
    """A calendar by its address or file. `match` is a glob of the summaries of the entries that count."""

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
    """One window of a room, merged from those of several rules: the rules, and the parameters of the start."""

    opens_at: int
    closes_at: int
    rules: tuple[str, ...]
    start: Mapping[str, Any] = field(default_factory=dict)


def take_windows(
    schedule: Schedule,
    after: int,
    until: int,
    calendars: Calendars,
    take: Callable[[Iterator[Window]], Iterable[Window]],
    *,
    steps: int = SCHEDULE_STEPS_MAX,
) -> list[Window]:
    """Return what `take` picks from the windows of [after, until), within a fixed number of steps.

    Everything that looks at a schedule's windows calls this: the fold, the API, the console and the commands.
    ScheduleError says why the windows cannot be computed. Also what an earlier version accepted may have no end, or
    name a zone that is gone.
    """
    with step_budget(steps, "the schedule"):
        try:
            return list(take(windows(schedule, after, until, calendars)))
        except BudgetExceededError as error:
            raise ScheduleError(ScheduleFault.TOO_COSTLY, error=error) from None
        except Exception as error:
            raise _as_schedule_error(schedule, error) from None


def _as_schedule_error(schedule: Schedule, error: Exception) -> ScheduleError:
    """The error as a ScheduleError. Errors of libraries are not quoted."""
    if isinstance(error, ScheduleError):
        return error
    if isinstance(error, ZoneInfoNotFoundError):
        return ScheduleError(ScheduleFault.ZONE_UNKNOWN, zone=schedule.timezone[:NAME_MAX_CHARS])
    written = schedule.rrule or schedule.cron
    if not written:
        return ScheduleError(ScheduleFault.NOT_COMPUTABLE)
    return ScheduleError(ScheduleFault.NOT_COMPUTABLE_TEXT, written=written[:NAME_MAX_CHARS])


def next_windows(schedule: Schedule, after: int, until: int, calendars: Calendars, count: int) -> list[Window]:
    """Return the first windows of [after, until), at most `count`; ScheduleError as `take_windows`."""
    return take_windows(schedule, after, until, calendars, lambda windows: islice(windows, count))


def windows(schedule: Schedule, after: int, until: int, calendars: Calendars) -> Iterator[Window]:
    """Yield the windows that are open at some moment of [after, until), soonest first, exceptions taken out.

    It spends steps and has no limit of its own: use `take_windows`. After a window that an exception of more than a
    day takes out, the search starts again at the exception's end.
    """
    zone = ZoneInfo(schedule.timezone)
    until = min(until, LATEST_MS)
    last: Window | None = None
    begin: int | None = after
    opens_from = 0
    while begin is not None:
        candidates = _candidates(schedule, zone, begin, until, calendars, opens_from)
        begin = None
        for window in candidates:
            spend()
            if window == last or window.opens_at < opens_from or window.closes_at <= after or window.opens_at >= until:
                continue
            last = window
            excepted_until = _excepted_until(schedule, zone, window, calendars)
            if excepted_until is None:
                yield window
            elif excepted_until > window.opens_at + DAY_MS:
                spend(RESTART_STEPS)
                begin = opens_from = excepted_until
                break


def merge_windows(requested: Iterable[tuple[str, Mapping[str, Any], Window]]) -> list[RoomWindow]:
    """Merge the windows of one room, given as (rule, start parameters, window).

    Windows that touch or overlap become one when their start parameters are the same. Otherwise the later opening
    begins a new stream, and the earlier window ends there.
    """
    merged: list[RoomWindow] = []
    for rule, start, window in sorted(requested, key=lambda item: (item[2].opens_at, item[0])):
        last = merged[-1] if merged else None
        if last is None or window.opens_at > last.closes_at:
            merged.append(RoomWindow(window.opens_at, window.closes_at, (rule,), start))
        elif last.start == start:
            rules = last.rules if rule in last.rules else (*last.rules, rule)
            closes_at = max(last.closes_at, window.closes_at)
            merged[-1] = RoomWindow(last.opens_at, closes_at, rules, start)
        else:
            if window.opens_at == last.opens_at:
                merged.pop()
            else:
                merged[-1] = RoomWindow(last.opens_at, window.opens_at, last.rules, last.start)
            merged.append(RoomWindow(window.opens_at, window.closes_at, (rule,), start))
    return merged


def _candidates(
    schedule: Schedule, zone: ZoneInfo, after: int, until: int, calendars: Calendars, opens_from: int
) -> Iterator[Window]:
    """Yield the windows of a span before exceptions; those that open before `opens_from` may be left out."""
    if schedule.always:
        return _always(zone, after, until)
    return merge(
        _by_wall_clock(schedule, zone, after, until, opens_from),
        _by_calendar(schedule, zone, after, until, calendars),
        key=lambda window: (window.opens_at, window.closes_at),
    )


def _always(zone: ZoneInfo, after: int, until: int) -> Iterator[Window]:
    day = wall_clock(max(after - DAY_MS, 0), zone).replace(hour=0, minute=0, second=0, microsecond=0)
    while True:
        following = day + timedelta(days=1)
        window = Window(instant(day, zone), instant(following, zone))
        if window.opens_at >= until:
            return
        yield window
        day = following


def _by_wall_clock(schedule: Schedule, zone: ZoneInfo, after: int, until: int, opens_from: int) -> Iterator[Window]:
    if schedule.duration_s is None:
        return
    length = schedule.duration_s * 1000
    begin = max(after - length, opens_from, 0)
    first = wall_clock(max(begin - _clock_change_ms(zone, begin), 0), zone)
    last = wall_clock(until + CLOCK_CHANGE_MS, zone)
    spend(len(schedule.at) + len(schedule.also))
    single = (wall for wall in _single_times(schedule.at, schedule.also) if first <= wall <= last)
    repeats = schedule.cron is not None and is_wildcard_cron(schedule.cron)
    opened = -1
    for opens_at in merge(
        _instants(_recurring(schedule, zone, first, last), zone, repeats=repeats), _instants(single, zone)
    ):
        if opens_at > opened:
            opened = opens_at
            yield Window(opens_at, opens_at + length)


def _clock_change_ms(zone: ZoneInfo, at: int) -> int:
    """How far wall-clock times near a moment may lie from what the clock shows: nothing, unless clocks change then."""
    near = (at - DAY_MS // 2, at, at + DAY_MS // 2)
    offsets = {datetime.fromtimestamp(moment / 1000, zone).utcoffset() for moment in near}
    return 0 if len(offsets) == 1 else CLOCK_CHANGE_MS


@lru_cache(maxsize=1_024)
def _single_times(at: tuple[str, ...], also: tuple[str, ...]) -> tuple[datetime, ...]:
    return tuple(sorted(read_wall_clock(text) for text in (*at, *also)))


def _instants(walls: Iterable[datetime], zone: ZoneInfo, *, repeats: bool = False) -> Iterator[int]:
    """Yield wall-clock times, soonest first, as moments, soonest first.

    A time that the clocks skip comes after later ones, and so does the second moment of a repeated one, which counts
    only with `repeats`: both wait until nothing sooner can follow.
    """
    waiting: list[int] = []
    for wall in walls:
        at = instant(wall, zone)
        if wall_clock(at, zone) != wall:
            heappush(waiting, at)
            continue
        second = repeated_instant(wall, zone) if repeats else None
        if second is not None:
            heappush(waiting, second)
        while waiting and waiting[0] <= at:
            yield heappop(waiting)
        yield at
    while waiting:
        yield heappop(waiting)


def _recurring(schedule: Schedule, zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[datetime]:
    if schedule.cron is not None:
        return cron_openings(schedule.cron, first, last)
    if schedule.rrule is not None and schedule.dtstart is not None:
        return recurrence_openings(schedule.rrule, schedule.dtstart, zone, first, last)
    return iter(())


def _by_calendar(schedule: Schedule, zone: ZoneInfo, after: int, until: int, calendars: Calendars) -> Iterator[Window]:
    if schedule.ics is None:
        return
    for entry in entries(calendars, schedule.ics.source, after - OVERLONG_MS, until, zone, schedule.ics.match):
        length = schedule.duration_s * 1000 if schedule.duration_s is not None else entry.ends_at - entry.begins_at
        if length > 0:
            yield Window(entry.begins_at, entry.begins_at + length)


def _excepted_until(schedule: Schedule, zone: ZoneInfo, window: Window, calendars: Calendars) -> int | None:
    """Return when the exception ends that a window opens in, or None when it opens in none."""
    at = window.opens_at
    if schedule.except_days:
        spend(len(schedule.except_days) // 100)
        day = wall_clock(at, zone).date()
        for first, last in _day_ranges(schedule.except_days):
            if first <= day <= last:
                if last.year >= 9999:
                    return LATEST_MS
                return instant(datetime(last.year, last.month, last.day) + timedelta(days=1), zone)
    for ref in schedule.except_calendars:
        for entry in entries(calendars, ref.source, at, at + 1, zone, ref.match):
            if entry.begins_at <= at < entry.ends_at:
                return entry.ends_at
    return None


@lru_cache(maxsize=1_024)
def _day_ranges(except_days: tuple[tuple[str, str], ...]) -> tuple[tuple[date, date], ...]:
    """Parse the excepted dates, sorted, with ranges that touch or overlap made one."""
    merged: list[tuple[date, date]] = []
    for first, last in sorted((date.fromisoformat(first), date.fromisoformat(last)) for first, last in except_days):
        if merged and (first - merged[-1][1]).days <= 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)
