"""Calendars: whatever is fetched is read or refused with CalendarError, and its entries are found.

`read` is the one place that knows the product's reader.
"""

from random import Random
from zoneinfo import ZoneInfo

from webhook_app.domain.budget import step_budget
from webhook_app.domain.schedules.calendars.calendar import entries, horizon_at
from webhook_app.domain.schedules.calendars.components import CalendarError
from webhook_app.domain.schedules.calendars.reading import read_calendar

AT = 1_795_348_800_000
WEEK = 7 * 86_400_000
STEPS_MAX = 10_000_000
LINES = (
    *(
        "DTSTART:20270301T100000Z",
        "DTSTART;TZID=Europe/Berlin:20261129T100000",
        "DTSTART;VALUE=DATE:20261201",
        "DTSTART:",
    ),
    *("DTEND:20270301T110000Z", "DTEND:20200101T000000Z", "DURATION:PT1H", "DURATION:-P999999999D", "DURATION:PT1H\tX"),
    *("DTSTART:99991231T235959Z", "DTSTART:00010101T000000Z", "SUMMARY:Live: Caf\u00e9", "STATUS:CANCELLED", "UID:a"),
    *("RDATE:20261201T100000Z", "EXDATE:20261201", "EXDATE:", "RECURRENCE-ID:20261201T100000Z", "SEQUENCE:many"),
    *("BEGIN:VALARM", "END:VALARM", "BEGIN:VEVENT", "END:VEVENT", "X-" + "A" * 100 + ":b", ";;;:", " folded", "\x00"),
)
RULES = (
    *("FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU", "FREQ=MONTHLY;BYDAY=1SU", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
    *("FREQ=DAILY;INTERVAL=0", "FREQ=SECONDLY", "FREQ=MINUTELY;COUNT=10000000", "FREQ=DAILY;UNTIL=99991231T000000Z"),
    *("FREQ=", "", "FREQ=DAILY;BYHOUR=24", "FREQ=DAILY;BYDAY=99MO", "FREQ=HOURLY;BYHOUR=1,3;INTERVAL=2"),
)


def make(random: Random) -> str:
    """A calendar from this seed."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0"]
    for number in range(random.randint(0, 4)):
        lines += ["BEGIN:VEVENT", f"UID:{number}", *(random.choice(LINES) for _ in range(random.randint(0, 6)))]
        if random.random() < 0.6:
            lines.append("RRULE:" + random.choice(RULES))
        lines.append("END:VEVENT")
    lines.append("END:VCALENDAR")
    if random.random() < 0.3:
        del lines[random.randrange(len(lines))]
    return random.choice(("\r\n", "\n", "\r")).join(lines)


def check(text: str) -> None:
    """Whatever is raised but CalendarError is a failure, and so is an entry that ends before it begins."""
    try:
        calendar = read(text)
    except CalendarError:
        return
    assert all(begins_at <= ends_at for begins_at, ends_at in calendar)


def read(text: str) -> list[tuple[int, int]]:
    """The entries of a week, as the product reads them."""
    with step_budget(STEPS_MAX, "a calendar"):
        calendar = read_calendar(text.encode("utf-8", "surrogatepass"), horizon_at(AT))
        found_entries = entries({"source": calendar}, "source", AT, AT + WEEK, ZoneInfo("Europe/Berlin"), None)
        return [(entry.begins_at, entry.ends_at) for entry in found_entries]
