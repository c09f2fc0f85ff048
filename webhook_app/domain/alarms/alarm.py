"""Alarms: conditions that need attention, with their beginning and end.

An alarm's `key` is its kind and what it is about; at most one alarm with a key is active. Its `id` names one raising,
so that an acknowledgement never reaches a later alarm about the same thing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from webhook_app.domain.explanations import Explanation, text_of
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import derive
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.times import DAY, maybe_rfc3339, rfc3339

ALARMS_KEPT = 500  # cleared ones
ALARMS_ACTIVE_MAX = 1_000  # further ones are counted by `alarms-not-listed`
PAST_EVENT_CLEARS_AFTER_MS = DAY


class AlarmName(StrEnum):
    """The kinds of alarms. `alarm-raised` entries in the journal may name others."""

    REDUCING_HALTED = "reducing-halted"
    JOURNAL_STALLED = "journal-stalled"
    POISONED_EVENT = "poisoned-event"
    WEBHOOKS_UNREADABLE = "webhooks-unreadable"
    VIDEOSDK_UNREADABLE = "videosdk-unreadable"
    VIDEOSDK_CREDENTIALS = "videosdk-credentials"
    VIDEOSDK_FORBIDDEN = "videosdk-forbidden"
    CONFIGURATION_FILE = "configuration-file"
    SCHEDULE_FAILING = "schedule-failing"
    CALENDAR_FAILING = "calendar-failing"
    DELIVERIES_CUT_OFF = "deliveries-cut-off"
    BROADCAST_LATE = "broadcast-late"
    BROADCAST_MISSED = "broadcast-missed"
    START_REFUSED = "start-refused"
    START_UNKNOWN = "start-unknown"
    SUBSCRIBER_FAILING = "subscriber-failing"
    MAX_STREAMS = "max-streams"
    NOT_LISTED = "alarms-not-listed"


# Alarms that repeat a notice: a subscriber that gets the notice does not get the alarm as well.
REPEATED_NOTICES: Mapping[str, str] = {
    AlarmName.BROADCAST_LATE: NoticeType.BROADCAST_LATE,
    AlarmName.BROADCAST_MISSED: NoticeType.BROADCAST_MISSED,
    AlarmName.START_REFUSED: NoticeType.CALL_REFUSED,
}
# Earlier versions stored these kinds under a name that was prefix and subject. The keys are still those names, so that
# old journals and stores mean the same alarms.
_KEY_PREFIXES: Mapping[str, str] = {
    AlarmName.SCHEDULE_FAILING: "schedule-",
    AlarmName.CALENDAR_FAILING: "calendar-",
    AlarmName.VIDEOSDK_FORBIDDEN: "videosdk-forbidden-",
}


@dataclass(frozen=True)
class Alarm:
    """One raising of an alarm; raised again while it is active it keeps `since` and its acknowledgement.

    `count` is how often it was raised since then. `clears_at` is when it clears by itself, unless it is raised again.
    `reason` is a code; without one the kind says why. Times are in ms. The summary is text when an earlier version
    stored or reported the alarm.
    """

    name: str
    severity: str
    summary: Explanation | str
    since: int
    cleared_at: int | None = None
    count: int = 1
    clears_at: int | None = None
    key: str = ""
    room_id: str | None = None
    rule: str | None = None
    subscriber_id: str | None = None
    reason: str | None = None
    acknowledged_by: str | None = None
    acknowledged_at: int | None = None
    muted_until: int | None = None

    @property
    def id(self) -> str:
        """The id of this raising."""
        return derive("alarm_", self.key or self.name, str(self.since))

    @property
    def is_active(self) -> bool:
        """Whether it has not been cleared."""
        return self.cleared_at is None

    @property
    def summary_text(self) -> str:
        """The summary for people."""
        return str(text_of(self.summary))

    def is_acknowledged(self, at: int) -> bool:
        """Whether it is acknowledged at a moment (ms); an acknowledgement may end."""
        return self.acknowledged_at is not None and (self.muted_until is None or at < self.muted_until)


@dataclass(frozen=True, slots=True)
class AlarmReport:
    """An alarm that a step raises."""

    name: str
    severity: str
    summary: Explanation | str
    room_id: str | None = None
    rule: str | None = None
    subscriber_id: str | None = None
    reason: str | None = None
    clears_at: int | None = None


def alarm_key(name: str, subject: str | None = None) -> str:
    """Return the key of the alarm of a kind about a subject: a room's id, a rule's name, an address's hash."""
    if subject is None:
        return str(name)
    if "|" in subject:  # a timer's name is built from the key, and "|" separates it from the room
        subject = derive("", subject)
    prefix = _KEY_PREFIXES.get(name)
    return f"{name}:{subject}" if prefix is None else f"{prefix}{subject}"


def name_of_key(key: str) -> str:
    """Return the kind of an alarm of an earlier version, whose key was its only name."""
    return next((str(name) for name, prefix in _KEY_PREFIXES.items() if key.startswith(prefix)), key)


def with_key(alarm: Alarm) -> Alarm:
    """Return a stored alarm with its key, which an earlier version stored as the name."""
    if alarm.key:
        return alarm
    name = name_of_key(alarm.name)
    rule = alarm.name.removeprefix("schedule-") if name == AlarmName.SCHEDULE_FAILING else alarm.rule
    return replace(alarm, key=alarm.name, name=name, rule=rule)


def alarm_view(alarm: Alarm, room_name: str | None = None) -> dict[str, Any]:
    """The alarm as the API and notices show it."""
    return {
        "id": alarm.id,
        "name": alarm.name,
        "severity": alarm.severity,
        "summary": alarm.summary_text,
        "reason": alarm.reason or alarm.name,
        "room_id": alarm.room_id,
        "room_name": room_name,
        "rule": alarm.rule,
        "subscriber_id": alarm.subscriber_id,
        "since": rfc3339(alarm.since),
        "cleared_at": maybe_rfc3339(alarm.cleared_at),
        "acknowledged_by": alarm.acknowledged_by,
        "acknowledged_at": maybe_rfc3339(alarm.acknowledged_at),
        "muted_until": maybe_rfc3339(alarm.muted_until),
    }
