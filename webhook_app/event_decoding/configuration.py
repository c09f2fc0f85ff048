"""Decodes changes of rules, rooms, calendars and settings."""

from collections.abc import Callable, Mapping
from typing import Any

from webhook_app.domain.facts.configuration import (
    ApplyFile,
    CalendarFetched,
    ConfigurationFact,
    DeleteRule,
    ForgetRoom,
    PauseRule,
    PutRoom,
    PutRule,
    SettingsChanged,
    SkipNextOccurrence,
    SkipOccurrence,
)
from webhook_app.domain.frozen import replace
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.domain.schedules.calendars.calendar import decode_calendar
from webhook_app.event_decoding.rules import decode_rule

JSON = Mapping[str, Any]


def _put_rule(data: JSON) -> PutRule:
    return PutRule(decode_rule(data["rule"]))


def _delete_rule(data: JSON) -> DeleteRule:
    return DeleteRule(str(data["name"]))


def _pause_rule(data: JSON) -> PauseRule:
    return PauseRule(str(data["name"]), paused=True)


def _resume_rule(data: JSON) -> PauseRule:
    return PauseRule(str(data["name"]), paused=False)


def _skip_next_occurrence(data: JSON) -> SkipNextOccurrence:
    return SkipNextOccurrence(str(data["name"]))


def _skip_occurrence(data: JSON) -> SkipOccurrence:
    return SkipOccurrence(str(data["name"]), int(data["opens_at"]), skip=True)


def _unskip_occurrence(data: JSON) -> SkipOccurrence:
    return SkipOccurrence(str(data["name"]), int(data["opens_at"]), skip=False)


def decode_file(data: JSON) -> ApplyFile:
    """The configuration file's rules and rooms, in their checked form."""
    rules = tuple(replace(decode_rule(raw), from_file=True) for raw in data.get("rules", []))
    rooms = {
        str(name): ConfiguredRoom(str(name), str(raw["room_id"]), tuple(raw.get("groups", ())))
        for name, raw in data.get("rooms", {}).items()
    }
    return ApplyFile(rules, rooms)


def _calendar_fetched(data: JSON) -> CalendarFetched:
    if "calendar" in data:
        return CalendarFetched(str(data["source"]), decode_calendar(data["calendar"]))
    return CalendarFetched(str(data["source"]), None, str(data["text"]))


def _put_room(data: JSON) -> PutRoom:
    return PutRoom(
        ConfiguredRoom(data.get("name"), str(data["room_id"]), tuple(data.get("groups", ())), from_file=False)
    )


def _forget_room(data: JSON) -> ForgetRoom:
    return ForgetRoom(str(data["room_id"]))


def _settings_changed(data: JSON) -> SettingsChanged:
    return SettingsChanged(
        calls=_flag(data, "calls"),
        bodies=_flag(data, "bodies"),
        max_stream_s=int(data["max_stream_s"]) if "max_stream_s" in data else None,
        observing=_flag(data, "observing"),
    )


def _flag(data: JSON, name: str) -> bool | None:
    return bool(data[name]) if name in data else None


CONFIGURATION_DECODERS: Mapping[str, Callable[[JSON], ConfigurationFact]] = {
    "rule-put": _put_rule,
    "rule-deleted": _delete_rule,
    "rule-paused": _pause_rule,
    "rule-resumed": _resume_rule,
    "rule-skip-next": _skip_next_occurrence,
    "occurrence-skipped": _skip_occurrence,
    "occurrence-unskipped": _unskip_occurrence,
    "file-applied": decode_file,
    "calendar-fetched": _calendar_fetched,
    "room-put": _put_room,
    "room-forgotten": _forget_room,
    "settings": _settings_changed,
}
