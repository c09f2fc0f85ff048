"""Calendars as rules use them: the instances of a fetched calendar within a horizon, and their lookup.

The text of a calendar is parsed and expanded once, when it was fetched (`schedules.calendars.reading`). What is kept
is its instances, so that computing windows only looks them up.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from heapq import heappop, heappush, merge
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

from webhook_app.domain.budget import spend
from webhook_app.domain.globs import glob_matches
from webhook_app.domain.times import DAY, EPOCH, MS, wall_ms, zone_ms

PAST_DAYS = 40
AHEAD_MONTHS = 25
BLOCK = 32
# No change of the clocks is longer than a day (Samoa left one out).
CLOCK_CHANGE_MAX_MS = DAY
WARNINGS_MAX = 20

Row = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One entry, in ms since 1970."""

    begins_at: int
    ends_at: int
    summary: str


@dataclass(frozen=True, slots=True)
class Horizon:
    """The period for which a calendar's instances are computed, in ms since 1970.

    It begins and ends with a month in UTC, so that reading an unchanged calendar again gives the same instances.
    """

    begins_at: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class EntryWarning:
    """An entry that was skipped or corrected: a code of `Fault`, the entry's name, and the value that is at fault."""

    fault: str
    entry: str
    value: str = ""


@dataclass(frozen=True)
class Calendar:
    """The meaning of a calendar: when its entries take place within a horizon. Compared by value.

    `instants` are in ms since 1970. `local` are floating times and whole days, in ms as if the wall clock showed UTC:
    they are read in the zone of the schedule that uses them. Both are sorted. `from_text` marks one that an earlier
    version stored as text: it counts as changed when it is fetched again, so that it is stored anew.
    """

    horizon: Horizon
    instants: tuple[Row, ...] = ()
    local: tuple[Row, ...] = ()
    warnings: tuple[EntryWarning, ...] = ()
    warnings_total: int = 0
    from_text: bool = False
    _index: "tuple[_Index, _Index]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", (_Index(self.instants), _Index(self.local)))

    def entries(self, after: int, until: int, zone: ZoneInfo) -> Iterator[CalendarEntry]:
        """Entries that overlap [after, until), soonest first."""
        instants, local = self._index
        fixed = (CalendarEntry(*row) for row in instants.overlapping(after, until))
        return merge(fixed, _placed(local, after, until, zone), key=_order)


class _Index:
    """Sorted rows in blocks, with the last end of each block: a look-up skips the blocks that are over."""

    __slots__ = ("begins", "last_ends", "rows")

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.begins = [row[0] for row in rows]
        self.last_ends = [max(row[1] for row in rows[at : at + BLOCK]) for at in range(0, len(rows), BLOCK)]

    def overlapping(self, after: int, until: int) -> Iterator[Row]:
        """Rows that overlap [after, until), in order. Spends a step for each block that is looked into."""
        end = bisect_left(self.begins, until)
        spend(1 + end // BLOCK // BLOCK)
        for block in range(-(-end // BLOCK)):
            if self.last_ends[block] < after:
                continue
            first, last = block * BLOCK, min(end, (block + 1) * BLOCK)
            spend()
            for row in self.rows[first:last]:
                if row[1] > after or (row[0] == row[1] == after):
                    yield row


Calendars = Mapping[str, Calendar]


def entries(
    calendars: Calendars, source: str, after: int, until: int, zone: ZoneInfo, match: str | None
) -> Iterator[CalendarEntry]:
    """Entries that overlap [after, until), soonest first; none of a calendar that was never fetched."""
    calendar = calendars.get(source)
    if calendar is None:
        return
    pattern = None if match is None else _comparable(match)
    for entry in calendar.entries(after, until, zone):
        spend()
        if pattern is None or glob_matches(_comparable(entry.summary), pattern):
            yield entry


def horizon_at(at: int) -> Horizon:
    """The horizon of a calendar that is read at a moment: from about 40 days before to 25 months after."""
    first = (EPOCH + (at - PAST_DAYS * DAY) * MS).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    now = EPOCH + at * MS
    months = now.year * 12 + now.month - 1 + AHEAD_MONTHS + 1
    last = datetime(months // 12, months % 12 + 1, 1)
    return Horizon(wall_ms(first), wall_ms(last))


def encode_calendar(calendar: Calendar) -> dict[str, Any]:
    """Encode a calendar for the journal and the store: instants as numbers, local times as text."""
    rows: list[list[int | str]] = [[begins, ends, summary] for begins, ends, summary in calendar.instants]
    rows += [[_local_text(begins), _local_text(ends), summary] for begins, ends, summary in calendar.local]
    return {
        "horizon": [calendar.horizon.begins_at, calendar.horizon.ends_at],
        "instances": rows,
        "warnings": [[warning.fault, warning.entry, warning.value] for warning in calendar.warnings],
        "warnings_total": calendar.warnings_total,
    }


def decode_calendar(data: Mapping[str, Any]) -> Calendar:
    """Decode a stored calendar; ValueError, KeyError or TypeError when the data is not one."""
    begins_at, ends_at = data["horizon"]
    instants: list[Row] = []
    local: list[Row] = []
    for begins, ends, summary in data["instances"]:
        if isinstance(begins, str):
            local.append((_local_ms(begins), _local_ms(ends), str(summary)))
        else:
            instants.append((int(begins), int(ends), str(summary)))
    return Calendar(
        Horizon(int(begins_at), int(ends_at)),
        tuple(sorted(instants)),
        tuple(sorted(local)),
        tuple(EntryWarning(*(str(part) for part in warning)) for warning in data.get("warnings", ())),
        int(data.get("warnings_total", 0)),
    )


def make_calendar(
    horizon: Horizon, instants: Iterable[Row], local: Iterable[Row], warnings: set[EntryWarning]
) -> Calendar:
    """Make a calendar from instances in any order."""
    ordered = sorted(warnings, key=lambda warning: (warning.fault, warning.entry, warning.value))
    return Calendar(
        horizon, tuple(sorted(set(instants))), tuple(sorted(set(local))), tuple(ordered[:WARNINGS_MAX]), len(ordered)
    )


def _placed(local: _Index, after: int, until: int, zone: ZoneInfo) -> Iterator[CalendarEntry]:
    """Local rows as entries in a zone, in order. A time that the clocks skip may sort after later ones."""
    waiting: list[tuple[int, int, str]] = []
    for begins, ends, summary in local.overlapping(after - 2 * DAY, until + 2 * DAY):
        begins_at = zone_ms(EPOCH + begins * MS, zone)
        while waiting and waiting[0][0] <= begins_at - CLOCK_CHANGE_MAX_MS:
            yield from _within(heappop(waiting), after, until)
        heappush(waiting, (begins_at, zone_ms(EPOCH + ends * MS, zone), summary))
    while waiting:
        yield from _within(heappop(waiting), after, until)


def _within(row: Row, after: int, until: int) -> Iterator[CalendarEntry]:
    if row[0] < until and (row[1] > after or row[0] == row[1] == after):
        yield CalendarEntry(*row)


def _order(entry: CalendarEntry) -> tuple[int, int, str]:
    return entry.begins_at, entry.ends_at, entry.summary


def _local_text(ms: int) -> str:
    return (EPOCH + ms * MS).isoformat()


def _local_ms(text: str) -> int:
    return wall_ms(datetime.fromisoformat(text))


@lru_cache(maxsize=8_192)
def _comparable(text: str) -> str:
    """A text as `match` compares it: composed letters, and no difference between capitals and small ones."""
    return normalize("NFC", normalize("NFC", text).lower())
