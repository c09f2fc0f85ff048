"""Every schedule costs a bounded number of steps, whoever looks at it, and refused ones say what would be right."""

import ast
import re
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from webhook_app.domain.budget import step_budget
from webhook_app.domain.events import Event, Source
from webhook_app.domain.reducer import step
from webhook_app.domain.room import Room
from webhook_app.domain.rules.config import Settings, make_config
from webhook_app.domain.schedules.checks import check_cron, cron_warning
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.occurrences import occurrences, over_quota
from webhook_app.domain.schedules.schedule import DAY_MS, SCHEDULE_STEPS_MAX, Schedule, Window, next_windows, windows
from webhook_app.domain.state import SystemState
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.schemas.schedule import ScheduleSchema, decode_schedule
from webhook_app.store import codec

PRODUCT = [Path("webhook_app"), Path("workers")]
AHEAD_MS = 5 * 366 * DAY_MS
# A look-up may pass its limit by what one indivisible search costs: fifty years of a cron expression.
SLACK = 20_000


def ms(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp() * 1000)


NOW = ms(2026, 11, 28)


def refusal(**schedule: Any) -> Any:
    """Return the errors by field with which the door refuses a schedule."""
    with pytest.raises(ValidationError) as caught, step_budget(20 * SCHEDULE_STEPS_MAX, "the door"):
        ScheduleSchema().load({"duration": "10m", **schedule})
    return caught.value.messages_dict


def accepted(**schedule: Any) -> Any:
    with step_budget(20 * SCHEDULE_STEPS_MAX, "the door"):
        return decode_schedule(ScheduleSchema().load({"duration": "10m", **schedule}))


def every(values: Any) -> Any:
    return ",".join(map(str, values))


NEVER_OR_TOO_COSTLY = [
    "FREQ=DAILY;INTERVAL=0",
    "FREQ=DAILY;INTERVAL=0;UNTIL=20271231T000000Z",
    "FREQ=MONTHLY;INTERVAL=0;BYHOUR=0;BYDAY=MO;BYMONTHDAY=1;UNTIL=20281231T200000Z",
    "FREQ=HOURLY;BYMONTHDAY=31;BYMONTH=2",
    "FREQ=HOURLY;INTERVAL=2;BYHOUR=1",
    "FREQ=DAILY;INTERVAL=-1",
    "FREQ=DAILY;COUNT=0",
    "FREQ=WEEKLY;INTERVAL=0.5",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=WEEKLY;BYMONTH=6;BYMONTHDAY=31",
    "FREQ=MONTHLY;BYDAY=6MO",
    "FREQ=YEARLY;BYWEEKNO=20;BYMONTH=1",
    "FREQ=DAILY;BYSETPOS=2",
    "FREQ=DAILY;BYHOUR=24",
    "FREQ=MONTHLY;BYDAY=99MO",
    "FREQ=DAILY;UNTIL=20260101T000000Z",
    "FREQ=HOURLY;COUNT=999999999",
    "FREQ=DAILY;BYHOUR=" + every(range(24)) + ";BYMINUTE=" + every(range(60)) + ";COUNT=99999999",
    "FREQ=SECONDLY",
    "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=DAILY\nRRULE:FREQ=HOURLY",
]


@pytest.mark.parametrize("rrule", NEVER_OR_TOO_COSTLY)
def test_a_recurrence_that_cannot_be_computed_is_refused_by_its_field(rrule: Any) -> None:
    assert set(refusal(rrule=rrule, dtstart="2026-12-01T00:00")) == {"rrule"}


ACCEPTED = [
    "FREQ=DAILY",
    "FREQ=DAILY;UNTIL=99991231T235959Z",
    "FREQ=HOURLY;COUNT=8760",
    "FREQ=DAILY;COUNT=100000",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
    "FREQ=DAILY;BYHOUR=" + every(range(24)) + ";BYMINUTE=" + every(range(60)),
    "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=" + every(range(24)) + ";BYMINUTE=" + every(range(60)),
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY;BYEASTER=0",
]


