"""Validates cron expressions: five fields are accepted; forms of other dialects are rejected with what to write."""

import re
from dataclasses import dataclass
from datetime import datetime

from cronsim import CronSim, CronSimError

CRON_EXAMPLE = "0 9 * * SUN"
SHOWN_CHARS = 80
QUOTES = "\"'`;"
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * SUN",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a cron expression: its name, its lowest and highest value, and the names that stand for values."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def values(self) -> str:
        """What may be written in it, for people."""
        named = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.low} to {self.high}{named}"


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, MONTH_NAMES),
    Field("day of week", 0, 7, DAY_NAMES),
)
FIVE = f"write five fields ({', '.join(field.name for field in FIELDS)})"
# The days of month within which each weekday comes once, as people write them beside a weekday.
WEEKS = {"1-7": 1, "8-14": 2, "15-21": 3, "22-28": 4}
_RANGE = re.compile(r"([A-Z]{3}|[0-9]{1,2})-([A-Z]{3}|[0-9]{1,2})")
_WORD = re.compile(r"[A-Z]{4,9}")
_YEAR = re.compile(r"\*|(19|20)[0-9]{2}(-(19|20)[0-9]{2})?")
_DAY_L = re.compile(r"([A-Z]{3})#?L|([0-7])#L")
_BEFORE_LAST = re.compile(r"L-([0-9]{1,2})")
_ORDINAL = re.compile(r"#([0-9]+)")


def check_cron(expression: str) -> None:
    """Raise ValueError when this is not a cron expression of five fields; it says what to write instead."""
    hint = _hint(expression)
    if hint is None and not _is_readable(expression):
        hint = f"bad day of month: none of its months has that day; {FIVE}, such as {CRON_EXAMPLE}"
    if hint is not None:
        raise ValueError(f"not a cron expression: {hint}")


def cron_warning(expression: str) -> str | None:
    """Warn when both day fields are restricted: most people expect both to have to match."""
    fields = expression.split()
    if len(fields) != 5 or fields[2].startswith("*") or fields[4].startswith("*"):
        return None
    week, day = WEEKS.get(fields[2]), fields[4].upper()
    if week is not None and (day in DAY_NAMES or day in "01234567"):
        instead = f"for the days that match both write `{fields[0]} {fields[1]} * {fields[3]} {day}#{week}`"
    else:
        instead = (
            "write * in one of them if the other is enough, or SUN#1 as the day of week for the first Sunday of a month"
        )
    return (
        f"`{expression}` opens on every day that matches the day of month or the day of week, as cron does; {instead}"
    )


def _is_readable(expression: str) -> bool:
    try:
        CronSim(expression, datetime(2026, 1, 1))
    except CronSimError:
        return False
    return True


def _such_as(fields: list[str]) -> str:
    """Return the expression that is probably meant, or an example when that cannot be read either."""
    text = " ".join(field.replace("?", "*") for field in fields)
    return text[:SHOWN_CHARS] if len(fields) == 5 and _is_readable(text) else CRON_EXAMPLE


def _hint(expression: str) -> str | None:
    """Say what to write instead of a form of another dialect, or None when each field looks right."""
    text = expression.strip()
    fields = text.split()
    if not fields:
        return f"it is empty; {FIVE}, such as {CRON_EXAMPLE}"
    if text[0] in QUOTES or text[-1] in QUOTES:
        return f"leave out the quotation marks or the semicolon around it: {_such_as(text.strip(QUOTES).split())}"
    if fields[0].startswith("@"):
        expression_for = NICKNAMES.get(fields[0].lower())
        return f"{fields[0][:20]} is not supported; {FIVE}, such as {expression_for or CRON_EXAMPLE}"
    if fields[0].upper().startswith(("CRON_TZ=", "TZ=")):
        zone, rest = fields[0].partition("=")[2][:60], fields[1:6]
        suggestion = NICKNAMES.get(rest[0].lower(), CRON_EXAMPLE) if rest[:1] and rest[0][0] == "@" else _such_as(rest)
        return f"it names a time zone; write `timezone: {zone}` beside it and `cron: {suggestion}`"
    comment = next((at for at, field in enumerate(fields) if field.startswith("#")), None)
    if comment is not None:
        return f"it has a comment; leave out everything from # on: {_such_as(fields[:comment])}"
    if any(field.endswith(",") for field in fields[:-1]):
        return f"a list has no spaces; {FIVE}, such as {_such_as(re.sub(r', +', ',', text).split())}"
    if len(fields) != 5:
        return _wrong_count(fields)
    if "?" in text:
        return f"? is not supported; write * in its place: {_such_as(fields)}"
    return next((hint for at in range(5) if (hint := _field_hint(fields, at)) is not None), None)


