"""What can be wrong with an entry of a calendar: a code for each fault, and its text for people."""

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
