"""Time zones that a calendar uses: IANA names, Windows names, and zones that the calendar defines itself."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from webhook_app.domain.budget import Budget, BudgetExceededError, spend, step_budget
from webhook_app.domain.schedules.calendars.components import Component, Property
from webhook_app.domain.schedules.expansion import expand
from webhook_app.domain.schedules.recurrence import Frequency, parse_recurrence
from webhook_app.domain.times import EPOCH, MS, zone_ms

YEAR = timedelta(days=366)
NAME_MAX_CHARS = 200
DEFINITION_STEPS = 10_000
DEFINITIONS_STEPS = 100_000
OBSERVANCES_MAX = 200

_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})(?::?(\d{2}))?")
_ONSET = re.compile(r"(\d{8})T(\d{6})Z?", re.IGNORECASE)


class Zone(Protocol):
    """Wall-clock times to instants and back, in ms since 1970."""

    @property
    def key(self) -> str:
        """A key that identifies this zone."""

    def instant(self, wall: datetime) -> int:
        """The instant of a wall-clock time: of two, the first; of a skipped time, as much later as the clocks jump."""

    def wall(self, instant: int) -> datetime:
        """What the wall clock shows at an instant; OverflowError outside the years 1 to 9999."""


class NamedZone:
    """A zone of the IANA database."""

    def __init__(self, name: str) -> None:
        self.key = name
        self._zone = ZoneInfo(name)

    def instant(self, wall: datetime) -> int:
        """The instant of a wall-clock time: of two, the first; of a skipped time, as much later as the clocks jump."""
        return zone_ms(wall, self._zone)

    def wall(self, instant: int) -> datetime:
        """What the wall clock shows at an instant."""
        utc = (EPOCH + instant * MS).replace(tzinfo=UTC)
        return utc.astimezone(self._zone).replace(tzinfo=None)


class DefinedZone:
    """A zone that a calendar defines by a VTIMEZONE: its offsets and when each begins."""

    def __init__(self, name: str, onsets: Sequence[tuple[datetime, timedelta, timedelta]]) -> None:
        """Take the wall-clock time before each change, and the offsets before and after it."""
        self.key = f"defined:{name}"
        ordered = sorted(onsets)
        # A time that the clocks skip counts by the offset before the change.
        self._walls = [wall + max(timedelta(), after - before) for wall, before, after in ordered]
        self._instants = [(wall - before - EPOCH) // MS for wall, before, after in ordered]
        self._offsets = [ordered[0][1], *(after for _, _, after in ordered)]

    def instant(self, wall: datetime) -> int:
        """The instant of a wall-clock time: of two, the first; of a skipped time, as much later as the clocks jump."""
        return (wall - EPOCH - self._offsets[bisect_right(self._walls, wall)]) // MS

    def wall(self, instant: int) -> datetime:
        """What the wall clock shows at an instant."""
        return EPOCH + instant * MS + self._offsets[bisect_right(self._instants, instant)]


class Zones:
    """The zones that one calendar may name. Its own definitions are read when an entry needs one."""

    def __init__(self, definitions: Sequence[Component], first: datetime, last: datetime) -> None:
        """Take the calendar's VTIMEZONEs, and between which wall-clock times they have to be right."""
        self.utc: Zone = NamedZone("UTC")
        self._definitions: dict[str, Component] = {}
        for definition in definitions:
            name = definition.first("TZID")
            if name is not None:
                self._definitions.setdefault(name.value.strip(), definition)
        self._first, self._last = first, last
        self._found: dict[str, Zone | None] = {}
        self._steps_left = DEFINITIONS_STEPS

    def find(self, name: str) -> Zone | None:
        """The zone of a TZID, None when nothing says which one it is."""
        if name not in self._found:
            self._found[name] = self._look_up(name)
        return self._found[name]

    def _look_up(self, name: str) -> Zone | None:
        if len(name) > NAME_MAX_CHARS:
            return None
        clean = name.strip().strip('"').strip("/")
        for candidate in (clean, WINDOWS_TO_OLSON.get(clean, "")):
            iana_name = _iana_names().get(candidate.lower())
            if iana_name is not None:
                return NamedZone(iana_name)
        definition = self._definitions.get(name) or self._definitions.get(clean)
        if definition is not None:
            return self._define(name, definition)
        # `/vendor/Europe/Berlin`, `tzone://Microsoft/Utc`: the longest ending that is a name.
        parts = clean.split("/")
        for start in range(1, len(parts)):
            iana_name = _iana_names().get("/".join(parts[start:]).lower())
            if iana_name is not None:
                return NamedZone(iana_name)
        return None

    def _define(self, name: str, definition: Component) -> Zone | None:
        if self._steps_left <= 0:
            return None
        try:
            with step_budget(DEFINITION_STEPS, "a time zone's definition") as budget, self._charged(budget):
                onsets = [
                    onset
                    for observance in definition.observances[:OBSERVANCES_MAX]
                    for onset in _onsets(observance, self._first, self._last)
                ]
        except BudgetExceededError as error:
            if error.limit != DEFINITION_STEPS:
                raise
            return None
        except (ValueError, OverflowError):
            return None
        return DefinedZone(name, onsets) if onsets else None

    @contextmanager
    def _charged(self, budget: Budget) -> Iterator[None]:
        try:
            yield
        finally:
            self._steps_left -= budget.spent


@lru_cache(maxsize=1)
def _iana_names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


def _onsets(observance: Component, first: datetime, last: datetime) -> Iterator[tuple[datetime, timedelta, timedelta]]:
    """When an observance begins, as far as that matters between two wall-clock times."""
    before, after = (_offset(observance.first(name)) for name in ("TZOFFSETFROM", "TZOFFSETTO"))
    begin = _onset(observance.first("DTSTART"))
    yield begin, before, after
    for line in observance.all("RDATE"):
        for text in line.value.split(","):
            spend()
            yield _onset(Property(text)), before, after
    for line in observance.all("RRULE"):
        rule = parse_recurrence(line.value)
        if rule.frequency not in (Frequency.YEARLY, Frequency.MONTHLY):
            raise ValueError("clocks are changed each year or month")
        until = rule.until
        if isinstance(until, datetime):
            # Given in UTC: a day more lets the last change in, which is what any offset may take away.
            rule = replace(rule, until=until.replace(tzinfo=None) + timedelta(days=1) if until.tzinfo else until)
            until = until.replace(tzinfo=None)
        elif until is not None:
            until = datetime.combine(until, datetime.max.time())
        end = last if until is None else min(last, until + timedelta(days=1))
        for wall in expand(rule, begin, min(first, end - 2 * YEAR), end):
            yield wall, before, after


def _offset(line: Property | None) -> timedelta:
    match = _OFFSET.fullmatch(line.value.strip()) if line is not None else None
    if match is None:
        raise ValueError("an offset is written +0100")
    sign, hours, minutes, seconds = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0))
    if offset >= timedelta(days=1):
        raise ValueError("an offset is less than a day")
    return -offset if sign == "-" else offset


def _onset(line: Property | None) -> datetime:
    match = _ONSET.fullmatch(line.value.strip()) if line is not None else None
    if match is None:
        raise ValueError("an observance has no DTSTART")
    return datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S")
