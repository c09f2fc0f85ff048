"""Recurrences: parsing, expansion against dateutil as an oracle, and bounded work for every text."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from dateutil.rrule import rrulestr
from hypothesis import HealthCheck, assume, example, given, reject, settings
from hypothesis import strategies as st

from webhook_app.domain.budget import BudgetExceededError, step_budget
from webhook_app.domain.schedules.expansion import expand
from webhook_app.domain.schedules.recurrence import WEEKDAYS, Frequency, parse_recurrence

SPAN_DAYS = {"YEARLY": 4000, "MONTHLY": 1500, "WEEKLY": 500, "DAILY": 400, "HOURLY": 40, "MINUTELY": 2, "SECONDLY": 1}
UNBOUNDED = datetime.max


def numbers(lowest: Any, highest: Any, size: int = 3) -> Any:
    """Comma-separated numbers of a range, without zero where it counts from both ends."""
    values = st.integers(lowest, highest).filter(lambda number: number != 0 or lowest == 0)
    return st.lists(values, min_size=1, max_size=size, unique=True).map(lambda items: ",".join(map(str, items)))


@st.composite
def weekdays(draw: Any, frequency: Any) -> Any:
    """A BYDAY value: weekdays, or weekdays with ordinals where they mean something."""
    days = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=3, unique=True))
    if frequency in ("YEARLY", "MONTHLY") and draw(st.booleans()):
        limit = 53 if frequency == "YEARLY" else 5
        ordinals = st.integers(-limit, limit).filter(bool)
        days = [f"{draw(ordinals):+d}{day}" for day in days]
    return ",".join(days)


@st.composite
def rules(draw: Any) -> Any:
    """Texts of valid recurrences with few openings in their span."""
    frequency = draw(st.sampled_from([member.name for member in Frequency]))
    parts = {"FREQ": frequency, "INTERVAL": str(draw(st.integers(1, 12)))}
    optional = {
        "BYMONTH": numbers(1, 12),
        "BYMONTHDAY": numbers(-31, 31),
        "BYDAY": weekdays(frequency),
        "BYHOUR": numbers(0, 23),
        "BYMINUTE": numbers(0, 59),
        "BYSECOND": numbers(0, 59, 2),
        "BYSETPOS": numbers(-8, 8),
        "WKST": st.sampled_from(WEEKDAYS),
    }
    if frequency == "YEARLY":
        optional |= {"BYYEARDAY": numbers(-366, 366), "BYWEEKNO": numbers(1, 52)}
    for name in draw(st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True)):
        parts[name] = draw(optional[name])
    if draw(st.booleans()):
        parts["COUNT"] = str(draw(st.integers(1, 60)))
    # dateutil takes the first week from DTSTART on only, and BYSETPOS then picks other days than of a whole week.
    assume(not (frequency == "WEEKLY" and "BYSETPOS" in parts))
    return ";".join(f"{name}={value}" for name, value in parts.items())


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    text=rules(),
    dtstart=st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)).map(lambda wall: wall.replace(microsecond=0)),
    later=st.integers(0, 2000),
)
@example("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", datetime(2024, 2, 29, 10), 0)
@example("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", datetime(2024, 2, 29, 10), 30)
@example("FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,SU", datetime(1997, 8, 5, 9), 3)
@example("FREQ=DAILY;COUNT=10;INTERVAL=3", datetime(2024, 2, 29, 10), 9)
def test_an_expansion_equals_dateutils(text: Any, dtstart: Any, later: Any) -> None:
    """The occurrences of a span are those that dateutil finds, wherever the span begins."""
    frequency = text.split(";")[0].removeprefix("FREQ=")
    first = dtstart + timedelta(days=later % SPAN_DAYS[frequency])
    last = first + timedelta(days=SPAN_DAYS[frequency])
    walls = list(islice(expand(parse_recurrence(text), dtstart, first, last), 300))
    # dateutil searches until the year 9999 for what never comes: slow, but bearable in steps of a year or a month.
    assume(walls or frequency in ("YEARLY", "MONTHLY"))
    try:
        oracle = bounded(rrulestr(text, dtstart=dtstart), last)
        expected = list(islice((wall for wall in oracle if first <= wall <= last), 300))
    except ValueError as error:
        assert "empty set" in str(error)
        expected = []
    except IndexError:
        reject()  # dateutil looks beyond the end of its table for a weekday such as 53MO: there is no oracle
    assert walls == expected


def bounded(oracle: Any, last: Any) -> Any:
    """The oracle's occurrences up to a moment: an UNTIL keeps it from searching for ever."""
    if oracle._count is None:
        return oracle.replace(until=last)
    limited = oracle.replace(count=None, until=last)
    return islice(limited, oracle._count)


