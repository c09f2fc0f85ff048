"""Raise alarms when event processing stalls or is halted.

A stuck reducer cannot process an alarm event, so these alarms do not go through the journal.
"""

from collections.abc import Callable
from time import monotonic

from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.lag import Lag
from webhook_app.store.operations.system_alarms import HALTED, STALLED, SystemAlarms, halted_summary
from webhook_app.store.queries.watches import read_journal_progress

STALLED_AFTER_S = 30.0
CHECK_COUNTS_AT_MOST_S = 5.0  # a later check was itself delayed, by a suspended machine or the store


class JournalWatch:
    """Run `check` every second. Several instances do no harm."""

    def __init__(
        self, client: Client, *, stalled_after_s: float = STALLED_AFTER_S, clock: Callable[[], float] = monotonic
    ) -> None:
        self._client = client
        self._alarms = SystemAlarms(client)
        self._stalled_after_s = stalled_after_s
        self._clock = clock
        self._cursor: str | None = None
        self._checked_at = clock()
        self._still_s = 0.0

    def check(self) -> None:
        """Compare the cursor with the previous one, and raise or clear the alarms."""
        progress = read_journal_progress(self._client)
        lag, halt, raised, now = progress.lag, progress.halt, progress.alarms, progress.now
        still_s = self._still_for(lag, waiting=lag.events > 0 and halt is None)
        stalled = raised.get(STALLED)
        if stalled is not None:
            # Another clock may have watched for longer: keep the alarm until the cursor that it names has moved.
            if not lag.events or lag.cursor != stalled.condition:
                self._alarms.clear(stalled, at=now)
        elif still_s >= self._stalled_after_s:
            self._alarms.raise_alarm(STALLED, _summary(lag, still_s), condition=lag.cursor, at=now)
        if halt is None and HALTED in raised:
            self._alarms.clear(raised[HALTED], at=now)
        elif halt is not None and HALTED not in raised:
            at = halt.at if halt.at is not None else now
            self._alarms.raise_alarm(HALTED, halted_summary(halt.reason), condition="", at=at)

    def _still_for(self, lag: Lag, *, waiting: bool) -> float:
        """Return how long events have waited without the cursor moving; halted processing has its own alarm."""
        now = self._clock()
        passed_s, self._checked_at = min(now - self._checked_at, CHECK_COUNTS_AT_MOST_S), now
        moved = lag.cursor != self._cursor
        self._cursor = lag.cursor
        self._still_s = self._still_s + passed_s if waiting and not moved else 0.0
        return self._still_s


def _summary(lag: Lag, still_s: float) -> Explanation:
    return explain(
        AlarmSummary.JOURNAL_STALLED,
        seconds=round(still_s),
        count=lag.events,
        event=lag.next_id,
        type=lag.next_type,
    )
