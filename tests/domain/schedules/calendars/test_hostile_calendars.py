"""Calendars that ask for more work than anybody needs: reading them is bounded in steps, and so is looking in them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook_app.domain.budget import BudgetExceededError, step_budget
from webhook_app.domain.schedules.calendars.calendar import Calendar, entries, horizon_at
from webhook_app.domain.schedules.calendars.components import CalendarError
from webhook_app.domain.schedules.calendars.reading import (
    ENTRIES_MAX,
    ENTRIES_STEPS,
    ENTRY_STEPS,
    INSTANCES_MAX,
    INSTANCES_OF_ENTRY_MAX,
    LINES_STEPS,
    read_calendar,
)

NOW = int(datetime(2026, 11, 28, tzinfo=UTC).timestamp() * 1000)
HORIZON = horizon_at(NOW)
STEPS_MAX = LINES_STEPS + ENTRIES_STEPS + ENTRY_STEPS + 100_000
NUMBERS = ",".join(map(str, range(60)))
HOURS = ",".join(map(str, range(24)))
GOOD = ["UID:good", "DTSTART:20270301T100000Z", "DTEND:20270301T110000Z", "SUMMARY:good"]
CHORE = ["DTSTART:20261201T090000Z", "DURATION:PT1M", "SUMMARY:chore"]


def event(*lines: Any) -> Any:
    return "\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT", ""])


def calendar(*components: Any) -> Any:
    return ("BEGIN:VCALENDAR\n" + "".join(components) + "END:VCALENDAR\n").encode()


def many(count: Any, *lines: Any) -> Any:
    return "".join(event(f"UID:{number}", *CHORE, *lines) for number in range(count))


def zone(number: Any, rule: Any) -> Any:
    return "\n".join(
        [
            "BEGIN:VTIMEZONE",
            f"TZID:zone {number}",
            "BEGIN:STANDARD",
            "DTSTART:16010101T020000",
            "TZOFFSETFROM:-0400",
            "TZOFFSETTO:-0500",
            f"RRULE:{rule}",
            "END:STANDARD",
            "END:VTIMEZONE",
            "",
        ]
    )


HOSTILE = {
    "hourly": many(200, "RRULE:FREQ=HOURLY"),
    "every second of each day": many(50, f"RRULE:FREQ=DAILY;BYHOUR={HOURS};BYMINUTE={NUMBERS};BYSECOND={NUMBERS}"),
    "counted from long ago": many(50, "RRULE:FREQ=DAILY;COUNT=999999999").replace("20261201", "00010101"),
    "never": many(2_000, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
    "many times a year": many(
        50, f"RRULE:FREQ=YEARLY;BYSETPOS=1;BYDAY=MO,TU,WE,TH,FR;BYHOUR={HOURS};BYMINUTE={NUMBERS}"
    ),
    "many dates": event("UID:d", *CHORE, *["RDATE:" + ",".join(["20270101T090000Z"] * 5_000)] * 30),
    "many struck out": event(
        "UID:d", *CHORE, "RRULE:FREQ=DAILY", *["EXDATE:" + ",".join(["20270101T090000Z"] * 5_000)] * 30
    ),
    "many overrides": event("UID:o", *CHORE, "RRULE:FREQ=DAILY")
    + "".join(
        event(
            "UID:o",
            f"RECURRENCE-ID;RANGE=THISANDFUTURE:20270101T{number % 24:02}{number // 24 % 60:02}00Z",
            *CHORE,
        )
        for number in range(1_400)
    ),
    "one UID": many(2_000, "RRULE:FREQ=DAILY").replace("UID:", "UID:same\nX-UID:"),
    "zones": "".join(
        zone(number, f"FREQ=YEARLY;BYDAY=MO,TU;BYHOUR={HOURS};BYMINUTE={NUMBERS};BYSECOND={NUMBERS}")
        + event(f"UID:z{number}", f"DTSTART;TZID=zone {number}:20270101T100000", "DURATION:PT1H", "SUMMARY:x")
        for number in range(300)
    ),
    "a zone of seconds": zone(1, "FREQ=SECONDLY") + event("UID:z", "DTSTART;TZID=zone 1:20270101T100000"),
    "a zone that never changes": zone(1, "FREQ=YEARLY;INTERVAL=0")
    + event("UID:z", "DTSTART;TZID=zone 1:20270101T100000"),
    "lasting for ever": many(300, "RRULE:FREQ=HOURLY").replace("PT1M", "P3000D"),
    "lasting very long": many(50, "RRULE:FREQ=DAILY").replace("PT1M", "P300000D"),
    "quotes": event("UID:q", "DTSTART" + ';A="' * 50_000 + ":20270101T090000Z"),
    "equals": event("UID:q", "DTSTART;A" + "=" * 190_000 + ":x"),
    "backslashes": event("UID:q", *CHORE, "SUMMARY:" + "\\" * 190_000),
    "nested": "BEGIN:A\n" * 100_000,
    "unfinished": "BEGIN:VEVENT\n" * 25_000,
    "folds": "\n " * 500_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_reading_takes_a_bounded_number_of_steps_and_costs_no_other_entry(name: Any) -> None:
    with step_budget(STEPS_MAX, "the test") as budget:
        read = read_calendar(calendar(event(*GOOD), HOSTILE[name] + "\n"), HORIZON)
    assert budget.spent <= STEPS_MAX
    assert (1_803_895_200_000, 1_803_898_800_000, "good") in read.instants
    assert len(read.instants) + len(read.local) <= INSTANCES_MAX
    assert all(type(ms) is int and ms <= HORIZON.ends_at for row in read.instants for ms in row[:2])


@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=DAILY;INTERVAL=0", "FREQ=HOURLY;INTERVAL=-3"])
@pytest.mark.parametrize("ends", ["", ";COUNT=5", ";UNTIL=20271231T000000Z", ";BYMONTH=2;BYMONTHDAY=30"])
def test_an_entry_that_repeats_without_end_is_left_out(rule: str, ends: str) -> None:
    read = read_calendar(calendar(event("UID:1", *CHORE, f"RRULE:{rule}{ends}"), event(*GOOD)), HORIZON)
    assert [summary for _, _, summary in read.instants] == ["good"]
    assert [warning.fault for warning in read.warnings] in (["bad-recurrence"], ["too-often"])


def test_entries_that_repeat_seldom_are_read_before_others_use_the_steps_up() -> None:
    costly = f"RRULE:FREQ=DAILY;BYHOUR={HOURS};BYMINUTE={NUMBERS};BYSECOND={NUMBERS}"
    read = read_calendar(calendar(many(100, costly), event(*GOOD)), HORIZON)
    assert [summary for _, _, summary in read.instants] == ["good"]
    assert [(warning.fault, warning.entry) for warning in read.warnings] == [("too-costly", "chore")]


@pytest.mark.parametrize(("lines", "summaries"), [(1, {"good", "x"}), (4, {"good"})])
def test_each_date_of_a_time_zone_takes_a_step(lines: int, summaries: set[str]) -> None:
    dates = "\n".join(["RDATE:" + ",".join(["20270101T090000"] * 5_000)] * lines)
    with_dates = zone(1, "FREQ=YEARLY").replace("RRULE:FREQ=YEARLY", dates)
    entry = event("UID:z", "DTSTART;TZID=zone 1:20270101T100000", "DURATION:PT1H", "SUMMARY:x")
    read = read_calendar(calendar(with_dates, entry, event(*GOOD)), HORIZON)
    assert {row[2] for row in (*read.instants, *read.local)} == summaries


def test_every_override_takes_a_step_for_every_entry_of_its_uid() -> None:
    masters = "".join(
        event("UID:same", f"DTSTART:202701{number % 28 + 1:02}T{number // 28 % 24:02}0000Z", "DURATION:PT1M")
        for number in range(500)
    )
    overrides = "".join(
        event("UID:same", f"RECURRENCE-ID:202801{number % 28 + 1:02}T{number // 28 % 24:02}0000Z", *CHORE)
        for number in range(500)
    )
    read = read_calendar(calendar(masters, overrides, event(*GOOD)), HORIZON)
    assert [summary for _, _, summary in read.instants] == ["good"]
    assert [warning.fault for warning in read.warnings] == ["too-costly"]


def test_of_an_entry_with_very_many_instances_the_soonest_are_kept() -> None:
    read = read_calendar(calendar(event("UID:1", *CHORE, "RRULE:FREQ=HOURLY"), event(*GOOD)), HORIZON)
    chores = [begins for begins, _, summary in read.instants if summary == "chore"]
    first = int(datetime(2026, 12, 1, 9, tzinfo=UTC).timestamp() * 1000)
    assert chores == [first + number * 3_600_000 for number in range(INSTANCES_OF_ENTRY_MAX)]
    assert read.warnings == ()


def test_entries_that_take_place_most_often_are_left_out_when_there_are_too_many() -> None:
    weekly = event("UID:weekly", *CHORE[:2], "RRULE:FREQ=WEEKLY", "SUMMARY:weekly")
    read = read_calendar(calendar(many(4, "RRULE:FREQ=HOURLY"), weekly, event(*GOOD)), HORIZON)
    assert {summary for _, _, summary in read.instants} == {"chore", "weekly", "good"}
    assert [(warning.fault, warning.entry) for warning in read.warnings] == [("too-many-instances", "chore")]


def test_entries_that_are_over_do_not_count() -> None:
    over = [
        ["DTSTART:20200301T100000Z", "DTEND:20200301T110000Z"],
        ["DTSTART:20200301T100000Z", "DTEND:20200301T110000Z", "RRULE:FREQ=DAILY;UNTIL=20210301T000000Z"],
        ["DTSTART:20200301T100000Z", "DTEND:20200301T110000Z", "RECURRENCE-ID:20200302T100000Z"],
        ["DTSTART:20990301T100000Z", "DTEND:20990301T110000Z"],
    ]
    events = [event(f"UID:{number}", *over[number % len(over)]) for number in range(ENTRIES_MAX + 4)]
    read = read_calendar(calendar(*events, event(*GOOD)), HORIZON)
    assert ([summary for _, _, summary in read.instants], read.warnings) == (["good"], ())


@pytest.mark.parametrize(
    "lines",
    [
        ["DTSTART:20200301T100000Z", "DTEND:20200301T110000Z", "RECURRENCE-ID;RANGE=THISANDFUTURE:20200301T100000Z"],
        ["DTSTART:20200301T100000Z", "DTEND:20200301T110000Z", "RECURRENCE-ID:20270301T100000Z"],
        ["DTSTART:20990301T100000Z", "DTEND:20990301T110000Z", "RECURRENCE-ID:20270301T100000Z"],
    ],
)
def test_an_override_that_takes_place_outside_the_horizon_counts_inside(lines: Any) -> None:
    series = event("UID:s", "DTSTART:20200301T100000Z", "DURATION:PT1M", "RRULE:FREQ=DAILY", "SUMMARY:plain")
    read = read_calendar(calendar(series, event("UID:s", *lines, "SUMMARY:changed")), HORIZON)
    summary = next((summary for begins, _, summary in read.instants if begins == 1_803_895_200_000), None)
    assert summary == ("changed" if "FUTURE" in lines[2] else None)


def test_the_budget_of_whoever_reads_a_calendar_ends_the_reading() -> None:
    raw = calendar(many(200, "RRULE:FREQ=DAILY"))
    with pytest.raises((BudgetExceededError, CalendarError)), step_budget(5_000, "the fold"):
        read_calendar(raw, HORIZON)


LINES = st.sampled_from(
    [
        *("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "UID", "SUMMARY", "SEQUENCE"),
        *("BEGIN", "END", "TZID", "TZOFFSETFROM", "TZOFFSETTO", "STATUS", " ", "\t"),
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        [
            *(
                "20270301T100000Z",
                "20270301",
                "20270301T100000",
                "99991231T235959Z",
                "00010101T000000",
                "PT1H",
                "P99999999D",
            ),
            *(
                "FREQ=DAILY",
                "FREQ=HOURLY;INTERVAL=0",
                "FREQ=YEARLY;COUNT=3",
                "FREQ=WEEKLY;UNTIL=99991231",
                "-PT5M",
                "+2400",
            ),
            *(
                "VEVENT",
                "VTIMEZONE",
                "STANDARD",
                "VALARM",
                "VCALENDAR",
                "20270301T100000Z/PT1H",
                "CANCELLED",
                "",
                "-1200",
            ),
        ]
    ),
    st.text(max_size=20),
)
PARAMETERS = st.sampled_from(["", ";TZID=Europe/Berlin", ";VALUE=DATE", ";TZID=Z", ';X="', ";RANGE=THISANDFUTURE"])


@given(st.lists(st.tuples(LINES, PARAMETERS, VALUES), max_size=30), st.sampled_from(["\r\n", "\n", "\r"]))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused(lines: Any, newline: Any) -> None:
    text = newline.join(["BEGIN:VCALENDAR", *event(*GOOD).split("\n"), *(f"{n}{p}:{v}" for n, p, v in lines)])
    try:
        with step_budget(STEPS_MAX, "the test"):
            read = read_calendar(f"{text}{newline}END:VCALENDAR".encode(), HORIZON)
    except CalendarError:
        return
    found_entries = list(entries({"a": read}, "a", HORIZON.begins_at, HORIZON.ends_at, ZoneInfo("Europe/Berlin"), None))
    assert found_entries == sorted(found_entries, key=lambda entry: (entry.begins_at, entry.ends_at, entry.summary))


@given(
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 900)), max_size=400),
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 900)), max_size=100),
    st.integers(-100, 3_000),
    st.integers(1, 500),
    st.sampled_from(["UTC", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe"]),
)
@settings(max_examples=200, deadline=None)
def test_looking_entries_up_finds_what_going_through_all_of_them_finds(
    instants: Any, local: Any, after: Any, long: Any, zone_name: Any
) -> None:
    hour, zone = 3_600_000, ZoneInfo(zone_name)
    base = int(datetime(2027, 3, 1, tzinfo=UTC).timestamp() * 1000)

    def rows(pairs: Any) -> Any:
        return tuple(sorted({(base + begin * hour, base + (begin + length) * hour, "x") for begin, length in pairs}))

    def placed(ms: Any) -> Any:
        wall = datetime.fromtimestamp(ms / 1000, UTC).replace(tzinfo=zone, fold=0)
        return int(wall.astimezone(UTC).timestamp() * 1000)

    stored = Calendar(HORIZON, rows(instants), rows(local))
    first, last = base + after * hour, base + (after + long) * hour
    spans = [(e.begins_at, e.ends_at) for e in entries({"a": stored}, "a", first, last, zone, "x")]
    every = [(b, e) for b, e, _ in stored.instants] + [(placed(b), placed(e)) for b, e, _ in stored.local]
    assert spans == sorted((b, e) for b, e in every if b < last and (e > first or b == e == first))


def test_a_lookup_skips_past_occurrences() -> None:
    day = 86_400_000
    rows = tuple(
        (HORIZON.begins_at + number * day // 12, HORIZON.begins_at + number * day // 12 + 1_000, "x")
        for number in range(9_000)
    )
    stored = Calendar(HORIZON, rows)
    with step_budget(1_000, "looking"):
        at = rows[8_500][0]
        assert len(list(entries({"a": stored}, "a", at, at + 1, ZoneInfo("UTC"), None))) == 1