def _wrong_count(fields: list[str]) -> str:
    if len(fields) == 7:
        return (
            f"it has seven fields, and neither seconds nor years are supported; {FIVE}, such as {_such_as(fields[1:6])}"
        )
    if len(fields) == 6 and _YEAR.fullmatch(fields[5]) and fields[5] != "*":
        return f"it has six fields, and years are not supported; {FIVE}, such as {_such_as(fields[:5])}"
    if len(fields) == 6:
        return f"it has six fields, and seconds are not supported; {FIVE}, such as {_such_as(fields[1:])}"
    count = f"{len(fields)} field{'' if len(fields) == 1 else 's'}"
    return f"it has {count}; {FIVE}, such as {CRON_EXAMPLE}"


def _field_hint(fields: list[str], at: int) -> str | None:
    """Say what is wrong with one field of five, or None when it can be read."""
    field, text = FIELDS[at], fields[at].upper()
    alone = ["*"] * 5
    alone[at] = fields[at]
    if _is_readable(" ".join(alone)):
        return None
    if (backward := _backward_range(field, text)) is not None:
        return backward
    if at == 2 and (before := _BEFORE_LAST.search(text)) is not None:
        day = -1 - int(before[1])
        return f"{before[0]} is not supported; a recurrence says it: `rrule: FREQ=MONTHLY;BYMONTHDAY={day}`"
    if at == 2 and "W" in text:
        return f"W (the nearest weekday) is not supported; write the day itself, such as {text.replace('W', '')[:20]}"
    if at == 4 and (last := _DAY_L.search(text)) is not None:
        number = DAY_NAMES.index(last[1]) if last[1] in DAY_NAMES else last[2] or 5
        return f"write the number of the day before L, such as {number}L for the last one of a month"
    if at == 4 and text == "L":
        return "L needs the number of a day before it, such as 5L for the last Friday of a month"
    if at == 4 and (ordinal := _ORDINAL.search(text)) is not None and not 1 <= int(ordinal[1][:3]) <= 5:
        return f"#{ordinal[1][:3]} is not supported; # takes 1 to 5, such as SUN#1 for the first Sunday of a month"
    for word in _WORD.findall(text):
        if word[:3] in field.names:
            written = [*fields[:at], text.replace(word, word[:3]), *fields[at + 1 :]]
            return f"write {word[:3]} for {word}: {_such_as(written)}"
    if re.match(r"H\b|H\(", text):
        return f"H is Jenkins' and is not supported; write a {field.name} of {field.values}"
    return f"bad {field.name} {fields[at][:20]!r}; write {field.values}, or five fields such as {CRON_EXAMPLE}"


def _backward_range(field: Field, text: str) -> str | None:
    """Say how to write a range that runs over the end of the hour, day, month, year or week."""
    for first, last in _RANGE.findall(text):
        numbers = [_number(field, end) for end in (first, last)]
        if None in numbers:
            continue
        begin, end = (int(number or 0) for number in numbers)
        if begin <= end or not (field.low <= begin <= field.high and field.low <= end <= field.high):
            continue
        if field.names:
            count = len(field.names)
            days = range(begin, begin + (end - begin) % count + 1)
            written = ",".join(field.names[(value - field.low) % count] for value in days)
        else:
            written = f"{begin}-{field.high},{field.low}-{end}"
        why = ", as the week begins on SUN" if field.name == "day of week" else ""
        return f"{first}-{last} ends before it begins{why}; write {written}"
    return None


def _number(field: Field, text: str) -> int | None:
    if text.isdecimal():
        return int(text)
    return field.names.index(text) + field.low if text in field.names else None
