"""Raise and clear alarms that follow from the state of the store: failing subscribers and the stream quota.

They are journaled. Each check compares the state with the active alarms, so nothing is missed if a process crashes:
a breaker closes, a subscriber is deleted or disabled, a stream ends.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from webhook_app.domain.alarms.alarm import AlarmName, alarm_key
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.delivery.delivery import AttemptError
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.failures import Failure
from webhook_app.domain.times import moment_text
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, Journal, Wake, entry
from webhook_app.store.queries.watches import read_alarm_conditions, read_subscriber_failure

REPEAT_AFTER_S = 60.0  # journal a change again if it was not processed by then
CHANGES_MAX = 200  # per check; the next one journals the rest
_FAILURES: Mapping[str, Failure] = {
    AttemptError.TIMEOUT: Failure.ATTEMPT_TIMED_OUT,
    AttemptError.DNS: Failure.ATTEMPT_UNRESOLVED,
    AttemptError.TLS: Failure.ATTEMPT_TLS,
    AttemptError.REFUSED: Failure.ATTEMPT_REFUSED,
    AttemptError.NOT_HTTP: Failure.ATTEMPT_NOT_HTTP,
    AttemptError.BLOCKED: Failure.ATTEMPT_BLOCKED,
}


@dataclass(frozen=True, slots=True)
class _Report:
    """An alarm that should be active."""

    name: AlarmName
    severity: str
    subscriber_id: str | None = None


class AlarmWatch:
    """Run `check` every few seconds. Several instances do no harm: a repeated event changes nothing."""

    def __init__(
        self, client: Client, wake: Wake, *, max_streams: int | None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._client = client
        self._journal = Journal(client)
        self._wake = wake
        self._max_streams = max_streams
        self._clock = clock
        self._journaled: dict[tuple[str, str], float] = {}

    def check(self) -> None:
        """Compare the state with the active alarms, and journal the differences."""
        conditions = read_alarm_conditions(self._client)
        active, on_air = conditions.alarms, conditions.hls_on_air
        due = self._due_alarms(conditions.open_breakers, on_air)
        watched = {
            key
            for key, alarm in active.items()
            if alarm.name == AlarmName.SUBSCRIBER_FAILING or key == AlarmName.MAX_STREAMS
        }
        raised = sorted(due.keys() - watched)[:CHANGES_MAX]
        cleared = sorted(watched - due.keys())[:CHANGES_MAX]
        entries = [entry for key in raised if (entry := self._raise(key, due[key], on_air)) is not None]
        for key in cleared:
            if self._is_news("alarm-cleared", key):
                entries.append(_entry("alarm-cleared", key, active[key].name))
        self._forget_old()
        if entries and self._journal.append(entries)[1]:
            self._wake.wake("process")

    def _due_alarms(self, breakers: Sequence[str], on_air: int) -> dict[str, _Report]:
        due = {
            alarm_key(AlarmName.SUBSCRIBER_FAILING, subscriber_id): _Report(
                AlarmName.SUBSCRIBER_FAILING, "warning", subscriber_id
            )
            for subscriber_id in breakers
        }
        if self._max_streams is not None and on_air >= self._max_streams:
            due[alarm_key(AlarmName.MAX_STREAMS)] = _Report(AlarmName.MAX_STREAMS, "warning")
        return due

    def _raise(self, key: str, report: _Report, on_air: int) -> Entry | None:
        if not self._is_news("alarm-raised", key):
            return None
        if report.subscriber_id is None:
            code = AlarmSummary.ROOM_ON_AIR if on_air == 1 else AlarmSummary.ROOMS_ON_AIR
            on_air_summary = explain(code, count=on_air, limit=self._max_streams).stored
            return _entry("alarm-raised", key, report.name, severity=report.severity, summary=on_air_summary)
        summary = self._failing(report.subscriber_id)
        if summary is None:
            return None
        return _entry(
            "alarm-raised",
            key,
            report.name,
            severity=report.severity,
            summary=summary.stored,
            subscriber_id=report.subscriber_id,
        )

    def _failing(self, subscriber_id: str) -> Explanation | None:
        """Return the alarm's summary for a failing subscriber; None if it was deleted."""
        failure = read_subscriber_failure(self._client, subscriber_id)
        if failure is None:
            return None
        subscriber, why = failure.label, failure_of(failure.error)
        if not failure.failing_since:
            return explain(AlarmSummary.SUBSCRIBER_FAILING, subscriber=subscriber, why=why)
        since = moment_text(failure.failing_since)
        return explain(AlarmSummary.SUBSCRIBER_FAILING_SINCE, subscriber=subscriber, since=since, why=why)

    def _is_news(self, kind: str, key: str) -> bool:
        """Whether this change was not journaled recently; the reducer may not have processed it yet."""
        now = self._clock()
        journaled_at = self._journaled.get((kind, key))
        if journaled_at is not None and now - journaled_at < REPEAT_AFTER_S:
            return False
        self._journaled[kind, key] = now
        self._journaled.pop(("alarm-raised" if kind == "alarm-cleared" else "alarm-cleared", key), None)
        return True

    def _forget_old(self) -> None:
        now = self._clock()
        for entry_key in [entry_key for entry_key, at in self._journaled.items() if now - at >= REPEAT_AFTER_S]:
            del self._journaled[entry_key]


def failure_of(error: str) -> Explanation:
    """Explain the last attempt's error: an `AttemptError`, with the status where there is one."""
    code, _, status = error.partition(" ")
    if code == AttemptError.STATUS and status:
        return explain(Failure.ATTEMPT_STATUS, status=status)
    return explain(_FAILURES.get(error, Failure.ATTEMPT_FAILED))


def _entry(kind: str, key: str, name: str, **data: Any) -> Entry:
    return entry(Source.SYSTEM, kind, None, {"key": key, "name": str(name), **data})
