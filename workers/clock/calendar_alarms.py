"""Alarms about calendars: one per calendar, journaled only on change."""

from collections.abc import Callable, Iterable

import structlog

from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.alarms.changes import calendar_alarm_key
from webhook_app.domain.configuration.changes import calendar_sources
from webhook_app.domain.events import Source
from webhook_app.domain.schedules.calendars.calendar import Calendar
from webhook_app.domain.schedules.calendars.reading import warnings_text
from webhook_app.masking.masking import masked
from webhook_app.masking.url_masking import shown_url
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.queries.rules import stored_rules
from webhook_app.store.state.alarms import active_alarm, active_alarms

SUMMARY_MAX_CHARS = 500
RULES_NAMED_MAX = 3

log = structlog.get_logger()


class CalendarAlarms:
    """Raises and clears the alarms of calendars."""

    def __init__(self, client: Client, append: Callable[[Entry], None]) -> None:
        self._client = client
        self._append = append

    def settle(self, source: str, failure: str | None, calendar: Calendar | None) -> None:
        """Raise, update or clear a calendar's alarm if that changes anything."""
        key, shown = calendar_alarm_key(source), shown_url(source)
        warnings = warnings_text(calendar) if calendar is not None else ""
        summary: str | None = None
        if failure is not None:
            rest = "no earlier version is available" if calendar is None else "the last good version is used"
            summary = f"calendar {shown} could not be read: {failure} ({rest})"
        elif warnings:
            summary = f"calendar {shown} was read only in part: {warnings}"
        alarm = active_alarm(self._client, key)
        if summary is not None:
            summary = _shortened(masked(summary, source)) + self._used_by(source)
            if alarm is None or alarm.summary != summary:
                log.warning("calendar needs attention", calendar=shown, summary=summary)
                self._journal("alarm-raised", key=key, severity="warning", summary=summary)
        elif alarm is not None:
            self._journal("alarm-cleared", key=key)

    def clear_others(self, sources: Iterable[str]) -> None:
        """Clear the alarms of calendars that no rule uses any more."""
        current_keys = {calendar_alarm_key(source) for source in sources}
        for alarm in active_alarms(self._client):
            if alarm.name == AlarmName.CALENDAR_FAILING and alarm.key not in current_keys:
                self._journal("alarm-cleared", key=alarm.key)

    def _used_by(self, source: str) -> str:
        """Return the rules that use a calendar, as text for its alarm."""
        names = []
        for name, raw in sorted(stored_rules(self._client).items()):
            try:
                if source in calendar_sources(codec.rule_of(raw)):
                    names.append(name)
            except ValueError:
                continue  # logged by the refresher
        if not names:
            return ""
        more = f" and {len(names) - RULES_NAMED_MAX} more" if len(names) > RULES_NAMED_MAX else ""
        return f"; used by rule {', '.join(names[:RULES_NAMED_MAX])}{more}"

    def _journal(self, kind: str, **data: str) -> None:
        self._append(entry(Source.SYSTEM, kind, None, {"name": AlarmName.CALENDAR_FAILING.value, **data}))


def _shortened(summary: str) -> str:
    """Shorten a summary at a word boundary."""
    if len(summary) <= SUMMARY_MAX_CHARS:
        return summary
    return summary[:SUMMARY_MAX_CHARS].rsplit(" ", 1)[0].rstrip(",;:") + " and more"
