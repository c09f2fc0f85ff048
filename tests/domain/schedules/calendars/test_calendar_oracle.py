"""Series of calendars against recurring-ical-events, which expands the same text by another library's rules."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from webhook_app.domain.schedules.calendars.calendar import Horizon
from webhook_app.domain.schedules.calendars.reading import read_calendar

BEGIN, END = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC)
HORIZON = Horizon(int(BEGIN.timestamp() * 1000), int(END.timestamp() * 1000))
# Zones without a change of the clocks in the horizon's nights: there the two differ on purpose.
FORMS = ["utc", "zoned", "floating", "day"]
RULES = [
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=DAILY;COUNT=20",
    "FREQ=WEEKLY;BYDAY=MO,TH",
    "FREQ=WEEKLY;INTERVAL=2;COUNT=9",
    "FREQ=MONTHLY;BYDAY=-1SU",
    "FREQ=MONTHLY;BYMONTHDAY=-1,15",
    "FREQ=YEARLY;BYMONTH=3;BYDAY=2SA",
    "FREQ=DAILY;UNTIL=20270301T000000Z",
]


def written(name: Any, wall: Any, form: Any) -> str:
    if form == "day":
        return f"{name};VALUE=DATE:{wall:%Y%m%d}"
    zone = ";TZID=Asia/Kolkata" if form == "zoned" else ""
    return f"{name}{zone}:{wall:%Y%m%dT%H%M%S}{'Z' if form == 'utc' else ''}"


def event(*lines: Any) -> Any:
    return "\r\n".join(["BEGIN:VEVENT", "UID:series", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT", ""])


def expected(text: Any) -> Any:
    begins = set()
    for entry in recurring_ical_events.of(Calendar.from_ical(text)).between(BEGIN, END):
        if str(entry.get("STATUS", "")) != "CANCELLED":
            begins.add((moment(entry.start), moment(entry.end), str(entry["SUMMARY"])))
    return begins


def moment(value: date) -> Any:
    if not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    return int(value.replace(tzinfo=value.tzinfo or UTC).timestamp() * 1000)


@given(
    form=st.sampled_from(FORMS),
    rule=st.sampled_from(RULES),
    begun=st.integers(-60, 400),
    minutes=st.integers(0, 24 * 60 - 1),
    hours=st.integers(1, 30),
    struck=st.sets(st.integers(0, 5), max_size=3),
    changed=st.dictionaries(
        st.integers(0, 8), st.tuples(st.integers(-3, 3), st.sampled_from(["CONFIRMED", "CANCELLED"])), max_size=3
    ),
    future=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_a_series_with_exceptions_takes_place_when_the_library_says(
    form: Any, rule: Any, begun: Any, minutes: Any, hours: Any, struck: Any, changed: Any, future: Any
) -> None:
    start = datetime(2027, 2, 1) - timedelta(days=begun)
    start = start if form == "day" else start + timedelta(minutes=minutes)
    length = timedelta(days=-(-hours // 24)) if form == "day" else timedelta(hours=hours)
    whole = [written("DTSTART", start, form), written("DTEND", start + length, form), f"RRULE:{rule}", "SUMMARY:plain"]
    plain = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t\r\n" + event(*whole) + "END:VCALENDAR\r\n"
    occurrences = sorted(begins for begins, _, _ in expected(plain))
    walls = [datetime.fromtimestamp(ms / 1000, UTC).replace(tzinfo=None) for ms in occurrences]
    walls = [wall + timedelta(hours=5, minutes=30) for wall in walls] if form == "zoned" else walls
    whole += [written("EXDATE", walls[number], form) for number in sorted(struck) if number < len(walls)]
    text = event(*whole)
    for number, (moved, status) in sorted(changed.items()):
        if number >= len(walls) or number in struck:
            continue
        to = walls[number] + timedelta(days=moved)
        named = written("RECURRENCE-ID", walls[number], form)
        if future and number == max(changed) and status == "CONFIRMED":
            named = named.replace("RECURRENCE-ID", "RECURRENCE-ID;RANGE=THISANDFUTURE", 1)
        text += event(
            named,
            written("DTSTART", to, form),
            written("DTEND", to + 2 * length, form),
            f"STATUS:{status}",
            f"SUMMARY:changed {number}",
        )
    text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t\r\n{text}END:VCALENDAR\r\n"
    read = read_calendar(text.encode(), HORIZON)
    assert read.warnings == ()
    inside = {row for row in expected(text) if row[0] < HORIZON.ends_at and row[1] > HORIZON.begins_at}
    rows = {row for row in (*read.instants, *read.local) if row[1] > HORIZON.begins_at}
    cut = {(begins, min(ends, HORIZON.ends_at), summary) for begins, ends, summary in inside}
    assert rows == cut