@pytest.mark.parametrize("rrule", ACCEPTED)
def test_an_accepted_schedule_is_computable_in_every_year(rrule: Any) -> None:
    schedule = accepted(rrule=rrule, dtstart="2026-12-01T00:00")
    for year in range(2026, 2045):
        for month in (1, 6, 12):
            at = ms(year, month, 15)
            next_windows(schedule, at, at + AHEAD_MS, {}, 4)


parts = st.one_of(
    st.sampled_from([f"FREQ={name}" for name in ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY")]),
    st.builds("INTERVAL={}".format, st.sampled_from([0, 1, 2, 7, 24, 999999999])),
    st.builds("COUNT={}".format, st.sampled_from([0, 1, 50, 99999, 999999999])),
    st.builds("BYMONTH={}".format, st.integers(1, 12)),
    st.builds("BYMONTHDAY={}".format, st.sampled_from([1, 29, 30, 31, -1, -31])),
    st.builds("BYDAY={}".format, st.sampled_from(["MO", "1MO", "5SU", "-1FR", "53TU", "MO,TU,WE,TH,FR,SA,SU"])),
    st.builds("BYHOUR={}".format, st.sampled_from(["0", "23", every(range(24))])),
    st.builds("BYMINUTE={}".format, st.sampled_from(["0", "59", every(range(60))])),
    st.builds("BYSECOND={}".format, st.sampled_from(["0", "59", every(range(60))])),
    st.builds("BYSETPOS={}".format, st.sampled_from([1, -1, 366])),
    st.builds("BYWEEKNO={}".format, st.sampled_from([1, 53, -53])),
    st.builds("BYYEARDAY={}".format, st.sampled_from([1, 366, -366])),
    st.builds("UNTIL={}".format, st.sampled_from(["20270101", "20270101T000000Z", "99991231T235959Z", "00010101"])),
)
rrules = st.lists(parts, min_size=1, max_size=6).map(";".join)
crons = st.tuples(
    st.sampled_from(["*", "0", "59", "*/7"]),
    st.sampled_from(["*", "0", "2", "*/23"]),
    st.sampled_from(["*", "1", "29", "30", "31", "L", "LW", "*/31"]),
    st.sampled_from(["*", "2", "4", "*/11"]),
    st.sampled_from(["*", "MON", "MON#5", "7L", "0,6", "1-5"]),
).map(" ".join)
exceptions = st.lists(
    st.sampled_from(
        [("2026-01-01", "2031-01-01"), ("0001-01-01", "9999-12-31"), ("2026-12-25", "2026-12-25"), ("x", "y")]
    ),
    max_size=3,
).map(tuple)
schedules = st.builds(
    Schedule,
    timezone=st.sampled_from(["UTC", "Europe/London", "Pacific/Apia", "Asia/Nowhere"]),
    duration_s=st.sampled_from([None, 1, 3600, 31 * 86400]),
    cron=st.one_of(st.none(), crons),
    rrule=st.one_of(st.none(), rrules),
    dtstart=st.sampled_from([None, "2026-12-01T00:00", "2000-01-01T00:00", "0001-01-01T00:00", "9999-12-31T23:59"]),
    at=st.lists(st.sampled_from(["0001-01-01T00:00", "9999-12-31T23:59", "2027-01-01T10:00", "no"]), max_size=3).map(
        tuple
    ),
    always=st.booleans(),
    except_days=exceptions,
)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedule=schedules, at=st.integers(0, ms(2100, 1, 1)))
def test_any_stored_schedule_costs_bounded_steps_or_raises_a_schedule_error(schedule: Any, at: Any) -> None:
    """Whatever an earlier version let in: the look-up ends, and fails in one way alone."""
    with step_budget(10**9, "the test") as budget:
        try:
            next_windows(schedule, at, at + AHEAD_MS, {}, 1_000)
        except ScheduleError as error:
            assert 0 < len(str(error)) < 500
    assert budget.spent <= SCHEDULE_STEPS_MAX + SLACK


@settings(max_examples=60, deadline=None)
@given(schedule=schedules, at=st.integers(ms(2026, 1, 1), ms(2030, 1, 1)))
def test_a_lookup_costs_the_same_whether_or_not_caches_are_warm(schedule: Any, at: Any) -> None:
    def cost() -> Any:
        with step_budget(10**9, "the test") as budget:
            try:
                next_windows(schedule, at, at + AHEAD_MS, {}, 4)
            except ScheduleError:
                pass
        return budget.spent

    assert cost() == cost()


def test_a_dense_schedule_passes_over_years_of_exceptions_at_once() -> None:
    """A window every minute, and none for four years: the search goes on where the exception ends."""
    schedule = Schedule("Europe/London", 60, cron="* * * * *", except_days=(("2027-01-01", "2030-12-31"),))
    begin = ms(2026, 12, 31, 23, 59)
    windows = next_windows(schedule, begin, begin + AHEAD_MS, {}, 2)
    assert windows == [Window(begin, begin + 60_000), Window(ms(2031, 1, 1), ms(2031, 1, 1) + 60_000)]


@settings(max_examples=60, deadline=None)
@given(
    days=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=5),
    zone=st.sampled_from(["UTC", "America/Havana", "Europe/London"]),
    cron=st.sampled_from(["*/20 * * * *", "0 9 * * *", "30 0,23 * * *"]),
    length=st.sampled_from([60, 3600, 3 * 86400]),
)
def test_exceptions_take_out_exactly_the_windows_that_open_in_them(
    days: Any, zone: Any, cron: Any, length: Any
) -> None:
    """Searching on at an exception's end finds what trying every window finds."""
    first = datetime(2026, 3, 1)
    ranges = [(first + timedelta(days=begin), first + timedelta(days=begin + size)) for begin, size in days]
    texts = tuple((begin.date().isoformat(), end.date().isoformat()) for begin, end in ranges)
    after, until = ms(2026, 2, 27), ms(2026, 4, 12)
    plain = list(windows(Schedule(zone, length, cron=cron), after, until, {}))
    excepted = list(windows(Schedule(zone, length, cron=cron, except_days=texts), after, until, {}))

    def day(window: Any) -> Any:
        return datetime.fromtimestamp(window.opens_at / 1000, ZoneInfo(zone)).date()

    expected = [w for w in plain if not any(begin.date() <= day(w) <= end.date() for begin, end in ranges)]
    assert excepted == expected


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("0 9 ? * SUN", "0 9 * * SUN"),
        ("0 0 9 * * SUN", "such as 0 9 * * SUN"),
        ("0 0 9 ? * SUN", "six fields"),
        ("@weekly", "0 0 * * SUN"),
        ("@reboot", "five fields"),
        ("CRON_TZ=Europe/Berlin 0 9 * * SUN", "`timezone: Europe/Berlin` beside it and `cron: 0 9 * * SUN`"),
        ("TZ=Europe/Berlin 0 9 * * SUN", "timezone: Europe/Berlin"),
        ("0 9 * * SUN  # Sunday service", "0 9 * * SUN"),
        ("0 9 * * fri-sun", "write FRI,SAT,SUN"),
        ("0 9 * * 5-0", "write FRI,SAT,SUN"),
        ("0 9 * * 7-2", "write SUN,MON,TUE"),
        ("0 9 * nov-feb *", "write NOV,DEC,JAN,FEB"),
        ("0 22-2 * * *", "write 22-23,0-2"),
        ("0 9 25-5 * *", "write 25-31,1-5"),
        ("0 9 * * SUN 2027", "years are not supported"),
        ("0 0 9 ? * SUN *", "such as 0 9 * * SUN"),
        ("0 9 * * MON, WED", "such as 0 9 * * MON,WED"),
        ("TZ=Europe/Berlin @daily", "`cron: 0 0 * * *`"),
        ("CRON_TZ=Europe/Berlin", "`cron: 0 9 * * SUN`"),
        ('"0 9 * * *"', "quotation marks"),
        ("0 9 15W * *", "such as 15"),
        ("0 9 L-2 * *", "BYMONTHDAY=-3"),
        ("0 9 * * FRIL", "5L"),
        ("0 9 * * L", "5L"),
        ("0 9 * * SUN#6", "1 to 5"),
        ("H 9 * * *", "H is Jenkins'"),
        ("0 9 * * Sunday", "write SUN for SUNDAY"),
        ("0 9 * january *", "write JAN for JANUARY"),
        ("0 9am * * *", "0 to 23"),
        ("0 9 * * 8", "0 to 7 or SUN to SAT"),
        ("0 9 * *", "4 fields"),
        ("", "empty"),
        ("0 25 * * *", "five fields"),
        ("0 0 30 2 *", "bad day of month"),
    ],
)
def test_a_cron_of_another_dialect_is_refused_with_what_to_write(cron: str, says: str) -> None:
    (why,) = refusal(cron=cron)["cron"]
    assert says in why


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["*", "?", "L", "W", "SUN", "fri-sun", "*/7", "1-7", "#", "SUN#1", "@weekly", "22-2", "2027"]
            ),
            st.text("0123456789*/-,#?LWHabcSUN", min_size=1, max_size=6),
        ),
        max_size=8,
    ).map(" ".join)
)
def test_any_text_is_accepted_as_cron_reads_it_or_refused_with_words(text: Any) -> None:
    """What the door accepts can be read by the search, and everything else is refused with what to write."""
    try:
        check_cron(text)
    except ValueError as error:
        assert re.search(r"write |leave out|a recurrence says it|takes 1 to 5|5L", str(error)), error
    else:
        assert len(text.split()) == 5
        CronSim(text, datetime(2026, 1, 1))


