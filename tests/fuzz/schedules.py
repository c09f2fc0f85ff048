"""Schedules: what is put is refused with a reason or computed, within a fixed number of steps."""

from random import Random

from marshmallow import ValidationError

from webhook_app.domain.budget import step_budget
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.schedule import next_windows
from webhook_app.schemas.schedule import ScheduleSchema, decode_schedule

AT = 1_795_348_800_000
YEARS = 5 * 366 * 86_400_000
STEPS_MAX = 1_000_000
COUNT = 50
PARTS = {
    "FREQ": ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY", "NEVER", ""),
    "INTERVAL": ("0", "1", "2", "7", "13", "400", "-1", "99999999999", "x"),
    "COUNT": ("0", "1", "10", "100000", "999999999", "-5"),
    "UNTIL": ("20270101", "20270101T000000", "20270101T000000Z", "99991231T235959Z", "00010101", "2027", ""),
    "BYMONTH": ("2", "1,6", "13", "0", "-1", "12,12,12"),
    "BYMONTHDAY": ("30", "31", "29,30", "-1", "-31", "32", "1,2,3,4,5,6,7"),
    "BYDAY": ("MO", "SU,MO", "1MO", "-1FR", "5SU", "99MO", "XX", "MO,TU,WE,TH,FR,SA,SU"),
    "BYYEARDAY": ("366", "1,-1", "367"),
    "BYWEEKNO": ("53", "1,2", "54", "-53"),
    "BYHOUR": ("0", "3,4", "23", "24", ",".join(map(str, range(24)))),
    "BYMINUTE": ("0", "59", "60", ",".join(map(str, range(60)))),
    "BYSECOND": ("0", "59", "61"),
    "BYSETPOS": ("1", "-1", "366", "-366", "0"),
    "WKST": ("MO", "SU", "ZZ"),
}
FIELDS = ("*", "0", "5", "*/7", "1-5", "59", "60", "29", "31", "L", "?", "SUN", "fri-sun", "MON#1", "1,2,3", "*/0", "")
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia")
STARTS = ("2026-12-01T00:00", "2000-02-29T12:00", "2027-03-28T02:30", "9999-12-31T23:59", "0001-01-01T00:00", "soon")


def make(random: Random) -> dict[str, object]:
    """A schedule as a user would put it, from this seed."""
    schedule: dict[str, object] = {"timezone": random.choice(ZONES), "duration": random.choice(("10m", "2h", "31d"))}
    if random.random() < 0.3:
        schedule["cron"] = " ".join(random.choice(FIELDS) for _ in range(random.choice((5, 5, 5, 5, 6, 4))))
        return schedule
    names = ["FREQ", *random.sample(list(PARTS)[1:], random.randint(0, 5))]
    schedule["rrule"] = ";".join(f"{name}={random.choice(PARTS[name])}" for name in names)
    schedule["dtstart"] = random.choice(STARTS)
    return schedule


def check(fields: dict[str, object]) -> None:
    """What the door takes can be computed; what it refuses has a reason; neither takes more than so many steps."""
    with step_budget(STEPS_MAX, "a schedule"):
        try:
            loaded = ScheduleSchema().load(fields)
        except ValidationError as error:
            assert error.messages
            return
        try:
            windows = next_windows(decode_schedule(loaded), AT, AT + YEARS, {}, COUNT)
        except ScheduleError as error:
            raise AssertionError(f"the door took it, and then: {error}") from error
        assert len(windows) <= COUNT
        assert all(window.opens_at < window.closes_at for window in windows)
        assert [window.opens_at for window in windows] == sorted({window.opens_at for window in windows})
