"""iCalendar octets to components: unfolded, and only the properties that a schedule needs.

Everything else (alarms, descriptions, headers of the calendar, lines that cannot be read) is dropped before anything
looks at its value, so that a line which has nothing to do with times cannot cost an entry.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from webhook_app.domain.budget import spend
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.schedules.calendars.faults import CalendarFault

KEPT: Mapping[str, frozenset[str]] = {
    "VEVENT": frozenset(
        "DTSTART DTEND DURATION RRULE EXRULE RDATE EXDATE RECURRENCE-ID STATUS SUMMARY UID SEQUENCE".split()
    ),
    "VTIMEZONE": frozenset({"TZID"}),
    "STANDARD": frozenset({"DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE"}),
    "DAYLIGHT": frozenset({"DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE"}),
}
OBSERVANCES = ("STANDARD", "DAYLIGHT")
ALWAYS_BEGIN = ("VCALENDAR", "VEVENT", "VTIMEZONE")
TEXTS = frozenset({"SUMMARY", "UID", "TZID", "STATUS"})
PROPERTIES_MAX = 5_000
BOMS = (b"\xff\xfe", b"\xfe\xff")

BOM = b"\xef\xbb\xbf"
LINE_MAX_BYTES = 200_000
DATED = frozenset({"DTSTART", "DTEND", "RECURRENCE-ID", "RDATE", "EXDATE"})

_LINE = re.compile(rb"[^\n]+")
_NAME = re.compile(rb"\s*([A-Za-z0-9-]+)\s*([;:])")
_DATE_FOLLOWS = re.compile(r":(?=\s*\d{4}-?\d{2}-?\d{2})")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class CalendarError(ValueError):
    """A calendar that cannot be fetched or used. `explanation` says why as a code, the message in words."""

    def __init__(self, fault: CalendarFault | Explanation, **arguments: object) -> None:
        self.explanation = fault if isinstance(fault, Explanation) else explain(fault, **arguments)
        super().__init__(self.explanation.text)


@dataclass(frozen=True, slots=True)
class Property:
    """One content line: its parameters by their names in capitals, and its value with escapes resolved."""

    value: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Component:
    """A VEVENT or VTIMEZONE: the properties that matter, in order, and a time zone's observances."""

    name: str
    properties: Mapping[str, tuple[Property, ...]]
    observances: tuple["Component", ...] = ()

    def first(self, name: str) -> Property | None:
        """The first property of a name that has a value, None when there is none."""
        return next((line for line in self.properties.get(name, ()) if line.value.strip()), None)

    def all(self, name: str) -> tuple[Property, ...]:
        """All properties of a name that have a value."""
        return tuple(line for line in self.properties.get(name, ()) if line.value.strip())


class _Open:
    """A component whose END has not been read yet."""

    __slots__ = ("name", "observances", "properties")

    def __init__(self, name: str) -> None:
        self.name = name
        self.properties: dict[str, list[Property]] = {}
        self.observances: list[Component] = []

    def closed(self) -> Component:
        """Build the component from what was read so far."""
        properties = {name: tuple(lines) for name, lines in self.properties.items()}
        return Component(self.name, properties, tuple(self.observances))


