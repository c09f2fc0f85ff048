"""From a VEVENT to its instances: the series of an entry, the dates struck out, and the overrides.

Steps, for the entries of one UID:

1. A master (without RECURRENCE-ID) gives its DTSTART, the occurrences of its RRULEs and its RDATEs.
2. Those that EXDATE or EXRULE name are left out, and so are those that an override (RECURRENCE-ID) names.
3. What follows an override with RANGE=THISANDFUTURE moves, lasts and is named as that override says.
4. Overrides take place at their own time, also when no master is there or none of its occurrences has that name.
5. What is cancelled does not take place.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from webhook_app.domain.budget import spend
from webhook_app.domain.schedules.calendars.calendar import Horizon
from webhook_app.domain.schedules.calendars.entry import Entry
from webhook_app.domain.schedules.calendars.faults import EntryError, Fault
from webhook_app.domain.schedules.calendars.values import (
    DAY,
    CalendarTime,
    EntryDuration,
)
from webhook_app.domain.schedules.expansion import expand
from webhook_app.domain.schedules.recurrence import Recurrence
from webhook_app.domain.times import EPOCH, MS, wall_ms

SHIFT_MAX = timedelta(days=4 * 366)


@dataclass(frozen=True, slots=True)
class Instance:
    """One time that an entry takes place, in ms: instants, or `local` as if the wall clock showed UTC."""

    begins: int
    ends: int
    local: bool
    summary: str


@dataclass(frozen=True, slots=True)
class _Following:
    """An override with RANGE=THISANDFUTURE: what comes after a moment moves by `shift` and is as `entry` says."""

    after: int
    shift: timedelta
    entry: Entry


class _Names:
    """A set of occurrences as EXDATE and RECURRENCE-ID name them: by date, by wall clock or by instant."""

    def __init__(self, moments: Sequence[CalendarTime]) -> None:
        self._dates = {moment.wall.date() for moment in moments if moment.whole_day}
        self._walls = {moment.wall for moment in moments if moment.zone is None and not moment.whole_day}
        self._instants = {moment.ms for moment in moments if moment.zone is not None}
        self._timed_dates = {moment.wall.date() for moment in moments if not moment.whole_day}

    def has(self, occurrence: CalendarTime, ms: int) -> bool:
        """Whether an occurrence is named; `ms` is its own."""
        if occurrence.whole_day:
            day = occurrence.wall.date()
            return day in self._dates or day in self._timed_dates
        return (
            ms in self._instants
            or occurrence.wall in self._walls
            or (bool(self._dates) and occurrence.wall.date() in self._dates)
        )


def instances(group: Sequence[Entry], horizon: Horizon) -> Iterator[Instance]:
    """Yield when the entries of one UID take place within the horizon, in no order."""
    masters = [entry for entry in group if entry.recurrence_id is None]
    newest = max((entry.sequence for entry in masters), default=0)
    masters = list(dict.fromkeys(entry for entry in masters if entry.sequence == newest))
    overrides = _newest_overrides([entry for entry in group if entry.recurrence_id is not None], masters)
    excluded = _Names([moment for master in masters for moment in master.excluded])
    for master in masters:
        yield from _of_master(master, overrides, horizon)
    for override in overrides:
        spend()
        named = override.recurrence_id
        if not override.cancelled and named is not None and not excluded.has(named, named.ms):
            yield from _instance(override, override.start, override.start.ms, override.length, horizon)


def _of_master(master: Entry, overrides: Sequence[Entry], horizon: Horizon) -> Iterator[Instance]:
    spend(1 + len(overrides))
    excluded = _Names([*master.excluded, *(entry.recurrence_id for entry in overrides if entry.recurrence_id)])
    following = sorted(
        (
            _Following(_ms_in(entry.recurrence_id, master.start), _shift(entry, master.start), entry)
            for entry in overrides
            if entry.and_future and entry.recurrence_id is not None
        ),
        key=lambda change: change.after,
    )
    changes = [change.after for change in following]
    lengths = [master.length, *(change.entry.length for change in following)]
    shifts = [change.shift for change in following]
    back = max(length.rough for length in lengths) + max([timedelta(), *shifts])
    ahead = max([timedelta(), *(-shift for shift in shifts)])
    first = _clipped(EPOCH + horizon.begins_at * MS, -back - 2 * DAY)
    last = _clipped(EPOCH + horizon.ends_at * MS, ahead + 2 * DAY)
    excluded_walls = {wall for rule in master.excluded_rules for wall in _walls(rule, master.start, first, last)}
    yielded: set[int] = set()
    for moment, own_length in _occurrences(master, first, last):
        ms = moment.ms
        if ms in yielded or moment.wall in excluded_walls or excluded.has(moment, ms):
            continue
        yielded.add(ms)
        source = master
        number = bisect_left(changes, ms)
        if number:
            change = following[number - 1]
            source = change.entry
            moment = CalendarTime(moment.wall + change.shift, source.start.zone, source.start.whole_day)
            ms = moment.ms
        if not source.cancelled:
            yield from _instance(source, moment, ms, own_length or source.length, horizon)


def _occurrences(master: Entry, first: datetime, last: datetime) -> Iterator[tuple[CalendarTime, EntryDuration | None]]:
    untils = [_until_ms(rule, master.start) for rule in master.rules]
    over = bool(untils) and all(until is not None and until < master.start.ms for until in untils)
    if not over:
        yield master.start, None
    for rule in master.rules:
        for wall in _walls(rule, master.start, first, last):
            yield CalendarTime(wall, master.start.zone, master.start.whole_day), None
    for moment, length in master.dates:
        if master.start.whole_day and not moment.whole_day and moment.zone is None:
            moment = replace(moment, whole_day=True)
        elif moment.whole_day and not master.start.whole_day:
            moment = replace(master.start, wall=datetime.combine(moment.wall.date(), master.start.wall.time()))
        yield moment, length


def _walls(rule: Recurrence, start: CalendarTime, first: datetime, last: datetime) -> Iterator[datetime]:
    """Expand a rule by the wall clock of DTSTART; an UNTIL in UTC is compared as an instant."""
    until = _until_ms(rule, start)
    bounded = replace(rule, until=None)
    for wall in expand(bounded, start.wall, first, last):
        if until is not None and start.at(wall) > until:
            return
        yield wall


def _until_ms(rule: Recurrence, start: CalendarTime) -> int | None:
    """The last ms, as `start` counts, at which an occurrence may begin."""
    until = rule.until
    if until is None:
        return None
    if not isinstance(until, datetime):
        return start.at(datetime.combine(until, datetime.max.time()))
    naive = until.replace(tzinfo=None)
    if start.whole_day:
        return wall_ms(naive.replace(hour=0, minute=0, second=0))
    if until.tzinfo is not None and start.zone is not None:
        return wall_ms(naive)
    return start.at(naive)


def _newest_overrides(overrides: Sequence[Entry], masters: Sequence[Entry]) -> list[Entry]:
    """Of overrides that name the same occurrence, the one with the highest SEQUENCE, and of these the last."""
    newest: dict[object, Entry] = {}
    for entry in overrides:
        moment = entry.recurrence_id
        assert moment is not None
        start = masters[0].start if masters else moment
        key = moment.wall.date() if moment.whole_day or start.whole_day else _ms_in(moment, start)
        previous = newest.get(key)
        if previous is None or entry.sequence >= previous.sequence:
            newest[key] = entry
    return list(newest.values())


def _ms_in(moment: CalendarTime, start: CalendarTime) -> int:
    """A moment as the times of a series count: one without a zone is read in the series' own."""
    if moment.zone is None:
        return start.at(moment.wall)
    return moment.ms if start.zone is not None else wall_ms(moment.wall)


def _shift(override: Entry, start: CalendarTime) -> timedelta:
    """By how much an override moves what follows it, by the wall clock."""
    named = override.recurrence_id
    assert named is not None
    wall = named.wall
    if named.zone is not None and start.zone is not None and named.zone.key != start.zone.key:
        wall = start.zone.wall(named.ms)
    if named.whole_day and not start.whole_day:
        wall = datetime.combine(wall.date(), start.wall.time())
    shift = override.start.wall - wall
    if abs(shift) > SHIFT_MAX:
        raise EntryError(Fault.OUT_OF_RANGE)
    return shift


def _instance(
    entry: Entry, moment: CalendarTime, ms: int, length: EntryDuration, horizon: Horizon
) -> Iterator[Instance]:
    """The instance that begins at a moment if it is within the horizon, its end cut off there."""
    ends = max(moment.at(moment.wall + length.wall) + length.exact_ms, ms)
    if ms < horizon.ends_at and ends >= horizon.begins_at:
        yield Instance(ms, min(ends, horizon.ends_at), moment.zone is None, entry.summary)


def _clipped(wall: datetime, by: timedelta) -> datetime:
    try:
        return wall + by
    except OverflowError:
        return datetime.min if by < timedelta() else datetime.max