@pytest.mark.parametrize(
    "cron", ["0 9 * * 7", "0 9 * * 6,7", "0 9 * * SUN#1", "0 9 L * *", "0 9 * * 5L", "*/5 * * * *"]
)
def test_a_cron_of_five_fields_is_accepted(cron: str) -> None:
    assert accepted(cron=cron).cron == cron


def test_a_cron_of_six_fields_that_was_stored_before_still_opens() -> None:
    windows = next_windows(Schedule("UTC", 60, cron="30 0 9 * * SUN"), NOW, NOW + 7 * DAY_MS, {}, 1)
    assert windows == [Window(ms(2026, 11, 29, 9, 0, 30), ms(2026, 11, 29, 9, 1, 30))]


def test_both_days_of_a_cron_are_warned_of() -> None:
    assert "write `0 9 * * SUN#1`" in (cron_warning("0 9 1-7 * SUN") or "")
    assert "write `0 9 * 6 TUE#2`" in (cron_warning("0 9 8-14 6 tue") or "")
    assert "write * in one of them" in (cron_warning("0 9 1,15 * MON") or "")
    assert cron_warning("0 9 1-7 * */7") is None
    assert cron_warning("0 9 * * SUN") is None


def test_windows_are_taken_by_the_bounded_functions_alone() -> None:
    """No module but the schedule's own imports the unbounded search."""
    importers = [
        str(path)
        for root in PRODUCT
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module == "webhook_app.domain.schedules.schedule"
        and "windows" in {alias.name for alias in node.names}
    ]
    assert importers == []


