"""What can be wrong with a schedule: a code for each fault, and its text for people."""

from collections.abc import Mapping
from enum import StrEnum


class ScheduleFault(StrEnum):
    """Why the windows of a schedule cannot be computed."""

    TOO_COSTLY = "schedule-too-costly"
    ZONE_UNKNOWN = "schedule-zone-unknown"
    NOT_COMPUTABLE = "schedule-not-computable"
    NOT_COMPUTABLE_TEXT = "schedule-not-computable-text"
    NOT_A_CRON = "schedule-not-a-cron"
    CRON_NEVER_DUE = "schedule-cron-never-due"
    RECURRENCE_NEVER_DUE = "schedule-recurrence-never-due"
    COUNT_TOO_HIGH = "schedule-count-too-high"
    TOO_MANY_WINDOWS = "schedule-too-many-windows"
    TOO_MANY_WINDOWS_IN_ALL = "schedule-too-many-windows-in-all"


SCHEDULE_FAULT_TEXTS: Mapping[str, str] = {
    ScheduleFault.TOO_COSTLY: "{error}; write it with fewer times or exceptions",
    ScheduleFault.ZONE_UNKNOWN: "the time zone {zone} is not known",
    ScheduleFault.NOT_COMPUTABLE: "it cannot be expanded",
    ScheduleFault.NOT_COMPUTABLE_TEXT: "it cannot be expanded: {written}",
    ScheduleFault.NOT_A_CRON: "not a cron expression: {error}",
    ScheduleFault.CRON_NEVER_DUE: "this cron expression never comes due",
    ScheduleFault.RECURRENCE_NEVER_DUE: "this recurrence never comes due",
    ScheduleFault.COUNT_TOO_HIGH: "COUNT is too high to be expanded; omit it, or write UNTIL",
    ScheduleFault.TOO_MANY_WINDOWS: "its rooms have more than {limit} windows; ask for a lower count",
    ScheduleFault.TOO_MANY_WINDOWS_IN_ALL: "all rooms together have more than {limit} windows",
}
