"""Openings of cron expressions and recurrences, as wall-clock times of a span. Every search spends steps."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from webhook_app.domain.budget import counted_cache, spend
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.expansion import expand
from webhook_app.domain.schedules.faults import ScheduleFault
from webhook_app.domain.schedules.recurrence import Frequency, Recurrence, parse_recurrence

DTSTART_YEAR_MIN = 2000
COUNTED_YEARS_MAX = 60
COUNT_STEPS_MAX = 200_000
# cronsim gives up when nothing matches for this many years.
CRON_SEARCH_DAYS = 50 * 366


def read_wall_clock(text: str) -> datetime:
    """Parse `2026-12-25T10:00` as a wall-clock time; ValueError says what would be right."""
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a local time; write 2026-12-25T10:00") from None
    if wall.tzinfo is not None:
        raise ValueError(f"{text!r} has an offset; write local time in the schedule's `timezone`")
    if "T" not in text and " " not in text:
        raise ValueError(f"{text!r} has no time of day; write {text}T10:00")
    return wall


def instant(wall: datetime, zone: ZoneInfo) -> int:
    """Convert a wall-clock time to ms since 1970: the first of two, or as much later as the clocks jump."""
    return int(wall.replace(tzinfo=zone, fold=0).astimezone(UTC).timestamp() * 1000)


def wall_clock(at: int, zone: ZoneInfo) -> datetime:
    """Convert ms since 1970 to the wall-clock time in a zone."""
    return datetime.fromtimestamp(at / 1000, zone).replace(tzinfo=None)


def repeated_instant(wall: datetime, zone: ZoneInfo) -> int | None:
    """Return the second moment at which the clock shows this time, or None when it shows it once at most."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return int(second.timestamp() * 1000) if second > first else None


def is_wildcard_cron(expression: str) -> bool:
    """Tell whether a cron expression follows elapsed time: minute or hour begins with `*`, or the hours are all 24.

    As in Debian's cron, such a job runs through an hour that the clocks repeat, and one at fixed times runs once.
    """
    fields = expression.split()
    if len(fields) < 5:
        return False
    minute, hour = fields[-5], fields[-4]  # an earlier version accepted seconds before them
    return minute.startswith("*") or hour.startswith("*") or hour in ("0-23", "0-23/1")


def cron_openings(expression: str, first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the moments of [first, last] that a cron expression matches; ScheduleError when it cannot be read.

    A search that skips days is charged a step for each of them.
    """
    previous = first - timedelta(seconds=1)
    try:
        matches = CronSim(expression, previous)
    except CronSimError as error:
        raise ScheduleError(ScheduleFault.NOT_A_CRON, error=error) from None
    while True:
        try:
            wall = next(matches)
        except StopIteration:
            spend(CRON_SEARCH_DAYS)
            return
        spend(1 + (wall - previous).days)
        if wall > last:
            return
        yield wall
        previous = wall


def recurrence_openings(text: str, dtstart: str, zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the occurrences of [first, last]; ValueError says what is wrong with the recurrence."""
    recurrence, anchor = read_recurrence(text, dtstart)
    if recurrence.count is not None:
        last = min(last, _counted_end(recurrence, anchor) or last)
        recurrence = replace(recurrence, count=None)
    for wall in expand(recurrence, anchor, first, last):
        # A time that the clocks skip opens after later ones, so one that is past UNTIL does not end the search.
        at = instant(wall, zone) if recurrence.until_instant is not None else 0
        if recurrence.until_instant is None or not recurrence.ends_before(datetime.fromtimestamp(at / 1000, UTC)):
            yield wall


@lru_cache(maxsize=4_096)
def read_recurrence(text: str, dtstart: str) -> tuple[Recurrence, datetime]:
    """Parse a schedule's `rrule` and `dtstart`; ValueError says what would be right."""
    anchor = read_wall_clock(dtstart)
    if "\n" in text or "DTSTART" in text.upper():
        raise ValueError("an rrule is one line without DTSTART; `dtstart` stands beside it")
    try:
        recurrence = parse_recurrence(text)
    except ValueError as error:
        raise ValueError(f"not an RFC 5545 recurrence: {error}") from None
    if recurrence.frequency >= Frequency.MINUTELY:
        raise ValueError("windows open once an hour at most; write FREQ=HOURLY or slower, or a cron expression")
    if anchor.year < DTSTART_YEAR_MIN:
        raise ValueError(f"`dtstart` is in {DTSTART_YEAR_MIN} or later")
    return recurrence, anchor


@counted_cache(limit=COUNT_STEPS_MAX, what="counting out COUNT of this recurrence", maxsize=4_096)
def _counted_end(recurrence: Recurrence, anchor: datetime) -> datetime | None:
    """Return the last occurrence that COUNT allows, or None when that is beyond the span of any look-up."""
    horizon = anchor.replace(year=min(anchor.year + COUNTED_YEARS_MAX, 9999), month=1, day=1)
    end: datetime | None = None
    number = 0
    for number, wall in enumerate(expand(recurrence, anchor, anchor, horizon), 1):  # noqa: B007
        end = wall
    if recurrence.count is not None and number < recurrence.count:
        return None
    return end
