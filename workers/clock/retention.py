"""Tidying: what is past its retention leaves; the journal is trimmed only behind a snapshot that folds to the same."""

from collections.abc import Callable
from itertools import takewhile

import redis
import structlog

from webhook_app.domain.ids import order
from webhook_app.domain.times import DAY
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.journal.journal import Journal
from webhook_app.store.journal.skipped_events import PassedOverEvents
from webhook_app.store.scripts import lua
from webhook_app.store.state.snapshots import Snapshots
from workers.reduce.reducer import fold

TRIM_EVENTS_MAX = 20_000
FOLD_BATCH = 500
NOTICES_KEPT_MS = 6 * DAY  # deliveries are retried for three and a half days

RECORDS_PIECE = 1_000
RECORDS_MAX = 200_000

log = structlog.get_logger()


class RetentionJob:
    """Deletes expired data, a bounded amount at a time."""

    def __init__(self, client: Client, retention_days: int) -> None:
        self._client = client
        self._retention_ms = retention_days * DAY
        self._journal = Journal(client)
        self._snapshots = Snapshots(client)
        self._passed_over = PassedOverEvents(client)
        self._forget_old = client.register_script(lua("forget_old_deliveries"))

    def __call__(self) -> None:
        """Delete one portion; failures are logged and retried the next time."""
        now = now_ms(self._client)
        for step in (self._outbox, lambda: self._records(now - self._retention_ms), lambda: self._trim(now)):
            self._safely(step)

    def _safely(self, step: Callable[[], None]) -> None:
        try:
            step()
        except redis.RedisError as error:
            log.warning("retention postponed", error=str(error))

    def _outbox(self) -> None:
        """Trim the outbox: notices are kept as long as their deliveries, and never trimmed past the cursor."""
        told = (self._client.get(keys.OUTBOX_CURSOR) or b"0-0").decode()
        old = f"{now_ms(self._client) - max(self._retention_ms, NOTICES_KEPT_MS)}-0"
        self._client.xtrim(keys.OUTBOX, minid=min(told, old, key=order), approximate=False)

    def _records(self, before: int) -> None:
        for key in (keys.DELIVERIES, keys.DELIVERIES_DEAD):
            self._deliveries(key, before)
        for key in self._client.scan_iter(match=keys.subscriber_deliveries("*"), count=500):
            self._deliveries(key, before)
        for index, record in ((keys.CALLS, keys.call), (keys.STREAMS, keys.stream)):
            old = self._client.zrangebyscore(index, "-inf", before, start=0, num=1_000)
            if old:
                names = [member.decode() for member in old]
                self._client.delete(*(record(name) for name in names))
                self._client.zrem(index, *names)

    def _deliveries(self, index: str | bytes, before: int) -> None:
        """Remove expired deliveries from an index; a record is kept from the time it was settled."""
        passed = 0
        for _ in range(RECORDS_MAX // RECORDS_PIECE):
            looked, stay = self._forget_old(keys=[index, keys.delivery("")], args=[before, passed, RECORDS_PIECE])
            passed += stay
            if looked < RECORDS_PIECE:
                return

    def _trim(self, now: int) -> None:
        """Fold old events into the snapshot, then trim them: never past the cursor, never without the snapshot."""
        world, at = self._snapshots.load()
        cursor = (self._client.get(keys.CURSOR) or b"0-0").decode()
        passed_over = self._passed_over.load()
        folded = 0
        after = at
        while folded < TRIM_EVENTS_MAX:
            # Stop at the first event to keep: if the clock was set back, older ones may follow it.
            events = list(
                takewhile(
                    lambda event: event.at < now - self._retention_ms and order(event.id) <= order(cursor),
                    self._journal.read(after, FOLD_BATCH),
                )
            )
            if not events:
                break
            _, world = fold(world, events, passed_over)
            after = events[-1].id
            folded += len(events)
        if folded and self._snapshots.keep(world, before=at, after=after):
            self._passed_over.forget(after)
            log.info("journal trimmed", events=folded, up_to=after)