def test_an_unbounded_search_is_never_started_for_its_first_window_alone() -> None:
    """The search is lazy: the first window of a dense schedule costs a few steps."""
    with step_budget(500, "the test"):
        list(islice(windows(Schedule("UTC", 60, cron="* * * * *"), NOW, NOW + AHEAD_MS, {}), 2))


dtstarts = st.sampled_from(["2026-12-01T00:00", "2000-01-01T00:00", "9999-12-31T23:59", "1999-01-01T00:00"])
triggers = st.one_of(
    st.fixed_dictionaries({"cron": st.one_of(crons, st.text(max_size=20))}),
    st.fixed_dictionaries({"rrule": rrules, "dtstart": dtstarts}),
    st.fixed_dictionaries({"at": st.sampled_from(["0001-01-01T00:00", "9999-12-31T23:59", "2027-01-01T10:00"])}),
)
others = st.fixed_dictionaries(
    {"duration": st.sampled_from(["1s", "10m", "31d"])},
    optional={
        "also": st.just(["0001-01-01T00:00", "9999-12-31T23:59"]),
        "timezone": st.sampled_from(["Pacific/Apia", "America/Havana", "Asia/Nowhere"]),
        "except": st.sampled_from([["0001-01-01/9999-12-31"], ["2026-01-01/2031-01-01"], "2026-12-25"]),
    },
)
given_schedules = st.builds(lambda trigger, more: {**trigger, **more}, triggers, others)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedule=given_schedules, at=st.integers(ms(2026, 1, 1), ms(2036, 1, 1)))
def test_an_accepted_schedule_is_computable_at_any_moment(schedule: Any, at: Any) -> None:
    """The door ends, fails in one way alone, and accepts nothing that a later look-up cannot compute."""
    with step_budget(20 * SCHEDULE_STEPS_MAX, "the door"):
        try:
            loaded = ScheduleSchema().load(schedule)
        except ValidationError as error:
            assert error.messages
            return
    next_windows(decode_schedule(loaded), at, at + AHEAD_MS, {}, 4)


