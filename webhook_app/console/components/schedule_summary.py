"""A rule with a schedule in one line, as lists and dialogs show it."""

import re
from collections.abc import Mapping
from typing import Any

from webhook_app.domain.times import parse_duration

WEEKDAYS = {"MON": "Mondays", "TUE": "Tuesdays", "WED": "Wednesdays", "THU": "Thursdays", "FRI": "Fridays"} | {
    "SAT": "Saturdays",
    "SUN": "Sundays",
}
RANGES = {"*": "Daily", "MON-FRI": "Weekdays"}
SOURCES = {"cron": "Cron", "rrule": "Recurrence", "at": "At", "ics": "Calendar"}
DAY_S = 86_400
_WEEKLY = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* (\S+)")


def summarize_schedule(view: Mapping[str, Any]) -> str:
    """Summarize a rendered rule that has a schedule: `Sundays 09:00–11:00 (Europe/London)`."""
    schedule = view["schedule"]
    timezone = schedule.get("timezone") or view.get("timezone", "UTC")
    return f"{_weekly(schedule) or _other(schedule)} ({timezone})"


def _weekly(schedule: Mapping[str, Any]) -> str | None:
    """The hours of a cron schedule that opens at one time a day on all or some weekdays, else None."""
    match = _WEEKLY.fullmatch(str(schedule.get("cron", "")).strip())
    if match is None or "duration" not in schedule or "also" in schedule:
        return None
    minute, hour, field = int(match[1]), int(match[2]), match[3].upper()
    days = RANGES.get(field) or _weekdays(field)
    if days is None or hour > 23 or minute > 59:
        return None
    closes_s = hour * 3600 + minute * 60 + parse_duration(schedule["duration"])
    if closes_s > DAY_S:
        return f"{days} {hour:02}:{minute:02} for {schedule['duration']}"
    return f"{days} {hour:02}:{minute:02}–{closes_s // 3600:02}:{closes_s % 3600 // 60:02}"


def _weekdays(field: str) -> str | None:
    days = [WEEKDAYS.get(day) for day in field.split(",")]
    return ", ".join(day for day in days if day) if all(days) else None


def _other(schedule: Mapping[str, Any]) -> str:
    source = next((name for name in SOURCES if name in schedule), None)
    if source is None:
        return "Always"
    value = schedule[source]
    text = f"{len(value)} times" if isinstance(value, list) else f"{SOURCES[source]} {_source_text(value)}"
    return text + (f", {schedule['duration']} each" if "duration" in schedule else "")


def _source_text(value: Any) -> str:
    return str(value.get("url") or value.get("file")) if isinstance(value, Mapping) else str(value)