HOSTILE = [
    "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
    "FREQ=YEARLY;BYSETPOS=366",
    "FREQ=SECONDLY;INTERVAL=60;BYSECOND=1",
    "FREQ=HOURLY;INTERVAL=2;BYHOUR=1",
    "FREQ=SECONDLY;COUNT=999999999",
    "FREQ=DAILY;COUNT=999999999;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;INTERVAL=999999999",
    "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=" + ",".join(map(str, range(60))),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_an_expansion_ends_or_exceeds_its_budget(text: Any) -> None:
    """No text makes the expansion run on without spending steps."""
    steps = 0
    try:
        with step_budget(20_000, "the recurrence") as budget:
            for _ in expand(parse_recurrence(text), datetime(2026, 12, 1), datetime(2027, 1, 1), datetime(9999, 1, 1)):
                steps += 1
    except BudgetExceededError:
        pass
    assert budget.spent <= 20_000 + 1_000
    assert steps <= budget.spent


def test_an_old_recurrence_costs_no_more_than_a_new_one() -> None:
    """Without COUNT the expansion begins near the span, and keeps the phase of its INTERVAL."""
    rule = parse_recurrence("FREQ=DAILY;INTERVAL=3")
    with step_budget(100, "the recurrence"):
        walls = list(expand(rule, datetime(1, 1, 1, 9), datetime(2026, 12, 1), datetime(2026, 12, 10)))
    assert [(wall - datetime(1, 1, 1, 9)).days % 3 for wall in walls] == [0, 0, 0]


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20261203", datetime(2026, 12, 3, 20)),
        ("20261203T200000", datetime(2026, 12, 3, 20)),
        ("20261203T195959", datetime(2026, 12, 2, 20)),
        ("2026-12-03T20:00:00", datetime(2026, 12, 3, 20)),
        ("20261203T2000", datetime(2026, 12, 3, 20)),
        ("99991231", datetime(9999, 12, 31, 20)),
        ("99991231T235959Z", datetime(9999, 12, 31, 20)),
    ],
)
def test_until_includes_its_day_or_its_moment(until: str, last: Any) -> None:
    """A date includes its whole day, a local time itself."""
    rule = parse_recurrence(f"FREQ=DAILY;UNTIL={until}")
    walls = expand(rule, datetime(2026, 12, 1, 20), last - timedelta(days=3), last + timedelta(0))
    after = expand(rule, datetime(2026, 12, 1, 20), last + timedelta(seconds=1), UNBOUNDED)
    assert list(walls)[-1] == last
    assert list(after) == []


def test_an_until_in_utc_is_left_to_the_caller() -> None:
    """The expansion goes a day further than an UNTIL in UTC, and `ends_before` tells which occurrences count."""
    rule = parse_recurrence("FREQ=DAILY;UNTIL=20261203T200000Z")
    walls = list(expand(rule, datetime(2026, 12, 1, 20), datetime(2026, 12, 1), datetime(2027, 1, 1)))
    assert walls[-1] == datetime(2026, 12, 4, 20)
    assert not rule.ends_before(datetime(2026, 12, 3, 20, tzinfo=UTC))
    assert rule.ends_before(datetime(2026, 12, 3, 20, 0, 1, tzinfo=UTC))


def test_week_numbers_count_from_both_ends() -> None:
    """The last ISO week of 2026 is its 53rd; days of it lie in 2027."""
    for text in ("BYWEEKNO=53", "BYWEEKNO=-1"):
        rule = parse_recurrence(f"FREQ=YEARLY;{text}")
        walls = list(expand(rule, datetime(2026, 1, 1, 9), datetime(2026, 12, 1), datetime(2027, 2, 1)))
        assert [wall.date() for wall in walls] == [date(2026, 12, 28) + timedelta(days=at) for at in range(7)]


def test_easter_is_supported() -> None:
    """BYEASTER, which RFC 5545 does not know but dateutil does, counts days from Easter Sunday."""
    rule = parse_recurrence("FREQ=YEARLY;BYEASTER=-2,0")
    walls = expand(rule, datetime(2026, 1, 1, 10), datetime(2027, 1, 1), datetime(2027, 12, 31))
    assert list(walls) == [datetime(2027, 3, 26, 10), datetime(2027, 3, 28, 10)]
    assert list(expand(rule, datetime(9000, 1, 1), datetime(9000, 1, 1), datetime(9000, 12, 31))) == []


