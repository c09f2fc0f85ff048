"""Reads one VEVENT. An entry with an unreadable value is skipped, or the value is replaced, with a warning."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from webhook_app.domain.budget import spend
from webhook_app.domain.schedules.calendars.components import Component, Property
from webhook_app.domain.schedules.calendars.faults import EntryError, Fault
from webhook_app.domain.schedules.calendars.values import DAY, CalendarTime, EntryDuration, read_duration, read_time
from webhook_app.domain.schedules.calendars.zones import Zones
from webhook_app.domain.schedules.recurrence import Frequency, Recurrence, parse_recurrence

SUMMARY_MAX_CHARS = 200
_NEGATIVE_COUNT = re.compile(r"COUNT=-[0-9]+;?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One VEVENT, its values read."""

    start: CalendarTime
    length: EntryDuration
    summary: str
    cancelled: bool
    sequence: int
    rules: tuple[Recurrence, ...] = ()
    excluded_rules: tuple[Recurrence, ...] = ()
    dates: tuple[tuple[CalendarTime, EntryDuration | None], ...] = ()
    excluded: tuple[CalendarTime, ...] = ()
    recurrence_id: CalendarTime | None = None
    and_future: bool = False


def read_entry(event: Component, zones: Zones, faults: list[Fault]) -> Entry:
    """Read a VEVENT; EntryError when it has to be left out. Values that were replaced are added to `faults`."""
    if any(not line.readable for lines in event.properties.values() for line in lines):
        faults.append(Fault.NOT_UTF8)
    start_line = event.first("DTSTART")
    if start_line is None:
        raise EntryError(Fault.NO_START)
    start = _moment(start_line, zones, Fault.BAD_START)
    start, length = _length(event, start, zones, faults)
    recurrence_id, and_future = None, False
    if "RECURRENCE-ID" in event.properties:
        line = event.first("RECURRENCE-ID")
        if line is None:
            raise EntryError(Fault.BAD_RECURRENCE_ID)
        recurrence_id = _moment(line, zones, Fault.BAD_RECURRENCE_ID)
        and_future = line.parameters.get("RANGE", "").upper() == "THISANDFUTURE"
    status, summary, sequence = (event.first(name) for name in ("STATUS", "SUMMARY", "SEQUENCE"))
    return Entry(
        start,
        length,
        summary.value.strip()[:SUMMARY_MAX_CHARS] if summary is not None else "",
        status is not None and status.value.strip().upper() in ("CANCELLED", "CANCELED"),
        int(sequence.value) if sequence is not None and re.fullmatch(r"[0-9]{1,9}", sequence.value) else 0,
        _rules(event, "RRULE"),
        _rules(event, "EXRULE"),
        tuple(_dates(event, zones, faults)),
        tuple(_excluded(event, zones, faults)),
        recurrence_id,
        and_future,
    )


def _moment(line: Property, zones: Zones, fault: Fault) -> CalendarTime:
    try:
        return read_time(line, line.value, zones)
    except OverflowError:
        raise EntryError(Fault.OUT_OF_RANGE) from None
    except EntryError:
        raise
    except ValueError:
        raise EntryError(fault, line.value) from None


def _length(
    event: Component, start: CalendarTime, zones: Zones, faults: list[Fault]
) -> tuple[CalendarTime, EntryDuration]:
    """How long an entry is; its start too, which takes the zone of an end that has one when it has none itself."""
    none = EntryDuration(DAY) if start.whole_day else EntryDuration()
    end_line, length_line = event.first("DTEND"), event.first("DURATION")
    if end_line is not None:
        end = _moment(end_line, zones, Fault.BAD_END)
        if start.whole_day:
            # A time of day on the last day means that whole day, midnight the day before.
            days = (end.wall.date() - start.wall.date()).days + (end.wall.time() != datetime.min.time())
            length = EntryDuration(timedelta(days=days))
        elif start.zone is None and end.zone is not None:
            start = replace(start, zone=end.zone)
            length = EntryDuration(end.wall - start.wall)
        elif end.zone is None or (start.zone is not None and start.zone.key == end.zone.key):
            length = EntryDuration(end.wall - start.wall)
        else:
            length = EntryDuration(exact_ms=end.ms - start.ms)
        if length.rough < timedelta():
            faults.append(Fault.END_BEFORE_START)
        return start, length if length.rough > timedelta() else none
    if length_line is not None:
        try:
            length = read_duration(length_line.value)
        except EntryError as error:
            faults.append(error.fault)
            return start, none
        except ValueError:
            raise EntryError(Fault.BAD_END, length_line.value) from None
        try:
            start.wall + length.rough
        except OverflowError:
            raise EntryError(Fault.OUT_OF_RANGE) from None
        return start, length if length.rough > timedelta() else none
    return start, none


def _rules(event: Component, name: str) -> tuple[Recurrence, ...]:
    rules = []
    for line in event.all(name):
        try:
            rule = parse_recurrence(_NEGATIVE_COUNT.sub("", line.value))
        except ValueError:
            raise EntryError(Fault.BAD_RECURRENCE, line.value) from None
        if rule.frequency > Frequency.HOURLY:
            raise EntryError(Fault.TOO_OFTEN, line.value)
        rules.append(rule)
    return tuple(rules)


def _dates(event: Component, zones: Zones, faults: list[Fault]) -> Iterator[tuple[CalendarTime, EntryDuration | None]]:
    """RDATEs: dates, times, and periods, which have a length of their own."""
    for line, text in _items(event, "RDATE"):
        begin, slash, end = text.partition("/")
        moment = _lenient_moment(line, begin, zones, faults)
        if moment is None:
            continue
        length: EntryDuration | None = None
        if slash:
            try:
                if end.strip().upper().startswith(("P", "+P")):
                    length = read_duration(end)
                else:
                    length = EntryDuration(exact_ms=read_time(line, end, zones).ms - moment.ms)
            except (ValueError, OverflowError):
                faults.append(Fault.BAD_DATE)
                continue
        yield moment, length


def _excluded(event: Component, zones: Zones, faults: list[Fault]) -> Iterator[CalendarTime]:
    for line, text in _items(event, "EXDATE"):
        moment = _lenient_moment(line, text, zones, faults)
        if moment is not None:
            yield moment


def _items(event: Component, name: str) -> Iterator[tuple[Property, str]]:
    for line in event.all(name):
        for text in line.value.split(","):
            spend()
            if text.strip():
                yield line, text


def _lenient_moment(line: Property, text: str, zones: Zones, faults: list[Fault]) -> CalendarTime | None:
    try:
        return read_time(line, text, zones)
    except (ValueError, OverflowError):
        faults.append(Fault.BAD_DATE)
        return None
