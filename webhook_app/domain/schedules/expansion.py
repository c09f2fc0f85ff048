"""Expansion of a recurrence (RFC 5545, section 3.3.10) within a span of wall-clock time.

The expansion spends a step for every period, every day and every time that it
looks at, so that a caller's step budget bounds it, also where it finds nothing. It works period by period:

1. Without COUNT it begins at the last period of the INTERVAL that starts before the span; with COUNT it has to begin
   at `dtstart`, as every occurrence before the span counts.
2. A yearly to daily period yields the days that all of its BYMONTH, BYWEEKNO, BYYEARDAY, BYMONTHDAY and BYDAY allow,
   each with all of its times of day. An hourly to secondly period yields times of its one day; when that day, hour
   or minute is not allowed, the expansion goes on with the first period after it.
3. BYSETPOS picks from what the period yields.
4. What is before `dtstart` is left out, COUNT and UNTIL end the recurrence.
"""

from calendar import isleap
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from dateutil.easter import easter

from webhook_app.domain.budget import spend
from webhook_app.domain.schedules.recurrence import Frequency, Recurrence

DAYS_IN_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
ORDINAL_MAX = date.max.toordinal()
EASTER_YEARS = (1583, 4099)
DAY = timedelta(days=1)
PERIODS_PER_DAY = {Frequency.HOURLY: 24, Frequency.MINUTELY: 1_440, Frequency.SECONDLY: 86_400}


