"""Checks of a schedule before it is accepted: years of windows are computed within a fixed number of steps.

What passes here can be computed whenever the fold asks for it: it is tried with a quarter of the steps that a look-up
may take there.
"""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from webhook_app.domain.schedules.cron_dialects import check_cron, cron_warning
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.faults import ScheduleFault
from webhook_app.domain.schedules.openings import instant, read_recurrence
from webhook_app.domain.schedules.schedule import DAY_MS, SCHEDULE_STEPS_MAX, Schedule, Window, take_windows

__all__ = ["check_cron", "check_openings", "cron_warning"]

YEAR_MS = 366 * DAY_MS
COUNTED_OUT_MS = 5 * YEAR_MS
COUNTED_OUT_YEARS = 10
EVER_MS = 50 * YEAR_MS
WINDOWS_COUNTED = 1_000
# A look-up at another moment, or of many windows, may cost more than those tried here.
VALIDATION_STEPS_MAX = SCHEDULE_STEPS_MAX // 4
# Where the counting begins for a cron expression, which has no beginning of its own.
CRON_SINCE_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)


def check_openings(schedule: Schedule) -> None:
    """Raise ScheduleError when a cron expression or recurrence never comes due, or costs too much to compute.

    1. Without its exceptions it opens at least once within fifty years of its beginning.
    2. Its windows of the first five years, or the first thousand of them, can be computed.
    3. Each of ten years' beginnings finds the next windows, as the fold would look for them then.
    """
    begin = _begin(schedule)
    if begin is None:
        return
    plain = replace(schedule, except_days=(), except_calendars=(), ics=None, also=())
    if not _opens_ever(plain, begin):
        is_cron = schedule.cron is not None
        raise ScheduleError(ScheduleFault.CRON_NEVER_DUE if is_cron else ScheduleFault.RECURRENCE_NEVER_DUE)
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
            raise ScheduleError(ScheduleFault.COUNT_TOO_HIGH) from None
        raise error from None
    if soon:
        return True
    try:
        return bool(_try(schedule, begin, begin + EVER_MS, 1))
    except ScheduleError:
        return False  # nothing in five years, and too many steps to search fifty


def _try(schedule: Schedule, after: int, until: int, count: int) -> list[Window]:
    return take_windows(schedule, after, until, {}, lambda windows: islice(windows, count), steps=VALIDATION_STEPS_MAX)


def _begin(schedule: Schedule) -> int | None:
    if schedule.cron is not None:
        return CRON_SINCE_MS
    if schedule.rrule is None or schedule.dtstart is None:
        return None
    _, anchor = read_recurrence(schedule.rrule, schedule.dtstart)
    return instant(anchor, ZoneInfo(schedule.timezone)) if anchor.year < 9999 else None