def test_a_weekday_may_stand_with_and_without_an_ordinal() -> None:
    """Every Monday and the second Tuesday: both count."""
    walls = expand(
        parse_recurrence("FREQ=MONTHLY;BYDAY=MO,2TU"),
        datetime(2027, 2, 1),
        datetime(2027, 2, 1),
        datetime(2027, 2, 28),
    )
    assert [wall.day for wall in walls] == [1, 8, 9, 15, 22]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "begins with FREQ"),
        ("INTERVAL=2", "begins with FREQ"),
        ("FREQ=FORTNIGHTLY", "FREQ is one of YEARLY"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 is not a whole number of 1 or more"),
        ("FREQ=DAILY;INTERVAL=-1", "1 or more"),
        ("FREQ=DAILY;INTERVAL=0.5", "1 or more"),
        ("FREQ=DAILY;INTERVAL=1" + "0" * 5000, "1 or more"),
        ("FREQ=DAILY;INTERVAL=\u0661", "1 or more"),
        ("FREQ=DAILY;COUNT=0", "COUNT=0 is not a whole number of 1 or more"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20280101", "COUNT or UNTIL, not both"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR=24 is not a number from 0 to 23"),
        ("FREQ=DAILY;BYHOUR=", "has no value"),
        ("FREQ=DAILY;BYHOUR=1,,2", "BYHOUR= is not a number"),
        ("FREQ=DAILY;BYMINUTE=60", "0 to 59"),
        ("FREQ=DAILY;BYSECOND=60", "0 to 59"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "1 to 31, or -1 to -31"),
        ("FREQ=YEARLY;BYMONTH=13", "1 to 12"),
        ("FREQ=YEARLY;BYMONTH=2L", "1 to 12"),
        ("FREQ=YEARLY;BYYEARDAY=367", "1 to 366"),
        ("FREQ=YEARLY;BYWEEKNO=54", "1 to 53"),
        ("FREQ=MONTHLY;BYDAY=99MO", "write MO, 1MO for the first or -1MO for the last"),
        ("FREQ=MONTHLY;BYDAY=0MO", "write MO"),
        ("FREQ=MONTHLY;BYDAY=Monday", "write MO"),
        ("FREQ=DAILY;UNTIL=20280230", "is not a date or time"),
        ("FREQ=DAILY;UNTIL=00000101", "is not a date or time"),
        ("FREQ=DAILY;UNTIL=tomorrow", "write 20281231"),
        ("FREQ=WEEKLY;WKST=XX", "WKST=XX is not a weekday"),
        ("FREQ=YEARLY;BYEASTER=1000", "-366 to 366"),
        ("FREQ=DAILY;DTSTART=20260101", "not a part of a recurrence"),
        ("FREQ=DAILY;RSCALE=HEBREW", "not a part of a recurrence"),
    ],
)
def test_a_wrong_recurrence_is_refused_with_what_would_be_right(text: str, says: str) -> None:
    """The error names the part and the values it may have."""
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        parse_recurrence(text)
    assert len(str(caught.value)) < 300


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), st.from_regex(r"(FREQ|INTERVAL|BY[A-Z]+|UNTIL)=[0-9A-Z,+-]{0,12}(;.*)?")))
def test_any_text_parses_or_raises_a_value_error(text: Any) -> None:
    """No text makes the parser fail in another way."""
    try:
        parse_recurrence(text)
    except ValueError:
        pass


def test_forms_that_have_been_accepted_before_still_are() -> None:
    """A prefix, lower case, a trailing semicolon, a repeated part and a meaningless ordinal."""
    assert parse_recurrence("rrule:freq=daily;interval=2;") == parse_recurrence("FREQ=DAILY;INTERVAL=2")
    assert parse_recurrence("FREQ=DAILY;BYDAY=MO;BYDAY=TU") == parse_recurrence("FREQ=DAILY;BYDAY=TU")
    walls = expand(
        parse_recurrence("FREQ=WEEKLY;BYDAY=2MO"), datetime(2026, 12, 1), datetime(2026, 12, 1), datetime(2026, 12, 31)
    )
    assert [wall.day for wall in walls] == [7, 14, 21, 28]
