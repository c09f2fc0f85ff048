"""Alarms about calendars: one for each calendar, journaled only when that changes anything."""

from collections.abc import Callable, Iterable

import structlog

from webhook_app.domain.alarms import Alarm
from webhook_app.domain.calendar import Calendar
from webhook_app.domain.events import Source
from webhook_app.domain.ids import derive
from webhook_app.domain.schedules.calendars.reading import warnings_text
from webhook_app.masking import masked, shown_url
from webhook_app.store import codec, keys
from webhook_app.store.clients import Client
from webhook_app.store.journal import Entry, entry

SUMMARY_MAX_CHARS = 500
ALARM_PREFIX = "calendar-"

log = structlog.get_logger()


class CalendarAlarms:
    """Raises and clears the alarms of calendars."""

    def __init__(self, client: Client, append: Callable[[Entry], None]) -> None:
        self._client = client
        self._append = append

    def settle(self, source: str, failure: str | None, calendar: Calendar | None) -> None:
        """Raise or clear a calendar's alarm when that changes anything."""
        name, shown = derive(ALARM_PREFIX, source), shown_url(source)
        warnings = warnings_text(calendar) if calendar is not None else ""
        summary: str | None = None
        if failure is not None:
            rest = "there has been no good one yet" if calendar is None else "the last good one stays"
            summary = f"calendar {shown} could not be read: {failure} ({rest})"
        elif warnings:
            summary = f"calendar {shown} was read, but not all of it: {warnings}"
        alarm = self._active(name)
        if summary is not None:
            summary = masked(summary, source)
            if len(summary) > SUMMARY_MAX_CHARS:
                summary = summary[: SUMMARY_MAX_CHARS - 1] + "…"
            if alarm is None or alarm.summary != summary:
                log.warning("a calendar needs attention", calendar=shown, summary=summary)
                self._journal("alarm-raised", name=name, severity="warning", summary=summary)
        elif alarm is not None:
            self._journal("alarm-cleared", name=name)

    def clear_others(self, sources: Iterable[str]) -> None:
        """Clear the alarms of calendars that no rule names any more."""
        names = {derive(ALARM_PREFIX, source) for source in sources}
        for raw in self._client.hgetall(keys.ALARMS).values():
            alarm = codec.alarm_of(raw)
            if alarm.name.startswith(ALARM_PREFIX) and alarm.name not in names and alarm.cleared_at is None:
                self._journal("alarm-cleared", name=alarm.name)

    def _active(self, name: str) -> Alarm | None:
        raw = self._client.hget(keys.ALARMS, name)
        alarm = codec.alarm_of(raw) if raw is not None else None
        return alarm if alarm is not None and alarm.cleared_at is None else None

    def _journal(self, kind: str, **data: str) -> None:
        self._append(entry(Source.SYSTEM, kind, None, data))
