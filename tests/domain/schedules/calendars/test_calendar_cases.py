"""Calendars as exporters really write them: which windows they open, and what is said about their entries."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support import paths
from webhook_app.domain.explanations import joined_text
from webhook_app.domain.schedules.calendars.calendar import (
    Horizon,
    decode_calendar,
    encode_calendar,
    entries,
    horizon_at,
)
from webhook_app.domain.schedules.calendars.components import CalendarError
from webhook_app.domain.schedules.calendars.reading import explain_warnings, read_calendar
from webhook_app.store import codec

FILES = paths.ROOT / "tests" / "payloads" / "calendars"
NOW = int(datetime(2026, 11, 28, tzinfo=UTC).timestamp() * 1000)
HORIZON = horizon_at(NOW)
GOOD = "03-01T10:00/03-01T11:00"
JUNK = ["01-22T12:00/01-22T13:00", GOOD]

CASES = {
    "customized": [
        "03-08T15:00/03-08T16:00",
        "03-15T14:00/03-15T15:00",
        "03-22T12:00/03-22T12:30",
        "03-29T11:00/03-29T11:30",
        "06-01T08:00/06-01T09:00",
    ],
    "tzone-bare": [GOOD, "06-10T12:00/06-10T13:00"],
    "tzone-quoted": [GOOD, "06-10T12:00/06-10T13:00"],
    "lf-only": ["01-21T18:00/01-21T19:00"],
    "nfd-summary": ["01-21T18:00/01-21T19:00"],
    "utf8-bom": ["01-21T18:00/01-21T19:00"],
    "end-of-time-date": [GOOD],
    "end-of-time-zone": [GOOD],
    "year-one": [GOOD],
    "exdate": ["01-10T09:00/01-10T10:00", "02-07T09:00/02-07T10:00", "02-14T09:00/02-14T10:00"],
    "fold": ["01-20T18:00/01-20T20:00"],
    "classification": JUNK,
    "empty-dates": JUNK,
    "priority-word": JUNK,
    "rrule-empty": JUNK,
    "two-prodids": JUNK,
    "unreadable-line": JUNK,
    "x-alt-desc": JUNK,
    "x-link-dangling": JUNK,
    "d-date-with-time": ["02-22T00:00/02-23T00:00", GOOD],
    "f-mixed-naive-and-zone": ["02-26T09:00/02-26T10:00", GOOD],
    "orphan": ["02-04T09:30/02-04T11:30"],
    "foreign-zone": [
        "04-15T13:30/04-15T14:00",
        "04-23T14:00/04-23T14:30",
        "04-29T13:30/04-29T14:00",
        "05-06T13:30/05-06T14:00",
    ],
    "twice": ["01-05T20:00/01-05T20:30", "01-13T18:00/01-13T19:00", "01-19T20:00/01-19T20:30"],
    "outlook": [
        "03-14T09:00/03-14T10:00",
        "03-21T09:00/03-21T10:00",
        "04-04T08:00/04-04T09:00",
        "04-11T08:00/04-11T09:00",
    ],
    "never-matches": [GOOD],
    "until-9999": [GOOD],
    "range": [
        *(f"01-{day:02}T17:00/01-{day:02}T18:00" for day in (5, 12, 19)),
        "01-26T18:30/01-26T19:30",
        *(f"02-{day:02}T18:30/02-{day:02}T19:30" for day in (2, 9, 16, 23)),
    ],
    "concatenated": ["01-15T10:00/01-15T11:00", "01-16T10:00/01-16T11:00"],
    "with-blank-lines": ["01-15T10:00/01-15T11:00"],
    "rdate-forms": ["03-17T01:00/03-17T02:00", "04-04T01:00/04-04T02:00", "05-01T01:00/05-01T01:30"],
    "until-date-on-timed": [f"01-{day:02}T14:00/01-{day:02}T15:00" for day in (7, 14, 21, 28)],
    "until-naive-on-zoned": [f"01-{day:02}T01:00/01-{day:02}T02:00" for day in (5, 6, 7)],
    "until-utc-on-allday": [f"{month:02}-01T00:00/{month:02}-02T00:00" for month in (1, 2, 3, 4)],
}
WITH_WARNINGS = {
    "cp1252": (["01-21T18:00/01-21T19:00"], ["not-utf8"]),
    "end-of-time-duration": ([GOOD], ["out-of-range"]),
    "b-end-before-start": (["02-12T19:00/02-12T19:00", GOOD], ["end-before-start"]),
    "e-no-start": ([GOOD], ["no-start"]),
    "interval-zero-daily": ([GOOD], ["bad-recurrence"]),
    "interval-zero-until": ([GOOD], ["bad-recurrence"]),
    "secondly": ([GOOD], ["too-often"]),
    "all": (
        [
            "02-10T00:00/02-12T00:00",
            "02-12T19:00/02-12T19:00",
            "02-14T06:00/02-14T23:00",
            "02-22T00:00/02-23T00:00",
            "02-26T09:00/02-26T10:00",
            "02-27T00:00/02-27T01:30",
            GOOD,
        ],
        ["end-before-start", "no-start"],
    ),
}


def shown(calendar: Any, match: str = "Live:*", zone: str = "UTC") -> Any:
    found_entries = entries({"a": calendar}, "a", HORIZON.begins_at, HORIZON.ends_at, ZoneInfo(zone), match)
    return [f"{at(entry.begins_at)}/{at(entry.ends_at)}" for entry in found_entries]


def at(ms: Any) -> str:
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    assert moment.year == 2027
    return f"{moment:%m-%dT%H:%M}"


def warnings_text_of(calendar: Any) -> str:
    return joined_text(explain_warnings(calendar))


def file(name: Any) -> Any:
    return read_calendar((FILES / f"{name}.ics").read_bytes(), HORIZON)


def event(*lines: Any, name: str = "VEVENT") -> Any:
    return "\r\n".join([f"BEGIN:{name}", *lines, f"END:{name}", ""])


def calendar(*components: Any, text: str = "", charset: Any = None, encoding: str = "utf-8") -> Any:
    whole = f"BEGIN:VCALENDAR\r\n{text}{''.join(components)}END:VCALENDAR\r\n"
    return read_calendar(whole.encode(encoding), HORIZON, charset=charset)


GOOD_EVENT = event("UID:good", "DTSTART:20270301T100000Z", "DTEND:20270301T110000Z", "SUMMARY:Live: good")


def test_every_calendar_file_is_expected_to_open_something() -> None:
    assert {path.stem for path in FILES.glob("*.ics")} == CASES.keys() | WITH_WARNINGS.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_calendar_opens_its_windows_without_a_warning(name: Any) -> None:
    assert (shown(file(name)), warnings_text_of(file(name))) == (CASES[name], "")


@pytest.mark.parametrize("name", WITH_WARNINGS)
def test_an_entry_that_cannot_be_used_is_named_and_costs_no_other(name: Any) -> None:
    windows, faults = WITH_WARNINGS[name]
    read = file(name)
    assert (shown(read), [warning.fault for warning in read.warnings]) == (windows, faults)
    assert all(f"“{warning.entry}”" in warnings_text_of(read) for warning in read.warnings)


@pytest.mark.parametrize("name", sorted(CASES.keys() | WITH_WARNINGS.keys()))
def test_a_calendar_is_the_same_after_it_was_stored(name: Any) -> None:
    read = file(name)
    assert decode_calendar(codec.decode(codec.encode(encode_calendar(read)))) == read


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_an_unknown_time_zone_costs_its_entry_in_whatever_zone_the_schedule_is(zone: str) -> None:
    read = calendar(event("UID:1", "DTSTART;TZID=Nowhere/Land:20270610T120000", "SUMMARY:Live: lost"), GOOD_EVENT)
    assert shown(read, zone=zone) == [GOOD]
    assert warnings_text_of(read) == "“Live: lost” left out: its time zone is not known (Nowhere/Land)"


def test_a_summary_is_matched_whether_its_letters_are_composed_or_not() -> None:
    decomposed = "Live: Cafe\N{COMBINING ACUTE ACCENT} Concert"
    read = calendar(event("UID:1", "DTSTART:20270301T100000Z", "DTEND:20270301T110000Z", f"SUMMARY:{decomposed}"))
    assert shown(read, "live: caf\N{LATIN SMALL LETTER E WITH ACUTE}*") == [GOOD]
    assert shown(read, "Live: Cafe\N{COMBINING ACUTE ACCENT}*") == [GOOD]


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        ("latin-1", "ISO-8859-1"),
        ("cp1252", "windows-1252"),
        ("utf-16", "utf-16"),
        ("utf-8", "us-ascii"),
        ("utf-8", "no-such-charset"),
        ("utf-8", "punycode"),
        ("utf-8-sig", "iso-8859-1"),
        ("shift_jis", "Shift_JIS"),
    ],
)
def test_the_charset_that_the_server_names_is_used(encoding: str, charset: str) -> None:
    word = "放送" if encoding == "shift_jis" else "Größe"
    first_event = event("UID:1", "DTSTART:20270301T100000Z", "DTEND:20270301T110000Z", f"SUMMARY:Live: {word}")
    read = calendar(first_event, charset=charset, encoding=encoding)
    assert (shown(read, f"Live: {word}"), warnings_text_of(read)) == ([GOOD], "")


@pytest.mark.parametrize(
    ("raw", "fragment"),
    [
        (b"", "empty"),
        (b"\r\n \r\n", "empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
        (b"\n\n<html>Sign in</html>", "a web page"),
        (b"BEGIN:VCALENDAR\r\n" + GOOD_EVENT.encode(), "cut short"),
        (b"BEGIN:VCALENDAR\r\n" + GOOD_EVENT.encode()[:60], "cut short"),
        ("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".encode("utf-16"), "save it as UTF-8"),
        (b"BEGIN:VCARD\r\nEND:VCARD\r\n", "does not begin with BEGIN:VCALENDAR"),
        (b"\0" * 100, "binary"),
        (b"B" * (10 * 1024 * 1024 + 1), "at most 10485760 bytes, this one has 10485761"),
        (b"BEGIN:VCALENDAR\n" + b"A:\n" * 2_000_000, "too long"),
    ],
)
def test_what_is_no_calendar_is_refused_with_what_it_is(raw: Any, fragment: str) -> None:
    with pytest.raises(CalendarError, match=fragment):
        read_calendar(raw, HORIZON)


@pytest.mark.parametrize(
    "junk",
    [
        "REFRESH-INTERVAL:VALUE=DURATION:PT1H",
        "X-WR-CALNAME",
        ":",
        ";;;:",
        'X-A;B="unclosed:1',
        "END:VEVENT",
        "BEGIN:X-THING\r\nDTSTART:nonsense\r\nEND:X-THING",
        "BEGIN:X-THING",
        "BEGIN:VTODO\r\nBEGIN:VALARM\r\nTRIGGER:-P\r\nEND:VALARM\r\nDTSTART:x\r\nEND:VTODO",
        "\N{ZERO WIDTH SPACE}X-A:1",
        "X-A:" + "x" * 100_000,
        "BEGIN:VTIMEZONE\r\nEND:VTIMEZONE",
        "BEGIN:VTIMEZONE\r\nTZID:Broken\r\nBEGIN:STANDARD\r\nRRULE:FREQ=SECONDLY\r\nEND:STANDARD\r\nEND:VTIMEZONE",
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_line_that_has_nothing_to_do_with_times_costs_nothing(junk: str, inside: bool) -> None:
    lines = ["UID:good", "DTSTART:20270301T100000Z", "DTEND:20270301T110000Z", "SUMMARY:Live: good"]
    if inside and not junk.startswith(("END", "BEGIN:VT")):
        assert shown(calendar(event(*lines, junk))) == [GOOD]
        assert shown(calendar(event(*lines, junk), GOOD_EVENT.replace("20270301T1", "20270302T1"))) == [
            GOOD,
            "03-02T10:00/03-02T11:00",
        ]
    else:
        assert shown(calendar(text=junk + "\r\n" + GOOD_EVENT)) == [GOOD]


@pytest.mark.parametrize(
    "alarm",
    [
        ["BEGIN:VALARM", "TRIGGER:nonsense", "END:VALARM"],
        ["BEGIN:VALARM", "DTSTART:19000101T000000Z", "SUMMARY:Alarm", "DURATION:x", "END:VALARM"],
        ["BEGIN:VALARM", "TRIGGER:-PT5M"],
    ],
)
def test_an_alarm_inside_a_calendar_entry_is_ignored(alarm: Any) -> None:
    lines = ["UID:1", "DTSTART:20270301T100000Z", "DTEND:20270301T110000Z", "SUMMARY:Live: x"]
    read = calendar(event(*lines, *alarm))
    assert (shown(read), read.warnings) == ([GOOD], ())


@pytest.mark.parametrize(
    ("lines", "windows"),
    [
        (["DTSTART;VALUE=DATE:20270301", "DTEND;VALUE=DATE:20270301"], ["03-01T00:00/03-02T00:00"]),
        (["DTSTART;VALUE=DATE:20270301"], ["03-01T00:00/03-02T00:00"]),
        (["DTSTART:20270301T100000Z"], ["03-01T10:00/03-01T10:00"]),
        (["DTSTART:20270301T100000Z", "DURATION:PT1H30M"], ["03-01T10:00/03-01T11:30"]),
        (["DTSTART:20270301T100000Z", "EXDATE:"], ["03-01T10:00/03-01T10:00"]),
        (["DTSTART:20270301T100000Z", "SEQUENCE:draft", "DURATION:PT1H"], [GOOD]),
        (["DTSTART;TZID=/vendor.example/Europe/Berlin:20270301T110000", "DURATION:PT1H"], [GOOD]),
        (["DTSTART;TZID=europe/berlin:20270301T110000", "DURATION:PT1H"], [GOOD]),
        (['DTSTART;X-A="a;b:c";TZID=Europe/Berlin:20270301T110000', "DURATION:PT1H"], [GOOD]),
        (["DTSTART:2027-03-01T10:00:00Z", "DURATION:PT1H"], [GOOD]),
        (
            ["DTSTART:20270301T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=2;X-SRC=1"],
            [GOOD, GOOD.replace("01T", "02T")],
        ),
        (
            ["DTSTART:20270301T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20270302"],
            [GOOD, GOOD.replace("01T", "02T")],
        ),
        (
            ["DTSTART:20270301T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3", "EXRULE:FREQ=DAILY;INTERVAL=2"],
            [GOOD.replace("01T", "02T")],
        ),
        (["DTSTART:20270301T100000Z", "DURATION:PT1H", "STATUS:CANCELLED"], []),
        (["DTSTART:20250301T100000Z", "DURATION:PT1H"], []),
    ],
)
def test_an_entry_opens_as_it_says(lines: Any, windows: Any) -> None:
    read = calendar(event("UID:1", "SUMMARY:Live: x", *lines))
    assert (shown(read), read.warnings) == (windows, ())


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (["DTSTART:tomorrow"], "bad-start"),
        (["DTSTART:20270231T100000Z"], "bad-start"),
        (["DTSTART:"], "no-start"),
        (["DTSTART:20270301T100000Z", "DTEND:later"], "bad-end"),
        (["DTSTART:20270301T100000Z", "DURATION:an hour"], "bad-end"),
        (["DTSTART:20270301T100000Z", "DURATION:P999999999W"], "out-of-range"),
        (["DTSTART:20270301T100000Z", "RRULE:FREQ=DAILY;INTERVAL=-1"], "bad-recurrence"),
        (["DTSTART:20270301T100000Z", "RRULE:FREQ=DAILY;BYHOUR=24"], "bad-recurrence"),
        (["DTSTART:20270301T100000Z", "RRULE:FREQ=SOMETIMES"], "bad-recurrence"),
        (["DTSTART:20270301T100000Z", "RRULE:FREQ=MINUTELY;INTERVAL=90"], "too-often"),
        (["DTSTART:00010101T100000Z", "RRULE:FREQ=DAILY;COUNT=999999999"], "too-costly"),
        (["DTSTART:20270301T100000Z", "RECURRENCE-ID:"], "bad-recurrence-id"),
    ],
)
def test_an_entry_that_cannot_be_read_is_left_out_and_named(lines: Any, fault: str) -> None:
    read = calendar(event("UID:1", "SUMMARY:Live: bad", *lines), GOOD_EVENT)
    assert shown(read) == [GOOD]
    assert [(warning.fault, warning.entry) for warning in read.warnings] == [(fault, "Live: bad")]


def test_an_unreadable_excluded_date_is_reported_and_the_entry_stays() -> None:
    read = calendar(event("UID:1", "SUMMARY:Live: x", "DTSTART:20270301T100000Z", "DURATION:PT1H", "EXDATE:soon"))
    assert (shown(read), [warning.fault for warning in read.warnings]) == ([GOOD], ["bad-date"])


def test_an_end_that_lies_beyond_the_horizon_is_cut_off_there() -> None:
    read = calendar(event("UID:1", "SUMMARY:x", "DTSTART:20270301T100000Z", "DURATION:P3000D"))
    assert [ends for _, ends, _ in read.instants] == [HORIZON.ends_at]


def test_calendars_do_not_know_each_others_time_zones() -> None:
    zone = event(
        "TZID:Studio Time",
        event("DTSTART:19700101T000000", "TZOFFSETFROM:+0300", "TZOFFSETTO:+0300", name="STANDARD").strip(),
        name="VTIMEZONE",
    )
    entry = event("UID:1", "DTSTART;TZID=Studio Time:20270301T130000", "DURATION:PT1H", "SUMMARY:Live: x")
    assert shown(calendar(zone, entry)) == [GOOD]
    assert [warning.fault for warning in calendar(entry).warnings] == ["unknown-zone"]


def test_a_horizon_begins_and_ends_with_a_month() -> None:
    assert horizon_at(NOW) == horizon_at(NOW + 2 * 86_400_000) == Horizon(ms(2026, 10), ms(2029, 1))
    assert horizon_at(ms(2026, 12)) == Horizon(ms(2026, 10), ms(2029, 2))


def ms(year: Any, month: Any) -> Any:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)