def expand(recurrence: Recurrence, dtstart: datetime, first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the occurrences of [first, last], soonest first.

    An UNTIL in UTC cuts off a day later than it says, since no zone is further from UTC: the caller, who knows the
    zone, leaves out every occurrence for which `ends_before` is true. `dtstart` itself is an occurrence only when
    it matches.
    """
    rule = _with_defaults(recurrence, dtstart.replace(microsecond=0))
    dtstart = dtstart.replace(microsecond=0)
    begin = dtstart if rule.count is not None else max(first, dtstart)
    for number, wall in enumerate(_occurrences(rule, dtstart, begin, min(last, _last_wall(rule))), 1):
        if wall >= first:
            yield wall
        if number == rule.count:
            return


def _with_defaults(rule: Recurrence, dtstart: datetime) -> Recurrence:
    """Take from `dtstart` what the recurrence leaves open."""
    if rule.frequency > Frequency.MONTHLY and rule.by_day:
        # Ordinals mean something within a year or a month only.
        rule = replace(rule, by_day=frozenset((0, weekday) for _, weekday in rule.by_day))
    if not (rule.by_week_no or rule.by_year_day or rule.by_month_day or rule.by_day or rule.by_easter):
        match rule.frequency:
            case Frequency.YEARLY:
                months = rule.by_month or frozenset({dtstart.month})
                rule = replace(rule, by_month=months, by_month_day=frozenset({dtstart.day}))
            case Frequency.MONTHLY:
                rule = replace(rule, by_month_day=frozenset({dtstart.day}))
            case Frequency.WEEKLY:
                rule = replace(rule, by_day=frozenset({(0, dtstart.weekday())}))
    if not rule.by_hour and rule.frequency < Frequency.HOURLY:
        rule = replace(rule, by_hour=frozenset({dtstart.hour}))
    if not rule.by_minute and rule.frequency < Frequency.MINUTELY:
        rule = replace(rule, by_minute=frozenset({dtstart.minute}))
    if not rule.by_second and rule.frequency < Frequency.SECONDLY:
        rule = replace(rule, by_second=frozenset({dtstart.second}))
    return rule


def _last_wall(rule: Recurrence) -> datetime:
    until = rule.until
    if until is None:
        return datetime.max
    if not isinstance(until, datetime):
        return datetime.combine(until, time.max)
    if until.tzinfo is None:
        return until
    naive = until.astimezone(UTC).replace(tzinfo=None)
    return naive + DAY if naive < datetime.max - DAY else datetime.max


def _occurrences(rule: Recurrence, dtstart: datetime, begin: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the occurrences of [begin, last] without regard to COUNT."""
    index = _period_of(rule, dtstart)
    index += max(0, _period_of(rule, begin) - index) // rule.interval * rule.interval
    final = _period_of(rule, last)
    hours, minutes, seconds = sorted(rule.by_hour), sorted(rule.by_minute), sorted(rule.by_second)
    while index <= final:
        spend()
        if rule.frequency < Frequency.HOURLY:
            walls = _of_days(rule, _days_of(rule, index), (hours, minutes, seconds), begin)
        else:
            day, hour, minute, second = _clock_of(rule.frequency, index)
            resume = _first_allowed_period(rule, index, day, hour, minute)
            if resume > index:
                index += -(-(resume - index) // rule.interval) * rule.interval
                continue
            times = ([hour], minutes, seconds)
            if rule.frequency >= Frequency.MINUTELY:
                times = ([hour], [minute], seconds)
            if rule.frequency is Frequency.SECONDLY:
                times = ([hour], [minute], [second] if not seconds or second in rule.by_second else [])
            walls = _of_days(rule, [day], times, begin)
        for wall in walls:
            if wall > last:
                return
            if wall >= begin:
                yield wall
        index += rule.interval


def _period_of(rule: Recurrence, wall: datetime) -> int:
    """Number the period that a moment is in; periods that follow each other have consecutive numbers."""
    ordinal = wall.toordinal()
    match rule.frequency:
        case Frequency.YEARLY:
            return wall.year
        case Frequency.MONTHLY:
            return wall.year * 12 + wall.month - 1
        case Frequency.WEEKLY:
            return (ordinal - 1 - rule.week_start) // 7
        case Frequency.DAILY:
            return ordinal
        case Frequency.HOURLY:
            return ordinal * 24 + wall.hour
        case Frequency.MINUTELY:
            return ordinal * 1_440 + wall.hour * 60 + wall.minute
        case Frequency.SECONDLY:
            return ordinal * 86_400 + wall.hour * 3_600 + wall.minute * 60 + wall.second


def _clock_of(frequency: Frequency, index: int) -> tuple[date, int, int, int]:
    """Return the day, hour, minute and second at which an hourly to secondly period begins."""
    per_day = PERIODS_PER_DAY[frequency]
    ordinal, within = divmod(index, per_day)
    second_of_day = within * (86_400 // per_day)
    return date.fromordinal(ordinal), second_of_day // 3_600, second_of_day // 60 % 60, second_of_day % 60


def _first_allowed_period(rule: Recurrence, index: int, day: date, hour: int, minute: int) -> int:
    """Return the first period from `index` on that is not in a day, hour or minute that the rule rules out."""
    per_day = PERIODS_PER_DAY[rule.frequency]
    if not _allows(rule, day):
        return (index // per_day + 1) * per_day
    if rule.by_hour and hour not in rule.by_hour:
        return (index // (per_day // 24) + 1) * (per_day // 24)
    if rule.frequency > Frequency.HOURLY and rule.by_minute and minute not in rule.by_minute:
        return (index // (per_day // 1_440) + 1) * (per_day // 1_440)
    return index


def _days_of(rule: Recurrence, index: int) -> list[date]:
    """Return the days that a yearly to daily period allows."""
    match rule.frequency:
        case Frequency.YEARLY:
            months: Iterable[int] = sorted(rule.by_month) or range(1, 13)
            days = [day for month in months for day in _days_of_month(rule, index, month)]
        case Frequency.MONTHLY:
            days = list(_days_of_month(rule, index // 12, index % 12 + 1))
        case Frequency.WEEKLY:
            begin = index * 7 + 1 + rule.week_start
            days = [date.fromordinal(at) for at in range(max(begin, 1), min(begin + 7, ORDINAL_MAX + 1))]
        case _:
            return [day for day in (date.fromordinal(index),) if _allows(rule, day)]
    spend(len(days))
    return [day for day in days if _allows(rule, day)]


def _days_of_month(rule: Recurrence, year: int, month: int) -> Iterator[date]:
    """Yield the month's days, or those of BYMONTHDAY alone where it is given."""
    length = _month_length(year, month)
    if rule.by_month_day:
        numbers = {number if number > 0 else length + number + 1 for number in rule.by_month_day}
        yield from (date(year, month, number) for number in sorted(numbers) if 1 <= number <= length)
    else:
        yield from (date(year, month, number) for number in range(1, length + 1))


def _allows(rule: Recurrence, day: date) -> bool:
    """Tell whether all BY parts that limit days allow this one."""
    if rule.by_month and day.month not in rule.by_month:
        return False
    month_length = _month_length(day.year, day.month)
    if rule.by_month_day and rule.by_month_day.isdisjoint((day.day, day.day - month_length - 1)):
        return False
    day_of_year, year_length = day.timetuple().tm_yday, 366 if isleap(day.year) else 365
    if rule.by_year_day and rule.by_year_day.isdisjoint((day_of_year, day_of_year - year_length - 1)):
        return False
    if rule.by_week_no and rule.by_week_no.isdisjoint(_week_numbers(day, rule.week_start)):
        return False
    if rule.by_easter and _days_after_easter(day) not in rule.by_easter:
        return False
    if not rule.by_day:
        return True
    at, length = day_of_year, year_length
    if rule.frequency is Frequency.MONTHLY or rule.by_month:
        at, length = day.day, month_length
    ordinals = (0, (at - 1) // 7 + 1, -((length - at) // 7 + 1))
    return any((ordinal, day.weekday()) in rule.by_day for ordinal in ordinals)


def _week_numbers(day: date, week_start: int) -> tuple[int, int]:
    """Return the number of the day's week counted from either end of the year that has most of its days."""
    begin = day.toordinal() - (day.weekday() - week_start) % 7
    middle = date.fromordinal(max(1, min(begin + 3, ORDINAL_MAX)))
    day_of_year, year_length = middle.timetuple().tm_yday, 366 if isleap(middle.year) else 365
    return (day_of_year - 1) // 7 + 1, -((year_length - day_of_year) // 7 + 1)


def _days_after_easter(day: date) -> int | None:
    if not EASTER_YEARS[0] <= day.year <= EASTER_YEARS[1]:
        return None
    return (day - easter(day.year)).days


def _month_length(year: int, month: int) -> int:
    return 29 if month == 2 and isleap(year) else DAYS_IN_MONTH[month - 1]


def _of_days(
    rule: Recurrence, days: list[date], times: tuple[list[int], list[int], list[int]], begin: datetime
) -> Iterator[datetime]:
    """Yield the times of a period's days, or those that BYSETPOS picks."""
    hours, minutes, seconds = times
    if rule.by_set_pos:
        per_day = len(hours) * len(minutes) * len(seconds)
        total = len(days) * per_day
        places = {place - 1 if place > 0 else total + place for place in rule.by_set_pos}
        spend(len(places))
        for place in sorted(place for place in places if 0 <= place < total):
            day_at, time_at = divmod(place, per_day)
            minute_at, second_at = divmod(time_at, len(seconds))
            hour_at, minute_at = divmod(minute_at, len(minutes))
            yield datetime.combine(days[day_at], time(hours[hour_at], minutes[minute_at], seconds[second_at]))
        return
    for day in days:
        if day < begin.date():
            continue
        for hour in hours:
            if day == begin.date() and hour < begin.hour:
                continue
            for minute in minutes:
                for second in seconds:
                    spend()
                    yield datetime.combine(day, time(hour, minute, second))
