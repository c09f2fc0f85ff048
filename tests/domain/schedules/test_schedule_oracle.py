"""Windows against an oracle that walks the calendar day by day and the clocks of the world offset by offset."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from webhook_app.domain.schedules.calendars.calendar import Horizon
from webhook_app.domain.schedules.calendars.reading import read_calendar
from webhook_app.domain.schedules.checks import check_openings
from webhook_app.domain.schedules.schedule import (
    DAY_MS,
    CalendarRef,
    RoomWindow,
    Schedule,
    Window,
    merge_windows,
    next_windows,
    windows,
)

EPOCH = datetime(1970, 1, 1)
BEGIN, END = datetime(2024, 1, 1), datetime(2034, 1, 1)
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
ZONES = [
    "UTC",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Nuuk",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Antarctica/Troll",
]


# The oracle


def ms(utc: Any) -> Any:
    """A naive time in UTC as ms since 1970."""
    return (utc - EPOCH) // timedelta(milliseconds=1)


def local(utc: datetime, zone: str) -> datetime:
    """What the clock on the wall shows at a naive time in UTC."""
    return utc.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def moment(wall: Any, zone: Any) -> Any:
    """When the wall shows it: the first time of two; a skipped time is counted on from before the jump."""
    return moments(wall, zone)[0]


def moments(wall: Any, zone: Any) -> Any:
    """Every moment at which the wall shows it, soonest first; one when it is skipped."""
    near = [wall + timedelta(days=days) for days in (-1, 0, 1)]
    offsets = [local(utc, zone) - utc for utc in near]
    shown = {wall - offset for offset in offsets if local(wall - offset, zone) == wall}
    return [ms(utc) for utc in sorted(shown or {wall - offsets[0]})]


@lru_cache(maxsize=64)
def changes(zone: Any) -> Any:
    """The moments of ten years at which the zone's clocks are changed, as naive times in UTC."""
    days, day = [], BEGIN
    while day < END:
        low, high = day, day + timedelta(days=1)
        if local(low, zone) - low != local(high, zone) - high:
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                same = local(middle, zone) - middle == local(low, zone) - low
                low, high = (middle, high) if same else (low, middle)
            days.append(high.replace(second=0, microsecond=0))
        day += timedelta(days=1)
    return days


def days_of(first: Any, last: Any) -> Iterator[Any]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def every_opening(
    zone: Any, after: Any, until: Any, length: Any, matches: Any, times: Any, *, repeats: bool = False
) -> Any:
    """All openings that a rule of days and times of day gives, tried on every day near the span.

    With `repeats` a time that the wall shows twice opens both times.
    """
    first, last = EPOCH + timedelta(milliseconds=after - length), EPOCH + timedelta(milliseconds=until)
    opens = {
        at
        for day in days_of((first - timedelta(days=2)).date(), (last + timedelta(days=2)).date())
        if matches(day)
        for minute in times
        for at in moments(datetime(day.year, day.month, day.day) + timedelta(minutes=minute), zone)[: 1 + repeats]
    }
    return open_at_some_moment(opens, after, until, length)


def open_at_some_moment(openings: Any, after: Any, until: Any, length: Any) -> Any:
    return [Window(at, at + length) for at in sorted(openings) if at + length > after and at < until]


def windows_of(schedule: Any, after: Any, until: Any, calendars: Any = None) -> Any:
    horizon = Horizon(after - 400 * DAY_MS, until + 400 * DAY_MS)
    read = {source: read_calendar(text.encode(), horizon) for source, text in (calendars or {}).items()}
    return list(windows(schedule, after, until, read))


# Spans and times worth trying


