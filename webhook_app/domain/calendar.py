"""Calendars (RFC 5545): entries of a fetched calendar within a span of time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar

CALENDAR_MAX_BYTES = 2 * 1024 * 1024
ENTRIES_MAX = 5_000
BLOCK_MS = 64 * 86_400_000
DAY = timedelta(days=1)

Calendars = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One entry, in ms since 1970."""

    begins_at: int
    ends_at: int
    summary: str


class CalendarError(ValueError):
    """A text that is no calendar; the message says why."""


def check_calendar(text: str) -> int:
    """How many entries a calendar holds; CalendarError when it cannot be read."""
    if len(text.encode()) > CALENDAR_MAX_BYTES:
        raise CalendarError(f"a calendar is at most {CALENDAR_MAX_BYTES} bytes")
    if "BEGIN:VCALENDAR" not in text.upper():
        raise CalendarError("not a calendar: it does not begin with BEGIN:VCALENDAR")
    try:
        parsed = Calendar.from_ical(text)
        entries = len(parsed.walk("VEVENT"))
        recurring_ical_events.of(parsed).between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise CalendarError(f"not a calendar: {type(error).__name__}: {error}"[:300]) from None
    if entries > ENTRIES_MAX:
        raise CalendarError(f"a calendar has at most {ENTRIES_MAX} entries, this one {entries}")
    return entries


def entries(
    calendars: Calendars, source: str, after: int, until: int, zone: ZoneInfo, match: str | None
) -> Iterator[CalendarEntry]:
    """Entries that overlap [after, until), soonest first; none of a calendar that was never fetched."""
    text = calendars.get(source)
    if text is None:
        return
    # Whole blocks, so that questions about nearby moments share an answer and far ones are not looked at early.
    first = after // BLOCK_MS
    for block in range(first, -(-until // BLOCK_MS)):
        for entry in _expanded(text, block * BLOCK_MS, (block + 1) * BLOCK_MS, zone.key):
            begun_before = entry.begins_at < block * BLOCK_MS and block > first
            if begun_before or entry.begins_at >= until or entry.ends_at <= after:
                continue
            if match is None or fnmatchcase(entry.summary.lower(), match.lower()):
                yield entry


@lru_cache(maxsize=512)
def _expanded(text: str, after: int, until: int, zone_name: str) -> tuple[CalendarEntry, ...]:
    zone = ZoneInfo(zone_name)
    # A day more on either side: times without a zone are read in the schedule's.
    span = (datetime.fromtimestamp(after / 1000, UTC) - DAY, datetime.fromtimestamp(until / 1000, UTC) + DAY)
    found = []
    for event in _parsed(text).between(*span):
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        begins, ends = _ms(event.start, zone), _ms(event.end, zone)
        if begins < until and ends >= after:
            found.append(CalendarEntry(begins, ends, str(event.get("SUMMARY", ""))))
    return tuple(sorted(found, key=lambda entry: (entry.begins_at, entry.ends_at, entry.summary)))


@lru_cache(maxsize=64)
def _parsed(text: str) -> recurring_ical_events.CalendarQuery:
    return recurring_ical_events.of(Calendar.from_ical(text))


def _ms(moment: date | datetime, zone: ZoneInfo) -> int:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return int((moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