def steps_of_putting(schedule: Any, rooms: Any) -> Any:
    """Return the steps that folding a rule for so many rooms spends, and what it comes to."""
    world = SystemState(rooms={f"room-{number}": Room(f"room-{number}") for number in range(rooms)})
    rule = {"name": "all", "rooms": ["room-*"], "schedule": schedule}
    with step_budget(10**9, "the fold") as budget:
        outcome = step(
            world, codec.journal_event(Event(f"{NOW}-0", Source.CONFIG, "rule-put", None, NOW, {"rule": rule}))
        )
    return budget.spent, outcome


def test_a_costly_schedule_is_computed_once_per_event_for_any_number_of_rooms() -> None:
    costly = {"rrule": "FREQ=DAILY;COUNT=20000", "dtstart": "2026-12-01T00:00", "duration_s": 600}
    single, _ = steps_of_putting(costly, 1)
    many, outcome = steps_of_putting(costly, 300)
    assert len(outcome.rooms) == 300
    assert all(room.schedule.next_window is not None for room in outcome.rooms.values())
    assert single > 20_000
    assert many < single + 300 * 50


def test_a_broken_schedule_of_many_rooms_raises_one_alarm() -> None:
    _, outcome = steps_of_putting(
        {"rrule": "FREQ=DAILY;INTERVAL=0", "dtstart": "2026-12-01T00:00", "duration_s": 1}, 300
    )
    assert list(outcome.alarms) == ["schedule-all"]
    assert [notice.type for notice in outcome.notices] == ["alarm.raised"]
    assert sum(len(decisions) for decisions in outcome.decisions.values()) == 1


def test_occurrences_of_too_many_rooms_are_refused() -> None:
    """Every room of a rule has windows of its own: their number is bounded as a whole."""
    schedule = {"cron": "* * * * *", "duration_s": 30}
    rule = decode_rule({"name": "all", "rooms": ["*"], "schedule": schedule})
    config = make_config({"all": rule}, {}, Settings())
    rooms = [f"room-{number}" for number in range(2_000)]
    assert len(occurrences(config, rule, rooms[:20], at=NOW, count=500)) == 500
    with pytest.raises(ScheduleError, match="lower count"):
        occurrences(config, rule, rooms, at=NOW, count=500)
    with pytest.raises(ScheduleError, match="windows"):
        over_quota(config, rooms, at=NOW, limit=1)