@st.composite
def spans(draw: Any, days: int = 6) -> Any:
    """A zone and a few days in ten years: about a change of its clocks, a leap day, a month's end, or any."""
    zone = draw(st.sampled_from(ZONES))
    anywhere = st.datetimes(BEGIN, END)
    leap_days = st.sampled_from([datetime(year, 2, 29, 12) for year in (2024, 2028, 2032)])
    month_ends = st.builds(lambda year, month: datetime(year, month, 1), st.integers(2024, 2033), st.integers(1, 12))
    near = [anywhere, leap_days, month_ends]
    if changes(zone):
        near = [st.sampled_from(changes(zone))] * 3 + near
    middle = draw(st.one_of(near))
    after = ms(middle) - draw(st.integers(0, days * 24 * 60)) * MINUTE_MS
    return zone, after, after + draw(st.integers(1, 2 * days * 24 * 60)) * MINUTE_MS


# The hour that is skipped or comes twice is at night: most times are drawn from there.
night = st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True).map(sorted)
hours = st.one_of(night, st.lists(st.integers(0, 23), min_size=1, max_size=5, unique=True).map(sorted))
minutes = st.lists(
    st.one_of(st.sampled_from([0, 15, 30, 45, 59]), st.integers(0, 59)), min_size=1, max_size=4, unique=True
).map(sorted)
times_of_day = st.integers(0, 24 * 60 - 1)
lengths = st.sampled_from([MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 25 * HOUR_MS, 3 * DAY_MS])


def field(values: Any) -> Any:
    return "*" if values is None else ",".join(str(value) for value in values)


def maybe(values: Any) -> Any:
    return st.one_of(st.none(), values)


