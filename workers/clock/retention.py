"""Retention: delete expired data, and trim the journal behind a snapshot that replays to the same state."""

from collections.abc import Callable
from itertools import takewhile

import redis
import structlog

from webhook_app.domain.ids import order
from webhook_app.domain.times import DAY
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.journal import Journal
from webhook_app.store.journal.skipped_events import SkippedEventStore
from webhook_app.store.state.retention import Retention, RetentionLimits
from webhook_app.store.state.snapshots import Snapshots
from webhook_app.store.state.store import StateStore
from workers.folding import fold

TRIM_EVENTS_MAX = 20_000  # per run
FOLD_BATCH_EVENTS = 500
NOTICES_KEPT_MS = 6 * DAY  # deliveries are retried for three and a half days


log = structlog.get_logger()


class RetentionJob:
    """Deletes expired data, a bounded amount at a time."""

    def __init__(self, client: Client, retention_days: int, *, limits: RetentionLimits = RetentionLimits()) -> None:  # noqa: B008
        self._client = client
        self._retention_ms = retention_days * DAY
        self._journal = Journal(client)
        self._snapshots = Snapshots(client)
        self._skipped = SkippedEventStore(client)
        self._retention = Retention(client, limits)

    def __call__(self) -> None:
        """Delete one portion; failures are logged and retried the next time."""
        now = now_ms(self._client)
        before = now - self._retention_ms
        steps = (
            # Notices are kept while their deliveries may be retried.
            lambda: self._retention.trim_outbox(min(before, now - NOTICES_KEPT_MS)),
            lambda: self._retention.drop_records(before),
            lambda: self._trim(now),
        )
        for step in steps:
            self._safely(step)

    def _safely(self, step: Callable[[], None]) -> None:
        try:
            step()
        except redis.RedisError as error:
            log.warning("retention postponed", error=str(error))

    def _trim(self, now: int) -> None:
        """Fold old events into the snapshot, then trim them: never past the cursor, never without the snapshot."""
        state, snapshot_at = self._snapshots.load()
        cursor = StateStore(self._client).cursor()
        skipped = self._skipped.load()
        folded = 0
        after = snapshot_at
        while folded < TRIM_EVENTS_MAX:
            # Stop at the first event to keep: if the clock was set back, older ones may follow it.
            events = list(
                takewhile(
                    lambda event: event.at < now - self._retention_ms and order(event.id) <= order(cursor),
                    self._journal.read(after, FOLD_BATCH_EVENTS),
                )
            )
            if not events:
                break
            _, state = fold(state, events, skipped)
            after = events[-1].id
            folded += len(events)
        if folded and self._snapshots.keep(state, before=snapshot_at, after=after):
            self._skipped.forget(after)
            log.info("journal trimmed", events=folded, up_to=after)
