"""Faults of a calendar or of one of its entries: a code for each, and its text."""

from collections.abc import Mapping
from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with an entry: the code that is stored and compared."""

    NO_START = "no-start"
    BAD_START = "bad-start"
    BAD_END = "bad-end"
    END_BEFORE_START = "end-before-start"
    UNKNOWN_ZONE = "unknown-zone"
    BAD_RECURRENCE = "bad-recurrence"
    TOO_OFTEN = "too-often"
    TOO_COSTLY = "too-costly"
    BAD_DATE = "bad-date"
    BAD_RECURRENCE_ID = "bad-recurrence-id"
    OUT_OF_RANGE = "out-of-range"
    NOT_UTF8 = "not-utf8"
    UNREADABLE = "unreadable"
    TOO_MANY_ENTRIES = "too-many-entries"
    TOO_MANY_INSTANCES = "too-many-instances"


class EntryError(ValueError):
    """An entry, or a value of it, that cannot be used."""

    def __init__(self, fault: Fault, value: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.value = value


class CalendarFault(StrEnum):
    """Why a calendar could not be fetched or used, and how its alarm names an entry."""

    EMPTY = "calendar-empty"
    WEB_PAGE = "calendar-web-page"
    BINARY = "calendar-binary"
    NO_CALENDAR = "calendar-no-calendar"
    CUT_SHORT = "calendar-cut-short"
    UTF16 = "calendar-utf16"
    OTHER_ENCODING = "calendar-other-encoding"
    TOO_MANY_BYTES = "calendar-too-many-bytes"
    TOO_MANY_LINES = "calendar-too-many-lines"
    ADDRESS_UNUSABLE = "calendar-address-unusable"
    NOT_RECEIVED = "calendar-not-received"
    STATUS = "calendar-status"
    TOO_MANY_REDIRECTS = "calendar-too-many-redirects"
    REDIRECT_INVALID = "calendar-redirect-invalid"
    REDIRECT_NOT_HTTP = "calendar-redirect-not-http"
    CONTENT_ENCODING = "calendar-content-encoding"
    TOO_LARGE = "calendar-too-large"
    TOO_LARGE_BY = "calendar-too-large-by"
    BAD_GZIP = "calendar-bad-gzip"
    GZIP_CUT_SHORT = "calendar-gzip-cut-short"
    CONNECTION_CUT_SHORT = "calendar-connection-cut-short"
    BY_SCHEME = "calendar-by-scheme"
    FILE = "calendar-file"
    ENTRY = "calendar-entry"
    ENTRY_VALUE = "calendar-entry-value"
    MORE_ENTRIES = "calendar-more-entries"


def entry_fault_code(fault: str) -> str:
    """The code that explains a `Fault` of an entry; stored calendars name the fault alone."""
    return f"calendar-entry-{fault}"


FAULT_TEXTS: Mapping[Fault, str] = {
    Fault.NO_START: "left out: it has no DTSTART",
    Fault.BAD_START: "left out: its DTSTART is not a date or time",
    Fault.BAD_END: "left out: its DTEND or DURATION cannot be read",
    Fault.END_BEFORE_START: "ends before it starts: read as if it had no end",
    Fault.UNKNOWN_ZONE: "left out: its time zone is not known",
    Fault.BAD_RECURRENCE: "left out: its RRULE cannot be read",
    Fault.TOO_OFTEN: "left out: it repeats more often than hourly",
    Fault.TOO_COSTLY: "left out: working out when it repeats takes too many steps",
    Fault.BAD_DATE: "a date of its EXDATE or RDATE cannot be read and is ignored",
    Fault.BAD_RECURRENCE_ID: "left out: its RECURRENCE-ID cannot be read",
    Fault.OUT_OF_RANGE: "left out: it leaves the years 1 to 9999",
    Fault.NOT_UTF8: "is not UTF-8: save the calendar as UTF-8",
    Fault.UNREADABLE: "left out: it cannot be read",
    Fault.TOO_MANY_ENTRIES: "and the entries after it are left out: the calendar has too many",
    Fault.TOO_MANY_INSTANCES: "left out: the calendar has too many dates",
}

CALENDAR_FAULT_TEXTS: Mapping[str, str] = {
    CalendarFault.EMPTY: "empty: it should begin with BEGIN:VCALENDAR",
    CalendarFault.WEB_PAGE: (
        "a web page, not a calendar: is a log-in in the way, or is this the address of a page about it?"
    ),
    CalendarFault.BINARY: "not a calendar: binary, or not UTF-8 (save it as UTF-8)",
    CalendarFault.NO_CALENDAR: "not a calendar: it does not begin with BEGIN:VCALENDAR",
    CalendarFault.CUT_SHORT: "cut short: END:VCALENDAR is missing",
    CalendarFault.UTF16: "not UTF-8 (it looks like UTF-16): save it as UTF-8",
    CalendarFault.OTHER_ENCODING: "not {encoding}, though the server says so: save it as UTF-8",
    CalendarFault.TOO_MANY_BYTES: "a calendar is at most {limit} bytes, this one has {size}",
    CalendarFault.TOO_MANY_LINES: "too long: it has more than {limit} lines",
    CalendarFault.ADDRESS_UNUSABLE: "{error}",
    CalendarFault.NOT_RECEIVED: "not received within {seconds} seconds",
    CalendarFault.STATUS: "the server answered {status}",
    CalendarFault.TOO_MANY_REDIRECTS: "more than {limit} redirects",
    CalendarFault.REDIRECT_INVALID: "redirected to an invalid address",
    CalendarFault.REDIRECT_NOT_HTTP: "redirected to an address that is not http:// or https://",
    CalendarFault.CONTENT_ENCODING: "unsupported content encoding {encoding}",
    CalendarFault.TOO_LARGE: "a calendar may have at most {limit} MiB",
    CalendarFault.TOO_LARGE_BY: "a calendar may have at most {limit} MiB, this one has {size} MiB",
    CalendarFault.BAD_GZIP: "invalid gzip data",
    CalendarFault.GZIP_CUT_SHORT: "truncated: the gzip stream ended early",
    CalendarFault.CONNECTION_CUT_SHORT: "truncated: the connection ended early",
    CalendarFault.BY_SCHEME: "by https: {https}; by http: {http}",
    CalendarFault.FILE: "the file {why}",
    CalendarFault.ENTRY: "“{entry}” {fault}",
    CalendarFault.ENTRY_VALUE: "“{entry}” {fault} ({value})",
    CalendarFault.MORE_ENTRIES: "and {count} more",
    **{entry_fault_code(fault): text for fault, text in FAULT_TEXTS.items()},
}