@given(
    span=spans(),
    hours=maybe(hours),
    minutes=minutes,
    dates=maybe(st.lists(st.integers(1, 31), min_size=1, max_size=6, unique=True)),
    months=maybe(st.lists(st.integers(1, 12), min_size=6, max_size=12, unique=True)),
    weekdays=maybe(st.lists(st.integers(0, 6), min_size=1, max_size=4, unique=True)),
    length=lengths,
)
@settings(max_examples=300, deadline=None)
def test_a_cron_opens_at_the_minutes_that_its_fields_match(
    span: Any, hours: Any, minutes: Any, dates: Any, months: Any, weekdays: Any, length: Any
) -> None:
    zone, after, until = span

    def matches(day: Any) -> Any:
        by_date = dates is None or day.day in dates
        by_weekday = weekdays is None or (day.weekday() + 1) % 7 in weekdays
        both = dates is not None and weekdays is not None
        return (months is None or day.month in months) and (by_date or by_weekday if both else by_date and by_weekday)

    cron = f"{field(minutes)} {field(hours)} {field(dates)} {field(months)} {field(weekdays)}"
    times = [hour * 60 + minute for hour in (range(24) if hours is None else hours) for minute in minutes]
    schedule = Schedule(zone, length // 1000, cron=cron)
    expected = every_opening(zone, after, until, length, matches, times, repeats=hours is None)
    assert windows_of(schedule, after, until) == expected


@given(span=spans(), every=st.sampled_from([1, 5, 15, 20, 30]), hours=maybe(hours), length=lengths)
@settings(max_examples=100, deadline=None)
def test_a_cron_with_a_wildcard_minute_runs_through_an_hour_that_comes_twice(
    span: Any, every: Any, hours: Any, length: Any
) -> None:
    zone, after, until = span
    times = [hour * 60 + minute for hour in (range(24) if hours is None else hours) for minute in range(0, 60, every)]
    schedule = Schedule(zone, length // 1000, cron=f"*/{every} {field(hours)} * * *")
    expected = every_opening(zone, after, until, length, lambda day: True, times, repeats=True)
    assert windows_of(schedule, after, until) == expected


def openings_in_utc(cron: Any, zone: Any, first: Any, last: Any) -> Any:
    """The openings of [first, last) as `HH:MM` in UTC."""
    schedule = Schedule(zone, 60, cron=cron)
    windows = windows_of(schedule, ms(first), ms(last))
    return [f"{EPOCH + timedelta(milliseconds=window.opens_at):%H:%M}" for window in windows]


QUARTERS = [f"{hour:02d}:{minute:02d}" for hour in (0, 1) for minute in (0, 15, 30, 45)]


@pytest.mark.parametrize(
    ("cron", "zone", "first", "last", "expected"),
    [
        # The clocks go back on 2027-11-07 at 09:00Z in Los Angeles, on 2027-10-31 at 01:00Z in Berlin.
        ("0 * * * *", "America/Los_Angeles", (11, 7, 7), (11, 7, 11), ["07:00", "08:00", "09:00", "10:00"]),
        ("0 0-23 * * *", "America/Los_Angeles", (11, 7, 7), (11, 7, 11), ["07:00", "08:00", "09:00", "10:00"]),
        ("0 * 7 11 *", "America/Los_Angeles", (11, 7, 7), (11, 7, 11), ["07:00", "08:00", "09:00", "10:00"]),
        ("*/15 * * * *", "Europe/Berlin", (10, 31, 0), (10, 31, 2), QUARTERS),
        ("*/15 2 * * *", "Europe/Berlin", (10, 31, 0), (10, 31, 3), QUARTERS),
        ("30 1 * * *", "America/Los_Angeles", (11, 7, 7), (11, 7, 12), ["08:30"]),
        ("0,30 1 * * *", "America/Los_Angeles", (11, 7, 7), (11, 7, 12), ["08:00", "08:30"]),
        ("0 1-3 * * *", "America/Los_Angeles", (11, 7, 7), (11, 7, 12), ["08:00", "10:00", "11:00"]),
        ("0 */2 * * *", "Australia/Lord_Howe", (4, 3, 11), (4, 3, 18), ["11:00", "13:00", "15:30", "17:30"]),
        # Half an hour comes twice there: 01:30 to 02:00 at 14:30Z and again at 15:00Z.
        (
            "*/15 1 * * *",
            "Australia/Lord_Howe",
            (4, 3, 13),
            (4, 3, 18),
            ["14:00", "14:15", "14:30", "14:45", "15:00", "15:15"],
        ),
        # The clocks go forward on 2027-03-14 at 10:00Z: 02:00 is skipped, and no opening comes twice.
        ("0 * * * *", "America/Los_Angeles", (3, 14, 8), (3, 14, 12), ["08:00", "09:00", "10:00", "11:00"]),
        ("*/30 * * * *", "America/Los_Angeles", (3, 14, 9), (3, 14, 11), ["09:00", "09:30", "10:00", "10:30"]),
        ("30 2 * * *", "America/Los_Angeles", (3, 14, 8), (3, 14, 12), ["10:30"]),
    ],
)
def test_a_cron_when_the_clocks_change(cron: str, zone: str, first: Any, last: Any, expected: Any) -> None:
    """Openings as they follow from the zones' rules, worked out by hand."""
    assert openings_in_utc(cron, zone, datetime(2027, *first), datetime(2027, *last)) == expected


@given(
    zone=st.sampled_from(ZONES),
    time=times_of_day,
    day=st.sampled_from([1, 28, 29, 30, 31]),
    month=st.sampled_from([2, 2, 3, 4, 10, 11]),
    length=lengths,
)
@settings(max_examples=60, deadline=None)
def test_a_yearly_cron_comes_in_every_year_that_has_its_day(
    zone: Any, time: Any, day: Any, month: Any, length: Any
) -> None:
    if (month == 2 and day > 29) or (month in (4, 11) and day > 30):
        return
    schedule = Schedule(zone, length // 1000, cron=f"{time % 60} {time // 60} {day} {month} *")
    expected = every_opening(
        zone, ms(BEGIN), ms(END), length, lambda date: (date.day, date.month) == (day, month), [time]
    )
    assert windows_of(schedule, ms(BEGIN), ms(END)) == expected


@given(span=spans(days=20), time=times_of_day, begun=st.integers(0, 200), every=st.integers(1, 9), length=lengths)
@settings(max_examples=80, deadline=None)
def test_a_recurrence_of_every_so_many_days_is_counted_from_its_beginning(
    span: Any, time: Any, begun: Any, every: Any, length: Any
) -> None:
    zone, after, until = span
    anchor = (EPOCH + timedelta(milliseconds=after)).replace(hour=0, minute=0, second=0, microsecond=0)
    anchor += timedelta(minutes=time) - timedelta(days=begun - 10)
    schedule = Schedule(
        zone, length // 1000, rrule=f"FREQ=DAILY;INTERVAL={every}", dtstart=anchor.isoformat(timespec="minutes")
    )

    def matches(day: Any) -> Any:
        return day >= anchor.date() and (day - anchor.date()).days % every == 0

    assert windows_of(schedule, after, until) == every_opening(zone, after, until, length, matches, [time])


WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


@given(
    zone=st.sampled_from(ZONES),
    time=times_of_day,
    among=st.lists(st.sampled_from(range(7)), min_size=1, max_size=7, unique=True),
    place=st.sampled_from([1, 2, -1, -2]),
    length=lengths,
)
@settings(max_examples=40, deadline=None)
def test_the_nth_of_some_weekdays_in_a_month_is_counted_by_hand(
    zone: Any, time: Any, among: Any, place: Any, length: Any
) -> None:
    after, until = ms(datetime(2026, 1, 1)), ms(datetime(2031, 1, 1))
    anchor = datetime(2025, 1, 1) + timedelta(minutes=time)
    names = ",".join(WEEKDAYS[day] for day in among)
    schedule = Schedule(
        zone, length // 1000, rrule=f"FREQ=MONTHLY;BYDAY={names};BYSETPOS={place}", dtstart=anchor.isoformat()
    )

    @cache
    def of_month(year: Any, month: Any) -> Any:
        following = date(year + month // 12, month % 12 + 1, 1)
        fitting = [
            day for day in days_of(date(year, month, 1), following - timedelta(days=1)) if day.weekday() in among
        ]
        return fitting[place - 1 if place > 0 else place]

    expected = every_opening(zone, after, until, length, lambda day: of_month(day.year, day.month) == day, [time])
    assert windows_of(schedule, after, until) == expected


recurrences = st.builds(
    ";".join,
    st.tuples(
        st.sampled_from(["FREQ=HOURLY", "FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY", "FREQ=YEARLY"]),
        st.sampled_from(["INTERVAL=1", "INTERVAL=2", "INTERVAL=5"]),
        st.sampled_from(["COUNT=1", "COUNT=40", "UNTIL=20300101T000000", "UNTIL=20300101", "WKST=SU"]),
        st.sampled_from(["BYMONTHDAY=-1", "BYMONTHDAY=29,31", "BYDAY=1MO,-1FR", "BYMONTH=2,3,10", "BYHOUR=1,2"]),
    ),
)


@given(zone=st.sampled_from(ZONES), rule=recurrences, anchor=st.datetimes(BEGIN, datetime(2029, 1, 1)), length=lengths)
@settings(max_examples=50, deadline=None)
def test_a_recurrence_opens_at_the_walls_times_that_it_names(zone: Any, rule: Any, anchor: Any, length: Any) -> None:
    if "BYDAY=1MO,-1" in rule and "MONTHLY" not in rule and "YEARLY" not in rule:
        rule = rule.replace("1MO,-1FR", "MO,FR")
    anchor = anchor.replace(second=0, microsecond=0)
    after, until = ms(anchor) - 10 * DAY_MS, ms(anchor) + 400 * DAY_MS
    schedule = Schedule(zone, length // 1000, rrule=rule, dtstart=anchor.isoformat())
    # A date includes its whole day, where dateutil takes it for its midnight.
    oracle = rule.replace("UNTIL=20300101;", "UNTIL=20300101T235959;")
    walls = rrulestr(oracle, dtstart=anchor).between(
        anchor - timedelta(days=20), anchor + timedelta(days=410), inc=True
    )
    expected = open_at_some_moment({moment(wall, zone) for wall in walls}, after, until, length)
    assert windows_of(schedule, after, until) == expected


@given(span=spans(), last=st.integers(0, 12 * 24 * 60), freq=st.sampled_from(["HOURLY", "DAILY"]), tail=st.booleans())
@settings(max_examples=100, deadline=None)
def test_an_until_in_utc_is_a_moment_and_one_without_a_z_is_local(span: Any, last: Any, freq: Any, tail: Any) -> None:
    zone, after, until = span
    anchor = local(EPOCH + timedelta(milliseconds=after), zone).replace(second=0, microsecond=0)
    bound = EPOCH + timedelta(milliseconds=after, minutes=last)
    limit = bound if tail else local(bound, zone)
    rule = f"FREQ={freq};UNTIL={limit:%Y%m%dT%H%M%S}{'Z' if tail else ''}"
    openings, wall = set(), anchor
    while wall <= anchor + timedelta(days=20):
        if (moment(wall, zone) <= ms(bound)) if tail else (wall <= limit.replace(microsecond=0)):
            openings.add(moment(wall, zone))
        wall += timedelta(hours=1) if freq == "HOURLY" else timedelta(days=1)
    if tail and ms(bound) % 1000:
        return
    schedule = Schedule(zone, 60, rrule=rule, dtstart=anchor.isoformat())
    assert windows_of(schedule, after, until) == open_at_some_moment(openings, after, until, MINUTE_MS)


@given(span=spans(), at=st.lists(st.integers(-3 * 1440, 15 * 1440), max_size=12), length=lengths, data=st.data())
@settings(max_examples=100, deadline=None)
def test_single_times_and_exceptions_are_local(span: Any, at: Any, length: Any, data: Any) -> None:
    zone, after, until = span
    begin = local(EPOCH + timedelta(milliseconds=after), zone).replace(second=0, microsecond=0)
    walls = [begin + timedelta(minutes=minute) for minute in at]
    split = data.draw(st.integers(0, len(walls)))
    texts = tuple(wall.isoformat(timespec="minutes") for wall in walls)
    ranges = data.draw(
        st.lists(st.tuples(st.integers(-3, 14), st.integers(0, 2)), max_size=3).map(
            lambda pairs: [(begin.date() + timedelta(first), begin.date() + timedelta(first + n)) for first, n in pairs]
        )
    )
    schedule = Schedule(
        zone,
        length // 1000,
        at=texts[:split],
        also=texts[split:],
        except_days=tuple((first.isoformat(), last.isoformat()) for first, last in ranges),
    )

    def left_out(opening: Any) -> Any:
        day = local(EPOCH + timedelta(milliseconds=opening), zone).date()
        return any(first <= day <= last for first, last in ranges)

    openings = {opening for opening in (moment(wall, zone) for wall in walls) if not left_out(opening)}
    assert windows_of(schedule, after, until) == open_at_some_moment(openings, after, until, length)


@given(span=spans(), without=st.integers(-2, 8))
@settings(max_examples=60, deadline=None)
def test_always_is_every_local_day_end_to_end_but_for_the_exceptions(span: Any, without: Any) -> None:
    zone, after, until = span
    begin = local(EPOCH + timedelta(milliseconds=after), zone)
    first = datetime(begin.year, begin.month, begin.day)
    gone = (first + timedelta(days=without)).date()
    schedule = Schedule(zone, always=True, except_days=((gone.isoformat(), gone.isoformat()),))
    midnights = [first + timedelta(days=day) for day in range(-2, 22)]
    expected = [
        Window(moment(midnight, zone), moment(midnight + timedelta(days=1), zone))
        for midnight in midnights
        if midnight.date() != gone
    ]
    expected = [window for window in expected if window.closes_at > after and window.opens_at < until]
    assert windows_of(schedule, after, until) == expected


# A calendar's entries


def calendar(*events: Any) -> Any:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:e{number}@test" if "UID" not in event else "", "DTSTAMP:20240101T000000Z"]
        lines += [*event.strip().splitlines(), "END:VEVENT"]
    return "\r\n".join(line.strip() for line in [*lines, "END:VCALENDAR"] if line.strip()) + "\r\n"


@given(
    span=spans(days=20),
    time=times_of_day,
    minutes_long=st.integers(1, 3 * 1440),
    every=st.integers(1, 8),
    begun=st.integers(-5, 300),
    dropped=st.lists(st.integers(0, 20), max_size=3, unique=True),
    named=st.sampled_from(["tzid", "floating"]),
)
@settings(max_examples=60, deadline=None)
def test_a_calendars_recurring_entries_open_in_their_own_zone(
    span: Any, time: Any, minutes_long: Any, every: Any, begun: Any, dropped: Any, named: Any
) -> None:
    zone, after, until = span
    if zone == "UTC":
        return
    begin = (EPOCH + timedelta(milliseconds=after)).replace(hour=0, minute=0, second=0, microsecond=0)
    anchor = begin + timedelta(minutes=time) - timedelta(days=begun)
    walls = [anchor + timedelta(days=every * n) for n in range((begun + 90) // every + 1)]
    gone = {walls[n + begun // every] for n in dropped if n + begun // every < len(walls) and begun >= 0}
    tz = f";TZID={zone}" if named == "tzid" else ""
    event = f"DTSTART{tz}:{anchor:%Y%m%dT%H%M%S}\nDURATION:PT{minutes_long}M\nRRULE:FREQ=DAILY;INTERVAL={every}\n"
    event += "".join(f"EXDATE{tz}:{wall:%Y%m%dT%H%M%S}\n" for wall in sorted(gone)) + "SUMMARY:Live: service"
    other = f"DTSTART{tz}:{anchor:%Y%m%dT%H%M%S}\nDURATION:PT1M\nRRULE:FREQ=DAILY\nSUMMARY:Choir practice"
    schedule = Schedule(
        zone if named == "floating" else "UTC", duration_s=60, ics=CalendarRef("a", "live:*"), except_days=()
    )
    expected = open_at_some_moment(
        {moment(wall, zone) for wall in walls if wall not in gone and local_exists(wall, zone)},
        after,
        until,
        MINUTE_MS,
    )
    windows = windows_of(schedule, after, until, {"a": calendar(event, other)})
    # How a calendar's own times fall into a skipped hour is its library's affair; all others are compared.
    skipped = {moment(wall, zone) for wall in walls if not local_exists(wall, zone)}
    assert [window for window in windows if window.opens_at not in skipped] == [
        window for window in expected if window.opens_at not in skipped
    ]


def local_exists(wall: datetime, zone: str) -> bool:
    return local(EPOCH + timedelta(milliseconds=moment(wall, zone)), zone) == wall


def test_an_entry_of_a_calendar_is_as_long_as_it_says() -> None:
    text = calendar(
        "DTSTART;TZID=Europe/London:20261122T100000\nDTEND;TZID=Europe/London:20261122T113000\nSUMMARY:Live",
        "DTSTART;VALUE=DATE:20261124\nSUMMARY:All day",
        "DTSTART:20261126T100000Z\nDTEND:20261126T110000Z\nSTATUS:CANCELLED\nSUMMARY:Not to be",
        "DTSTART:20261127T100000Z\nSUMMARY:No length at all",
    )
    schedule = Schedule("America/New_York", ics=CalendarRef("a"))
    after = ms(datetime(2026, 11, 20))
    assert windows_of(schedule, after, after + 10 * DAY_MS, {"a": text}) == [
        Window(ms(datetime(2026, 11, 22, 10)), ms(datetime(2026, 11, 22, 11, 30))),
        Window(ms(datetime(2026, 11, 24, 5)), ms(datetime(2026, 11, 25, 5))),
    ]


def test_a_moved_entry_of_a_series_opens_where_it_was_moved_to() -> None:
    text = calendar(
        "UID:x\nDTSTART:20261101T100000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3\nSUMMARY:S",
        "UID:x\nRECURRENCE-ID:20261108T100000Z\nDTSTART:20261109T150000Z\nDURATION:PT2H\nSUMMARY:S",
        "UID:x\nRECURRENCE-ID:20261115T100000Z\nDTSTART:20261115T100000Z\nDURATION:PT1H\nSTATUS:CANCELLED\nSUMMARY:S",
    )
    after = ms(datetime(2026, 10, 1))
    assert windows_of(Schedule(ics=CalendarRef("a")), after, after + 90 * DAY_MS, {"a": text}) == [
        Window(ms(datetime(2026, 11, 1, 10)), ms(datetime(2026, 11, 1, 11))),
        Window(ms(datetime(2026, 11, 9, 15)), ms(datetime(2026, 11, 9, 17))),
    ]


def test_a_holidays_calendar_takes_out_the_windows_that_open_in_it_however_long_it_is() -> None:
    text = calendar("DTSTART;VALUE=DATE:20270601\nDTEND;VALUE=DATE:20270901\nSUMMARY:Summer")
    schedule = Schedule("Europe/London", 3600, cron="0 10 * * *", except_calendars=(CalendarRef("h"),))
    after, until = ms(datetime(2027, 5, 30)), ms(datetime(2027, 9, 3))
    days = [
        local(EPOCH + timedelta(milliseconds=w.opens_at), "UTC").date()
        for w in windows_of(schedule, after, until, {"h": text})
    ]
    assert days == [date(2027, 5, 30), date(2027, 5, 31), date(2027, 9, 1), date(2027, 9, 2)]


def test_an_entry_years_ahead_is_found() -> None:
    text = calendar("DTSTART:20240229T100000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29\nSUMMARY:Leap")
    after = ms(datetime(2024, 3, 1))
    windows = windows_of(Schedule(ics=CalendarRef("a")), after, after + 5 * 366 * DAY_MS, {"a": text})
    assert [window.opens_at for window in windows] == [ms(datetime(2028, 2, 29, 10))]


def test_a_calendar_that_was_never_fetched_opens_nothing() -> None:
    assert windows_of(Schedule(ics=CalendarRef("a")), 0, DAY_MS, {}) == []


# Asked at any moment


anything = st.one_of(
    st.builds(
        lambda zone, minute, hour, length: Schedule(zone, length // 1000, cron=f"{minute} {hour} * * *"),
        st.sampled_from(ZONES),
        minutes.map(field),
        hours.map(field),
        lengths,
    ),
    st.builds(lambda zone: Schedule(zone, always=True), st.sampled_from(ZONES)),
    st.builds(
        lambda zone, time, length: Schedule(
            zone,
            length // 1000,
            rrule="FREQ=HOURLY;INTERVAL=5",
            dtstart=(BEGIN + timedelta(minutes=time)).isoformat(),
        ),
        st.sampled_from(ZONES),
        times_of_day,
        lengths,
    ),
)


@given(schedule=anything, span=spans(), cuts=st.lists(st.tuples(st.integers(0, 100), st.integers(1, 100)), min_size=1))
@example(
    Schedule("Europe/London", 3600, cron="0,30 1,2 * * *"),
    ("Europe/London", ms(datetime(2026, 3, 28)), ms(datetime(2026, 3, 30))),
    [(54, 10), (55, 2)],
)
@settings(max_examples=100, deadline=None)
def test_the_windows_are_the_same_at_whatever_moment_they_are_computed(schedule: Any, span: Any, cuts: Any) -> None:
    _, after, until = span
    whole = windows_of(schedule, after, until)
    for begin, long in cuts:
        low = after + (until - after) * begin // 100
        high = min(until, low + (until - after) * long // 100)
        assert windows_of(schedule, low, high) == [w for w in whole if w.closes_at > low and w.opens_at < high]
    assert whole == sorted(set(whole), key=lambda window: window.opens_at)


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule("Asia/Tehran", 3600, cron="0 0 29 2 *"),
        Schedule("Asia/Tehran", 3600, cron="59 23 29 2 1"),
        Schedule("Asia/Tehran", 3600, rrule="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", dtstart="2000-02-29T00:00"),
        Schedule("Asia/Tehran", 3600, rrule="FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29", dtstart="2000-02-29T00:00"),
        Schedule("Asia/Tehran", 3600, at=("2033-12-31T00:00",)),
    ],
)
def test_a_sparse_schedule_is_looked_up_quickly(schedule: Any) -> None:
    begun = perf_counter()
    for year in range(2024, 2033):
        next_windows(schedule, ms(datetime(year, 3, 1)), ms(END), {}, 1)
    assert perf_counter() - begun < 1.0


@pytest.mark.parametrize(
    ("rule", "dtstart", "fragment"),
    [
        ("FREQ=SECONDLY", "2026-01-01T00:00", "HOURLY"),
        ("FREQ=MINUTELY;INTERVAL=5", "2026-01-01T00:00", "HOURLY"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101T000000Z", "2026-01-01T00:00", "not both"),
        ("FREQ=DAILY", "1900-01-01T00:00", "2000"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "2026-01-01T00:00", "never"),
        ("FREQ=DAILY;UNTIL=tomorrow", "2026-01-01T00:00", "not an RFC 5545"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "2026-01-01T00:00", "one line"),
    ],
)
def test_validation_refuses_a_recurrence_that_cannot_be_computed(rule: str, dtstart: str, fragment: str) -> None:
    with pytest.raises(ValueError, match=fragment):
        check_openings(Schedule(duration_s=3600, rrule=rule, dtstart=dtstart))


# Windows of one room together


STARTS = [{}, {"config": {"quality": "high"}}]
asks = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.integers(0, 40), st.integers(1, 15)), max_size=10
)


@given(asks)
@settings(max_examples=300, deadline=None)
def test_windows_are_joined_as_one_who_walks_through_them_minute_by_minute_would(given_asks: Any) -> None:
    asks = [(rule, STARTS[start], Window(begin, begin + long)) for rule, start, begin, long in given_asks]
    expected, now = [], None
    for minute in range(60):
        for rule, start, window in sorted(asks, key=lambda question: question[0]):
            if window.opens_at != minute:
                continue
            if now is not None and now.start == start:
                rules = now.rules if rule in now.rules else (*now.rules, rule)
                now = replace(now, closes_at=max(now.closes_at, window.closes_at), rules=rules)
                continue
            if now is not None and now.opens_at < minute:
                expected.append(replace(now, closes_at=minute))
            now = RoomWindow(minute, window.closes_at, (rule,), start)
        if now is not None and now.closes_at == minute:
            expected.append(now)
            now = None
    assert merge_windows(asks) == expected


def test_windows_that_touch_are_one_when_they_ask_for_the_same_stream() -> None:
    both: list[Any] = [("a", {}, Window(10, 20)), ("b", {}, Window(20, 30))]
    assert merge_windows(both) == [RoomWindow(10, 30, ("a", "b"))]


def test_a_later_opening_for_another_stream_ends_the_earlier_window() -> None:
    other: dict[str, Any] = {"config": {}}
    both: list[Any] = [("a", {}, Window(10, 30)), ("b", other, Window(20, 25))]
    assert merge_windows(both) == [RoomWindow(10, 20, ("a",)), RoomWindow(20, 25, ("b",), other)]


def test_the_skipped_hour_opens_as_much_later_as_the_clocks_jump() -> None:
    schedule = Schedule("Europe/London", 600, cron="30 1 29 3 *")
    windows = windows_of(schedule, ms(datetime(2026, 3, 1)), ms(datetime(2026, 4, 1)))
    assert [window.opens_at for window in windows] == [ms(datetime(2026, 3, 29, 1, 30))]


def test_a_skipped_time_does_not_hide_the_one_that_it_is_put_after() -> None:
    schedule = Schedule("Europe/London", 600, at=("2026-03-29T01:30", "2026-03-29T02:00"))
    windows = windows_of(schedule, ms(datetime(2026, 3, 1)), ms(datetime(2026, 4, 1)))
    assert [window.opens_at for window in windows] == [ms(datetime(2026, 3, 29, 1)), ms(datetime(2026, 3, 29, 1, 30))]


def test_the_hour_that_comes_twice_opens_the_first_time_once() -> None:
    schedule = Schedule("Europe/London", 600, cron="30 1 25 10 *")
    windows = windows_of(schedule, ms(datetime(2026, 10, 1)), ms(datetime(2026, 11, 1)))
    assert [window.opens_at for window in windows] == [ms(datetime(2026, 10, 25, 0, 30))]
