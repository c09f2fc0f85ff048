"""The reducer: folds the journal into state, one committed batch at a time, until the journal is quiet."""

from collections.abc import Callable
from dataclasses import dataclass
from logging import DEBUG
from time import monotonic

import redis

from webhook_app.domain import reducer
from webhook_app.domain.events import JournalEvent
from webhook_app.domain.fold_limits import FoldLimits, fold_limits
from webhook_app.domain.state import SystemState
from webhook_app.runtime.logs import logger
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.transactions import PartialCommitError
from webhook_app.store.journal.journal import Journal, Wake
from webhook_app.store.journal.skipped_events import watch_cursor
from webhook_app.store.journal.wakeups import clear_wake_up, mark_awake
from webhook_app.store.operations.halt import halt, is_halted
from webhook_app.store.operations.metrics import EVENT_TO_STATE, MetricsBuffer
from webhook_app.store.state.commit import commit
from webhook_app.store.state.store import StateStore
from workers.folding import FoldObserver, Step, fold_onto

log = logger()


@dataclass(frozen=True, slots=True)
class ReduceLimits:
    """Limits of one job and of its batches."""

    batch_max_events: int = 500
    batch_max_bytes: int = 4 * 1024 * 1024
    batch_first_events: int = 64
    job_max_s: float = 20.0
    linger_ms: int = 250
    awake_ttl_ms: int = 1_000


class ReducingHaltedError(Exception):
    """Event processing stopped because a transaction was applied only in part."""


class Reducer:
    """Folds and commits batches. Keeps the state in memory while no other process moves the cursor.

    `step` and `limits_of` are the domain's; tests replace them.
    """

    def __init__(
        self,
        client: Client,
        wake: Wake,
        *,
        observer: FoldObserver | None = None,
        limits: ReduceLimits = ReduceLimits(),
        step: Step = reducer.step,
        limits_of: Callable[[JournalEvent], FoldLimits] = fold_limits,
    ) -> None:
        self._client = client
        self._journal = Journal(client)
        self._store = StateStore(client)
        self._wake = wake
        self._metrics = MetricsBuffer()
        self._observer = observer
        self._limits = limits
        self._step = step
        self._limits_of = limits_of
        self._state: SystemState | None = None
        self._cursor = ""
        self._batch_events = limits.batch_first_events

    def run(self, *, stopping: Callable[[], bool] = lambda: False) -> int:
        """Fold until the journal is quiet for a moment or the job has run long enough; return the number of events."""
        count, deadline = 0, monotonic() + self._limits.job_max_s
        while True:
            clear_wake_up(self._client, "process")
            while batch_count := self.reduce():
                count += batch_count
                self._metrics.flush(self._client)
                if monotonic() > deadline or stopping():
                    break
            if monotonic() > deadline or stopping() or not self._linger():
                break
        self._metrics.flush(self._client, every_s=0)
        clear_wake_up(self._client, "process")
        if not stopping() and (batch_count := self.reduce()):
            count += batch_count
            self._wake.wake("process")
        return count

    def reduce(self) -> int:
        """Fold and commit one batch; return the number of events, 0 if there was nothing to fold."""
        while True:
            # Checked in every round: a store that is loading accepts WATCH but refuses what follows, so that this
            # loop would not end.
            if is_halted(self._client):
                raise ReducingHaltedError("event processing is halted; see docs/operations.md")
            try:
                return self._reduce_once()
            except redis.WatchError:
                self._state = None
            except PartialCommitError as error:
                self._state = None
                halt(self._client, str(error))
                log.critical("event processing halted: a transaction was applied in part", error=str(error))
                raise ReducingHaltedError(str(error)) from error
            except BaseException:
                self._state = None
                raise

    def _reduce_once(self) -> int:
        """Read, fold and commit a batch in one transaction that is guarded by the cursor."""
        with self._client.pipeline(transaction=True) as pipe:
            cursor, skipped = watch_cursor(pipe)
            records = self._journal.read_batch(cursor, self._batch_events, self._limits.batch_max_bytes, client=pipe)
            if not records:
                return 0
            events = [codec.journal_event(record) for record in records]
            state = self._state_at(cursor)
            self._store.load_rooms(state, events)
            batch, after = fold_onto(
                state,
                events,
                skipped,
                observer=self._observer,
                step=self._step,
                limits_of=self._limits_of,
            )
            has_calls, has_notices = commit(pipe, state, batch)
        self._metrics.observe_many(EVENT_TO_STATE, [batch.committed_at - event.at for event in batch.events])
        if log.is_enabled_for(DEBUG):
            for effect in batch.effects:
                room_id = effect.room_id or None
                log.debug("event processed", event_id=effect.event_id, room_id=room_id, effect=effect.text)
        self._state = after.commit()
        self._cursor = batch.events[-1].id
        self._batch_events = min(self._limits.batch_max_events, self._batch_events * 2)
        if has_calls:
            self._wake.wake("call")
        if has_notices:
            self._wake.wake("deliver")
        return len(batch.events)

    def _state_at(self, cursor: str) -> SystemState:
        if self._state is None or self._cursor != cursor:
            self._state = self._store.load_state()
        return self._state

    def _linger(self) -> bool:
        """Wait for further events; no wake-up is needed meanwhile, which the flag says."""
        mark_awake(self._client, "process", for_ms=self._limits.awake_ttl_ms)
        return self._journal.wait_for(self._cursor or self._store.cursor(), block_ms=self._limits.linger_ms)
