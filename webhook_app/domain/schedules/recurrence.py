"""Recurrences: an RFC 5545 RRULE, parsed and checked. `expansion.expand` computes its occurrences."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import IntEnum
from typing import Any

DIGITS_MAX = 9
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
UNTIL_FORMS = "20281231, 20281231T200000 or 20281231T200000Z"
# The lowest and highest number of each BY part; a range that begins below zero counts from the end as well.
RANGES = {
    "BYMONTH": ("by_month", 1, 12),
    "BYWEEKNO": ("by_week_no", -53, 53),
    "BYYEARDAY": ("by_year_day", -366, 366),
    "BYMONTHDAY": ("by_month_day", -31, 31),
    "BYHOUR": ("by_hour", 0, 23),
    "BYMINUTE": ("by_minute", 0, 59),
    "BYSECOND": ("by_second", 0, 59),
    "BYSETPOS": ("by_set_pos", -366, 366),
    "BYEASTER": ("by_easter", -366, 366),
}
_BY_DAY = re.compile(r"([+-]?[0-9]{1,3})?(MO|TU|WE|TH|FR|SA|SU)(?:\(([+-]?[0-9]{1,3})\))?")
_UNTIL = re.compile(r"([0-9]{8})(?:T([0-9]{4}|[0-9]{6})(Z?))?")


class Frequency(IntEnum):
    """The length of a recurrence's period."""

    YEARLY = 0
    MONTHLY = 1
    WEEKLY = 2
    DAILY = 3
    HOURLY = 4
    MINUTELY = 5
    SECONDLY = 6


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A parsed RRULE. An empty BY part allows everything.

    `by_day` holds pairs of an ordinal (0: every such day) and a weekday (0: Monday). `until` is a date, which includes
    its whole day, a wall-clock time, or an instant in UTC, which `ends_before` compares.
    `by_easter` (an extension of dateutil's, which earlier versions accepted) holds days after Easter Sunday.
    """

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: date | datetime | None = None
    by_month: frozenset[int] = frozenset()
    by_week_no: frozenset[int] = frozenset()
    by_year_day: frozenset[int] = frozenset()
    by_month_day: frozenset[int] = frozenset()
    by_day: frozenset[tuple[int, int]] = frozenset()
    by_hour: frozenset[int] = frozenset()
    by_minute: frozenset[int] = frozenset()
    by_second: frozenset[int] = frozenset()
    by_set_pos: frozenset[int] = frozenset()
    by_easter: frozenset[int] = frozenset()
    week_start: int = 0

    @property
    def until_instant(self) -> datetime | None:
        """UNTIL when it was given in UTC."""
        return self.until if isinstance(self.until, datetime) and self.until.tzinfo is not None else None

    def ends_before(self, instant: datetime) -> bool:
        """Tell whether an occurrence at this instant (with its zone) comes after an UNTIL in UTC."""
        return self.until_instant is not None and instant > self.until_instant


def parse_recurrence(text: str) -> Recurrence:
    """Parse one RRULE, with or without its `RRULE:`; ValueError says what is wrong and what would be right.

    A part given twice counts as given last, and an ordinal in BYDAY of a FREQ other than YEARLY and MONTHLY is
    ignored: recurrences written like that have been accepted before.
    """
    parts = _split(text)
    if "FREQ" not in parts:
        raise ValueError(f"a recurrence begins with FREQ, one of {_frequencies()}")
    try:
        values: dict[str, Any] = {"frequency": Frequency[parts.pop("FREQ")]}
    except KeyError:
        raise ValueError(f"FREQ is one of {_frequencies()}") from None
    if "UNTIL" in parts and "COUNT" in parts:
        raise ValueError("a recurrence has COUNT or UNTIL, not both")
    for name, value in parts.items():
        if name in RANGES:
            field, lowest, highest = RANGES[name]
            values[field] = frozenset(_numbers(name, value, lowest, highest))
        elif name in _PARSERS:
            field, parse = _PARSERS[name]
            values[field] = parse(name, value)
        elif not name.startswith("X-"):
            allowed = ", ".join(("FREQ", *_PARSERS, *RANGES))
            raise ValueError(f"{name[:40]!r} is not a part of a recurrence; the parts are {allowed}")
    return Recurrence(**values)


def _split(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        name, equals, value = part.strip().partition("=")
        if not name and not equals:
            continue
        if not equals or not value.strip():
            raise ValueError(f"{part.strip()[:40]!r} has no value; write NAME=VALUE, separated by semicolons")
        parts["BYDAY" if name.strip() == "BYWEEKDAY" else name.strip()] = value.strip()
    return parts


def _frequencies() -> str:
    return ", ".join(frequency.name for frequency in Frequency)


def _number(name: str, value: str, lowest: int, highest: int) -> int:
    digits = value.strip().removeprefix("+")
    unsigned = digits.removeprefix("-")
    if unsigned.isascii() and unsigned.isdecimal() and len(unsigned) <= DIGITS_MAX:
        number = int(digits)
        if lowest <= number <= highest and (number != 0 or lowest == 0 or name == "BYEASTER"):
            return number
    span = f"{lowest} to {highest}" if lowest >= 0 or name == "BYEASTER" else f"1 to {highest}, or -1 to {lowest}"
    raise ValueError(f"{name}={value[:40]} is not a number from {span}")


def _numbers(name: str, value: str, lowest: int, highest: int) -> list[int]:
    return [_number(name, item, lowest, highest) for item in value.split(",")]


def _positive(name: str, value: str) -> int:
    try:
        return _number(name, value, 1, 10**DIGITS_MAX - 1)
    except ValueError:
        raise ValueError(f"{name}={value[:40]} is not a whole number of 1 or more") from None


def _by_day(name: str, value: str) -> frozenset[tuple[int, int]]:
    pairs = set()
    for item in value.split(","):
        match = _BY_DAY.fullmatch(item.strip())
        ordinal = (match[1] or match[3]) if match else None
        if match is None or (match[1] and match[3]) or (ordinal and not 1 <= abs(int(ordinal)) <= 53):
            raise ValueError(f"{name}={item[:40]} is not a weekday; write MO, 1MO for the first or -1MO for the last")
        pairs.add((int(ordinal or 0), WEEKDAYS.index(match[2])))
    return frozenset(pairs)


def _until(name: str, value: str) -> date | datetime:
    match = _UNTIL.fullmatch(value.replace("-", "").replace(":", ""))
    try:
        if match is None:
            raise ValueError
        day = datetime.strptime(match[1], "%Y%m%d")
        if match[2] is None:
            return day.date()
        wall = datetime.strptime(match[1] + match[2].ljust(6, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        raise ValueError(f"{name}={value[:40]} is not a date or time; write {UNTIL_FORMS}") from None
    return wall.replace(tzinfo=UTC) if match[3] else wall


def _week_start(name: str, value: str) -> int:
    if value not in WEEKDAYS:
        raise ValueError(f"{name}={value[:40]} is not a weekday; write one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(value)


_PARSERS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "INTERVAL": ("interval", _positive),
    "COUNT": ("count", _positive),
    "UNTIL": ("until", _until),
    "BYDAY": ("by_day", _by_day),
    "WKST": ("week_start", _week_start),
}
