"""The functions that a condition can call, and our implementation of those that read parts of a time in a zone."""

from collections.abc import Callable, Iterable
from datetime import datetime
from difflib import get_close_matches
from zoneinfo import ZoneInfo

FUNCTIONS = (
    *("size", "contains", "startsWith", "endsWith", "matches", "string", "int", "uint", "double", "bool", "bytes"),
    *("type", "duration", "timestamp", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek"),
    *("getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds", "min", "max"),
)


class FunctionError(ValueError):
    """A function that does not exist; the message names one that does."""


def check_functions(names: Iterable[str]) -> None:
    """FunctionError on a name that is nearly one of a function."""
    # What an event brings is not known when a rule is saved, so trying the condition does not find these.
    for name in names:
        close = get_close_matches(name, FUNCTIONS, n=1, cutoff=0.8)
        if name.isidentifier() and name not in FUNCTIONS and close:
            raise FunctionError(f"{name}() does not exist; did you mean {close[0]}()?")


def _zoned(moment: datetime, zone: str | None) -> datetime:
    return moment if zone is None else moment.astimezone(ZoneInfo(zone))


TIME_FUNCTIONS: dict[str, Callable[..., int]] = {
    "getFullYear": lambda moment, zone=None: _zoned(moment, zone).year,
    "getMonth": lambda moment, zone=None: _zoned(moment, zone).month - 1,
    "getDate": lambda moment, zone=None: _zoned(moment, zone).day,
    "getDayOfMonth": lambda moment, zone=None: _zoned(moment, zone).day - 1,
    "getDayOfWeek": lambda moment, zone=None: _zoned(moment, zone).isoweekday() % 7,
    "getHours": lambda moment, zone=None: _zoned(moment, zone).hour,
    "getMinutes": lambda moment, zone=None: _zoned(moment, zone).minute,
    "getSeconds": lambda moment, zone=None: _zoned(moment, zone).second,
}
