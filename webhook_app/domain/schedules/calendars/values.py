"""Values of iCalendar properties: dates, times and durations.

They are parsed here because icalendar rejects a whole entry for one bad value.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from webhook_app.domain.schedules.calendars.components import Property
from webhook_app.domain.schedules.calendars.faults import EntryError, Fault
from webhook_app.domain.schedules.calendars.zones import Zone, Zones
from webhook_app.domain.times import wall_ms

DAY = timedelta(days=1)

_MOMENT = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2}):?(\d{2}):?(\d{2})?(?:\.\d{1,9})?(Z)?)?", re.IGNORECASE)
_LENGTH = re.compile(
    r"([+-])?P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class CalendarTime:
    """A point in a calendar: wall-clock time in a zone, or without one (floating), or a whole day."""

    wall: datetime
    zone: Zone | None = None
    whole_day: bool = False

    def at(self, wall: datetime) -> int:
        """Another wall-clock time of the same kind in ms: an instant, or as if the wall clock showed UTC."""
        return wall_ms(wall) if self.zone is None else self.zone.instant(wall)

    @property
    def ms(self) -> int:
        """This moment in ms, as `at` counts."""
        return self.at(self.wall)


@dataclass(frozen=True, slots=True)
class EntryDuration:
    """How long an entry is: first by the wall clock, then in elapsed time."""

    wall: timedelta = timedelta()
    exact_ms: int = 0

    @property
    def rough(self) -> timedelta:
        """The approximate length, without regard to changes of the clocks."""
        return self.wall + timedelta(milliseconds=self.exact_ms)


def read_time(line: Property, text: str, zones: Zones) -> CalendarTime:
    """Read a DATE or DATE-TIME; ValueError when it is neither, EntryError when its zone is unknown."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a date or time")
    year, month, day, hour, minute, second, utc = match.groups()
    date_alone = datetime(int(year), int(month), int(day))
    if hour is None or line.parameters.get("VALUE", "").upper() == "DATE":
        return CalendarTime(date_alone, whole_day=True)
    # 24:00:00 and the leap second are written by some exporters, and mean the moment after.
    clock = timedelta(hours=int(hour), minutes=int(minute), seconds=int(second or 0))
    if int(hour) > 24 or int(minute) > 59 or int(second or 0) > 60 or clock > DAY:
        raise ValueError(f"{text[:40]!r} is not a time")
    wall = date_alone + clock
    name = line.parameters.get("TZID", "")
    if utc:
        return CalendarTime(wall, zones.utc)
    if not name:
        return CalendarTime(wall)
    zone = zones.find(name)
    if zone is None:
        raise EntryError(Fault.UNKNOWN_ZONE, name)
    return CalendarTime(wall, zone)


def read_duration(text: str) -> EntryDuration:
    """Read a DURATION: weeks and days by the wall clock, the rest in elapsed time (RFC 5545, section 3.3.6)."""
    match = _LENGTH.fullmatch(text.strip())
    if match is None or not any(match.groups()[1:]):
        raise ValueError(f"{text[:40]!r} is not a duration")
    sign, weeks, days, hours, minutes, seconds = match.groups()
    if sign == "-":
        raise EntryError(Fault.END_BEFORE_START)
    exact = int(hours or 0) * 3_600 + int(minutes or 0) * 60 + int(seconds or 0)
    return EntryDuration(timedelta(days=int(weeks or 0) * 7 + int(days or 0)), exact * 1_000)
