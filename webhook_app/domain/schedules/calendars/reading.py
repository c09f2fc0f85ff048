"""Reads a calendar: from the bytes of a response or a file to its instances within a horizon.

Steps:

1. The octets are split into components (`components`); entries that are over before the horizon are dropped at once.
2. Each entry is read by itself: one that cannot be read is left out and named in a warning.
3. The entries of one UID give their instances within the horizon (`series`): those that repeat least often first, so
   that a series which takes too many steps costs none of them.
4. Of each entry the soonest instances are kept, and of too many entries those that take place least often.

Steps are counted: per entry, and for the calendar as a whole.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from heapq import nsmallest

from webhook_app.domain.budget import BudgetExceededError, spend, step_budget
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.schedules.calendars.calendar import (
    WARNINGS_MAX,
    Calendar,
    EntryWarning,
    Horizon,
    Row,
    make_calendar,
)
from webhook_app.domain.schedules.calendars.components import BOM, CalendarError, Component, components
from webhook_app.domain.schedules.calendars.entry import Entry, read_entry
from webhook_app.domain.schedules.calendars.faults import CalendarFault, EntryError, Fault, entry_fault_code
from webhook_app.domain.schedules.calendars.series import instances
from webhook_app.domain.schedules.calendars.values import DAY
from webhook_app.domain.schedules.calendars.zones import Zones
from webhook_app.domain.times import EPOCH, MS

CALENDAR_MAX_BYTES = 10 * 1024 * 1024
ENTRIES_MAX = 20_000
INSTANCES_MAX = 10_000
INSTANCES_OF_ENTRY_MAX = 5_000
KEPT_MAX_BYTES = 2 * 1024 * 1024
ROW_BYTES = 40  # two times and what separates them, as JSON
INSTANCES_READ_MAX = 10 * INSTANCES_MAX
ENTRY_STEPS = 100_000
LINES_STEPS = 1_500_000
ENTRIES_STEPS = 600_000
NAME_MAX_CHARS = 80
CHARSET_MAX_CHARS = 40
ZONES_MARGIN = timedelta(days=3 * 366)

# Encodings that a server may name: each reads any octets in time that grows with their number alone.
ENCODINGS = re.compile(
    r"ascii|utf-8(?:-sig)?|utf-16(?:-[lb]e)?|utf-32(?:-[lb]e)?|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+|shift_jis\w*"
    r"|euc_\w+|gb2312|gbk|gb18030|big5\w*|hz|johab|ptcp154|tis-620|kz1048"
)
WIDE = re.compile(r"utf-(?:16|32)")
LONG_AGO_YEARS = 2
_OUTSIDE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_UNTIL = re.compile(r"UNTIL=(\d{8})", re.IGNORECASE)


def read_calendar(raw: bytes, horizon: Horizon, *, charset: str | None = None) -> Calendar:
    """Read a calendar; CalendarError when nothing of it can be used.

    `charset` is what the server named; a byte order mark wins over it, and what is not known is read as UTF-8.
    """
    if len(raw) > CALENDAR_MAX_BYTES:
        raise CalendarError(CalendarFault.TOO_MANY_BYTES, limit=CALENDAR_MAX_BYTES, size=len(raw))
    raw, encoding = _recoded(raw, charset)
    warnings: set[EntryWarning] = set()
    try:
        with step_budget(LINES_STEPS, "reading the lines of this calendar"):
            events, definitions = _components(raw, encoding, horizon, warnings)
    except BudgetExceededError as error:
        raise CalendarError(CalendarFault.TOO_MANY_LINES, limit=error.limit) from None
    zones = Zones(
        definitions, EPOCH + horizon.begins_at * MS - ZONES_MARGIN, EPOCH + horizon.ends_at * MS + ZONES_MARGIN
    )
    allowance = _Allowance(warnings)
    read: list[tuple[str, list[tuple[Row, bool]]]] = []
    left = INSTANCES_READ_MAX
    for name, group in _groups(events, zones, allowance):
        if allowance.is_used_up(name):
            continue
        with allowance.entry(name):
            rows = {
                ((instance.begins, instance.ends, instance.summary), instance.local)
                for instance in instances(group, horizon)
            }
            left -= min(len(rows), INSTANCES_OF_ENTRY_MAX)
            if left < 0:
                raise EntryError(Fault.TOO_MANY_INSTANCES)
            read.append((name, nsmallest(INSTANCES_OF_ENTRY_MAX, rows)))
    selected = _select(read, warnings)
    return make_calendar(
        horizon, (row for row, local in selected if not local), (row for row, local in selected if local), warnings
    )


def explain_warnings(calendar: Calendar, limit: int = WARNINGS_MAX) -> list[Explanation]:
    """Explain what was skipped or corrected, entry by entry, at most `limit` of them; empty when nothing was."""
    explanations = [_explain_warning(warning) for warning in calendar.warnings[:limit]]
    more = calendar.warnings_total - len(explanations)
    return [*explanations, explain(CalendarFault.MORE_ENTRIES, count=more)] if more > 0 else explanations


def _explain_warning(warning: EntryWarning) -> Explanation:
    fault = explain(entry_fault_code(warning.fault))
    if warning.value:
        return explain(CalendarFault.ENTRY_VALUE, entry=warning.entry, fault=fault, value=warning.value)
    return explain(CalendarFault.ENTRY, entry=warning.entry, fault=fault)


def _recoded(raw: bytes, charset: str | None) -> tuple[bytes, str]:
    """The octets without a byte order mark, and their encoding, which is a superset of ASCII."""
    if raw.startswith(BOM):
        return raw.removeprefix(BOM), "utf-8"
    try:
        encoding = codecs.lookup((charset or "utf-8").strip("\"' ")[:CHARSET_MAX_CHARS]).name
    except (LookupError, ValueError):
        return raw, "utf-8"
    if ENCODINGS.fullmatch(encoding) is None or encoding == "ascii":
        return raw, "utf-8"
    if WIDE.match(encoding):
        try:
            return raw.decode(encoding).removeprefix("\ufeff").encode(), "utf-8"
        except UnicodeError:
            raise CalendarError(CalendarFault.OTHER_ENCODING, encoding=encoding) from None
    return raw, encoding


def _components(
    raw: bytes, encoding: str, horizon: Horizon, warnings: set[EntryWarning]
) -> tuple[list[Component], list[Component]]:
    events: list[Component] = []
    definitions: list[Component] = []
    first, last = (
        (EPOCH + moment * MS + margin).strftime("%Y%m%d")
        for moment, margin in ((horizon.begins_at, -2 * DAY), (horizon.ends_at, 2 * DAY))
    )
    for component in components(raw, encoding):
        if component.name == "VTIMEZONE":
            definitions.append(component)
        elif _is_outside(component, first, last):
            continue
        elif len(events) < ENTRIES_MAX:
            events.append(component)
        else:
            warnings.add(EntryWarning(Fault.TOO_MANY_ENTRIES, f"entry {ENTRIES_MAX + 1}"))
    return events, definitions


def _is_outside(event: Component, first: str, last: str) -> bool:
    """Whether an entry ends long before a day, or begins after one, judged by its digits alone: then it is not read."""
    rules = event.properties.get("RRULE", ())
    if "RDATE" in event.properties or "DURATION" in event.properties or len(rules) > 1:
        return False
    begin, end, named = (event.first(name) for name in ("DTSTART", "DTEND", "RECURRENCE-ID"))
    if begin is None or ("RECURRENCE-ID" in event.properties and (named is None or named.parameters.get("RANGE"))):
        return False
    lines = [begin.value, *(line.value for line in (end, named) if line is not None)]
    if rules and rules[0].value.strip():
        until = _UNTIL.search(rules[0].value)
        if until is None or int(first[:4]) - int(until[1][:4]) <= LONG_AGO_YEARS:
            return False
        lines.append(until[1])
    days = [_OUTSIDE.match(line) for line in lines]
    digits = ["".join(day.groups()) for day in days if day is not None]
    return len(digits) == len(lines) and (max(digits) < first or min(digits) > last)


class _Allowance:
    """Steps that are left for the entries of one calendar, and the warnings about those that were left out."""

    def __init__(self, warnings: set[EntryWarning]) -> None:
        self.warnings = warnings
        self._left = ENTRIES_STEPS

    def is_used_up(self, name: str) -> bool:
        """Whether no steps are left for an entry, which is then left out with a warning."""
        if self._left <= 0:
            self.warnings.add(EntryWarning(Fault.TOO_COSTLY, name))
        return self._left <= 0

    @contextmanager
    def entry(self, name: str) -> Iterator[None]:
        """Bound the work on one entry. Any error skips that entry and becomes its warning."""
        spend()
        limit = max(1, min(ENTRY_STEPS, self._left))
        spent = 0
        try:
            with step_budget(limit, "this entry") as budget:
                try:
                    yield
                finally:
                    spent = budget.spent
        except EntryError as error:
            self.warnings.add(EntryWarning(error.fault, name, _printable(error.value)))
        except BudgetExceededError:
            if spent <= limit:  # the caller's budget is used up
                raise
            self.warnings.add(EntryWarning(Fault.TOO_COSTLY, name))
        except OverflowError:
            self.warnings.add(EntryWarning(Fault.OUT_OF_RANGE, name))
        except Exception:
            self.warnings.add(EntryWarning(Fault.UNREADABLE, name))
        finally:
            self._left -= spent + 1


def _groups(events: Sequence[Component], zones: Zones, allowance: _Allowance) -> Iterator[tuple[str, list[Entry]]]:
    """The entries that can be read, by UID: those that repeat least often first."""
    groups: dict[str, tuple[str, list[Entry]]] = {}
    for number, event in enumerate(events):
        name = _name(event, number)
        faults: list[Fault] = []
        if allowance.is_used_up(name):
            continue
        with allowance.entry(name):
            entry = read_entry(event, zones, faults)
            uid = event.first("UID")
            groups.setdefault(uid.value if uid is not None else f"\0{number}", (name, []))[1].append(entry)
        allowance.warnings.update(EntryWarning(fault, name) for fault in faults)
    yield from sorted(groups.values(), key=lambda pair: _frequency(pair[1]))


def _frequency(group: list[Entry]) -> int:
    """How often a group repeats: 0 for not at all, more for more often."""
    return max((rule.frequency + 1 for entry in group for rule in entry.rules), default=0)


def _select(read: list[tuple[str, list[tuple[Row, bool]]]], warnings: set[EntryWarning]) -> list[tuple[Row, bool]]:
    """The instances of as many entries as fit, those that take place least often first."""
    selected: list[tuple[Row, bool]] = []
    selected_bytes = 0
    for name, rows in sorted(read, key=lambda pair: len(pair[1])):
        size = sum(ROW_BYTES + len(summary.encode()) for (_, _, summary), _ in rows)
        if len(selected) + len(rows) <= INSTANCES_MAX and selected_bytes + size <= KEPT_MAX_BYTES:
            selected += rows
            selected_bytes += size
        else:
            warnings.add(EntryWarning(Fault.TOO_MANY_INSTANCES, name))
    return selected


def _name(event: Component, number: int) -> str:
    """What an entry is called in a warning: its summary, else its UID."""
    for line in (event.first("SUMMARY"), event.first("UID")):
        if line is not None:
            text = _printable(line.value)
            if text:
                return text
    return f"entry {number + 1}"


def _printable(text: str) -> str:
    """A short text on one line without control characters."""
    letters = "".join(letter if letter.isprintable() else " " for letter in text[: 5 * NAME_MAX_CHARS])
    return " ".join(letters.split())[:NAME_MAX_CHARS]
