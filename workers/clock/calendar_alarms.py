"""Alarms about calendars: one per calendar, journaled only on change."""

from collections.abc import Callable, Iterable
from typing import Any

import structlog

from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.alarms.changes import calendar_alarm_key
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.configuration.changes import calendar_sources
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import Explanation, explain, stored_explanation
from webhook_app.domain.schedules.calendars.calendar import Calendar
from webhook_app.domain.schedules.calendars.reading import explain_warnings
from webhook_app.masking.masking import masked
from webhook_app.masking.url_masking import shown_url
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.queries.rules import stored_rules
from webhook_app.store.state.alarms import active_alarm, active_alarms

WARNINGS_SHOWN_MAX = 4
RULES_NAMED_MAX = 3

log = structlog.get_logger()


class CalendarAlarms:
    """Raises and clears the alarms of calendars."""

    def __init__(self, client: Client, append: Callable[[Entry], None]) -> None:
        self._client = client
        self._append = append

    def settle(self, source: str, failure: Explanation | None, calendar: Calendar | None) -> None:
        """Raise, update or clear a calendar's alarm if that changes anything."""
        key = calendar_alarm_key(source)
        summary = self._summary(source, failure, calendar)
        alarm = active_alarm(self._client, key)
        if summary is not None:
            if alarm is None or alarm.summary != summary:
                log.warning("calendar needs attention", calendar=shown_url(source), summary=summary.text)
                self._journal("alarm-raised", key=key, severity="warning", summary=summary.stored)
        elif alarm is not None:
            self._journal("alarm-cleared", key=key)

    def _summary(self, source: str, failure: Explanation | None, calendar: Calendar | None) -> Explanation | None:
        """What the alarm says, with the secrets of the calendar's address masked; None if there is nothing to say."""
        warnings = explain_warnings(calendar, WARNINGS_SHOWN_MAX) if calendar is not None else []
        arguments: dict[str, object] = {"calendar": shown_url(source)}
        if failure is not None:
            code = AlarmSummary.CALENDAR_NEVER_READ if calendar is None else AlarmSummary.CALENDAR_UNREADABLE
            arguments["why"] = failure
        elif warnings:
            code = AlarmSummary.CALENDAR_PARTLY_READ
            arguments["warnings"] = warnings
        else:
            return None
        summary = _masked(explain(code, **arguments), source)
        return explain(code, **summary.arguments, used_by=self._used_by(source))

    def clear_others(self, sources: Iterable[str]) -> None:
        """Clear the alarms of calendars that no rule uses any more."""
        current_keys = {calendar_alarm_key(source) for source in sources}
        for alarm in active_alarms(self._client):
            if alarm.name == AlarmName.CALENDAR_FAILING and alarm.key not in current_keys:
                self._journal("alarm-cleared", key=alarm.key)

    def _used_by(self, source: str) -> Explanation | str:
        """Explain which rules use a calendar; empty if none does."""
        names = []
        for name, raw in sorted(stored_rules(self._client).items()):
            try:
                if source in calendar_sources(codec.rule_of(raw)):
                    names.append(name)
            except ValueError:
                continue  # logged by the refresher
        if not names:
            return ""
        rules, more = ", ".join(names[:RULES_NAMED_MAX]), len(names) - RULES_NAMED_MAX
        if more > 0:
            return explain(AlarmSummary.CALENDAR_USED_BY_MORE, rules=rules, count=more)
        return explain(AlarmSummary.CALENDAR_USED_BY, rules=rules)

    def _journal(self, kind: str, **data: object) -> None:
        self._append(entry(Source.SYSTEM, kind, None, {"name": AlarmName.CALENDAR_FAILING.value, **data}))


def _masked(explanation: Explanation, source: str) -> Explanation:
    """The explanation with secrets masked in its arguments, those of this address in any spelling."""
    return Explanation(
        explanation.code, {name: _masked_value(value, source) for name, value in explanation.arguments.items()}
    )


def _masked_value(value: Any, source: str) -> Any:
    if isinstance(value, str):
        return masked(value, source)
    if isinstance(value, list):
        return [_masked_value(item, source) for item in value]
    explanation = stored_explanation(value)
    return value if explanation is None else _masked(explanation, source).stored
