"""Checks of a schedule before it is accepted: windows of years are counted out in a fixed number of steps.

What passes here can be computed whenever the fold asks for it: it is tried with a quarter of the steps that a look-up
may take there.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from webhook_app.domain.schedule import DAY_MS, SCHEDULE_STEPS_MAX, Schedule, Window, take_windows
from webhook_app.domain.schedules.openings import ScheduleError, instant, read_recurrence

YEAR_MS = 366 * DAY_MS
COUNTED_OUT_MS = 5 * YEAR_MS
COUNTED_OUT_YEARS = 10
EVER_MS = 50 * YEAR_MS
WINDOWS_COUNTED = 1_000
# A look-up at another moment, or of many windows, may cost more than those tried here.
DOOR_STEPS_MAX = SCHEDULE_STEPS_MAX // 4
# Where the counting begins for a cron expression, which has no beginning of its own.
CRON_SINCE_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
CRON_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
CRON_EXAMPLE = "0 9 * * SUN"
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * SUN",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_DAY_RANGE = re.compile(r"([A-Z]{3}|[0-7])-([A-Z]{3}|[0-7])")


def check_openings(schedule: Schedule) -> None:
    """Raise ScheduleError when a cron expression or recurrence never comes due, or costs too much to compute.

    1. Without its exceptions it opens at least once within fifty years of its beginning.
    2. Its windows of the first five years, or the first thousand of them, can be counted out.
    3. Each of ten years' beginnings finds the next windows, as the fold would look for them then.
    """
    begin = _begin(schedule)
    if begin is None:
        return
    plain = replace(schedule, except_days=(), except_calendars=(), ics=None, also=())
    if not _opens_ever(plain, begin):
        raise ScheduleError(
            "this cron expression never comes due" if schedule.cron is not None else "this recurrence never comes due"
        )
    dated = replace(schedule, except_calendars=(), ics=None)
    _try(dated, begin, begin + COUNTED_OUT_MS, WINDOWS_COUNTED)
    for year in range(COUNTED_OUT_YEARS):
        after = begin + year * YEAR_MS
        _try(dated, after, after + COUNTED_OUT_MS, 4)


def _opens_ever(schedule: Schedule, begin: int) -> bool:
    try:
        soon = _try(schedule, begin, begin + COUNTED_OUT_MS, 1)
    except ScheduleError as error:
        if schedule.rrule is not None and "COUNT=" in schedule.rrule.upper():
            raise ScheduleError("COUNT is too high to be counted out; leave it out, or write UNTIL") from None
        raise error from None
    if soon:
        return True
    try:
        return bool(_try(schedule, begin, begin + EVER_MS, 1))
    except ScheduleError:
        return False  # nothing in five years, and too much to look at in fifty


def _try(schedule: Schedule, after: int, until: int, count: int) -> list[Window]:
    return take_windows(schedule, after, until, {}, lambda windows: islice(windows, count), steps=DOOR_STEPS_MAX)


def _begin(schedule: Schedule) -> int | None:
    if schedule.cron is not None:
        return CRON_SINCE_MS
    if schedule.rrule is None or schedule.dtstart is None:
        return None
    _, anchor = read_recurrence(schedule.rrule, schedule.dtstart)
    return instant(anchor, ZoneInfo(schedule.timezone)) if anchor.year < 9999 else None


def check_cron(expression: str) -> None:
    """Raise ValueError when this is not a cron expression of five fields; it says what to write instead."""
    hint = _cron_hint(expression)
    if hint is not None:
        raise ValueError(f"not a cron expression: {hint}")
    try:
        CronSim(expression, datetime(2026, 1, 1))
    except CronSimError as error:
        name = str(error).removeprefix("Bad ").replace("day-of-", "day of ")
        what = f"bad {name}" if str(error).startswith("Bad ") else str(error)
        raise ValueError(f"not a cron expression: {what}; write five fields such as {CRON_EXAMPLE}") from None


def _cron_hint(expression: str) -> str | None:
    """Say what to write instead of a form of another cron dialect, or None."""
    text = expression.strip()
    fields = text.split()
    if not fields:
        return f"it is empty; write five fields such as {CRON_EXAMPLE}"
    if fields[0].startswith("@"):
        known = NICKNAMES.get(fields[0].lower())
        return f"{fields[0][:20]} is not supported; write five fields such as {known or CRON_EXAMPLE}"
    if fields[0].upper().startswith(("CRON_TZ=", "TZ=")):
        zone = fields[0].partition("=")[2][:60]
        return f"it names a time zone; write `timezone: {zone}` beside it and `cron: {' '.join(fields[1:6])[:80]}`"
    comment = next((at for at, field in enumerate(fields) if field.startswith("#")), None)
    if comment is not None:
        return f"it has a comment; leave out everything from # on: {' '.join(fields[:comment])[:80]}"
    if len(fields) == 6:
        return (
            f"it has six fields, and seconds are not supported; write five ({', '.join(CRON_FIELDS)}), "
            f"such as {' '.join(fields[1:])[:80]}"
        )
    if len(fields) != 5:
        return f"it has {len(fields)} fields; write five ({', '.join(CRON_FIELDS)}), such as {CRON_EXAMPLE}"
    if "?" in text:
        return f"? is not supported; write * in its place: {text.replace('?', '*')[:80]}"
    return _backward_range(fields[4])


def _backward_range(field: str) -> str | None:
    """Say how to write a range of weekdays that runs over the week's end."""
    for first, last in _DAY_RANGE.findall(field.upper()):
        if {first, last} <= {*DAY_NAMES, *"01234567"} and (days := list(_weekdays(first, last))):
            return f"{first}-{last} ends before it begins, as the week begins on SUN; write {','.join(days)}"
    return None


def _weekdays(first: str, last: str) -> Iterator[str]:
    begin, end = (DAY_NAMES.index(day) if day in DAY_NAMES else int(day) for day in (first, last))
    if begin > end:
        yield from (DAY_NAMES[at % 7] for at in islice(range(begin, begin + 7), (end - begin) % 7 + 1))


def cron_warning(expression: str) -> str | None:
    """Warn when both day fields are restricted: most people expect both to have to match."""
    fields = expression.split()
    if len(fields) != 5 or fields[2].startswith("*") or fields[4].startswith("*"):
        return None
    return (
        f"`{expression}` opens on every day that matches the day of month or the day of week, as cron does; for "
        "the first Sunday of the month write SUN#1 as the day of week and * as the day of month"
    )