def components(raw: bytes, encoding: str = "utf-8") -> Iterator[Component]:
    """Yield the VEVENTs and VTIMEZONEs of every VCALENDAR in the text, in their order.

    CalendarError when there is no VCALENDAR at all, or when the last one is cut short (after what came before the cut
    was yielded). Spends a step for each line.
    """
    if raw.startswith(BOMS):
        raise CalendarError(CalendarFault.UTF16)
    stack: list[_Open] = []
    calendars, ignored_depth = 0, 0
    for match in _LINE.finditer(_unfolded(raw)):
        spend()
        line = match[0].removeprefix(BOM)
        named = _NAME.match(line)
        if named is None:
            continue
        name = named[1].upper().decode("ascii")
        if name == "BEGIN":
            kind = _component_name(line[named.end() :])
            if kind in ALWAYS_BEGIN:  # also where the END of what stands around it is missing
                calendars += kind == "VCALENDAR"
                ignored_depth = 0
                yield from _close_to(stack, 0 if kind == "VCALENDAR" else 1)
                if stack or kind == "VCALENDAR":
                    stack.append(_Open(kind))
            elif stack and not ignored_depth and stack[-1].name == "VTIMEZONE" and kind in OBSERVANCES:
                stack.append(_Open(kind))
            else:
                ignored_depth += 1
        elif name == "END":
            kind = _component_name(line[named.end() :])
            opened = next((at for at, component in enumerate(stack) if component.name == kind), None)
            if opened is not None and (not ignored_depth or kind in ALWAYS_BEGIN):
                ignored_depth = 0
                yield from _close_to(stack, opened)
            elif ignored_depth:
                ignored_depth -= 1
        elif stack and not ignored_depth and name in KEPT.get(stack[-1].name, ()):
            lines = stack[-1].properties.setdefault(name, [])
            if len(lines) < PROPERTIES_MAX:
                lines.append(_property(name, line[named.end(1) : LINE_MAX_BYTES], encoding))
    if not calendars:
        raise CalendarError(_why_not(raw))
    if stack:
        raise CalendarError(CalendarFault.CUT_SHORT)


def _unfolded(raw: bytes) -> bytes:
    """Join folded lines, as octets: some exporters fold within a letter (RFC 5545, section 3.1)."""
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n ", b"").replace(b"\n\t", b"")


def _component_name(value: bytes) -> str:
    return value.strip().upper().decode("ascii", "replace")


def _close_to(stack: list[_Open], depth: int) -> Iterator[Component]:
    """Close the components that are open deeper than this, the innermost first."""
    while len(stack) > depth:
        component = stack.pop()
        if component.name in OBSERVANCES and stack:
            stack[-1].observances.append(component.closed())
        elif component.name in ("VEVENT", "VTIMEZONE"):
            yield component.closed()


def _property(name: str, rest: bytes, encoding: str) -> Property:
    """Parse what follows a property's name: `;NAME=value…:value`, whatever quotes are missing."""
    try:
        text, readable = rest.decode(encoding), True
    except UnicodeDecodeError:
        text, readable = rest.decode(encoding, "replace"), False
    date_at = _DATE_FOLLOWS.search(text) if name in DATED else None
    if date_at is not None:
        head, value = text[: date_at.start()], text[date_at.end() :]
    elif name in DATED:
        head, _, value = text.rpartition(":")
    else:
        head, value = _split_outside_quotes(text)
    if name in TEXTS:
        return Property(_ESCAPED.sub(_unescaped, value.strip()), {}, readable)
    return Property(value.strip(), _parameters(head), readable)


def _split_outside_quotes(text: str) -> tuple[str, str]:
    """Split at the first colon that stands outside quotes, else at the first colon."""
    length = 0
    for number, part in enumerate(text.split('"')):
        if number % 2 == 0 and ":" in part:
            at = length + part.index(":")
            return text[:at], text[at + 1 :]
        length += len(part) + 1
    head, _, value = text.partition(":")
    return head, value


def _parameters(head: str) -> dict[str, str]:
    parts = head.split('"')
    if len(parts) % 2:  # every quote is closed: what stands between two of them is no separator
        parts[1::2] = [part.replace(";", "\0") for part in parts[1::2]]
    parameters = {}
    for text in "".join(parts).split(";"):
        name, equals, value = text.partition("=")
        if equals:
            parameters[name.strip().upper()] = value.replace("\0", ";").strip()
    return parameters


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] in "nN" else match[1]


def _why_not(raw: bytes) -> CalendarFault:
    begin = raw[:4_096].removeprefix(BOM).lstrip().lower()
    if not begin:
        return CalendarFault.EMPTY
    if begin.startswith((b"<!doctype html", b"<html", b"<head", b"<!--", b"<?xml")) or b"<html" in begin:
        return CalendarFault.WEB_PAGE
    if b"\0" in begin:
        return CalendarFault.BINARY
    return CalendarFault.NO_CALENDAR
