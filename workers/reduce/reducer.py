"""The process hand: folds the journal into state, a batch at a time, until it is quiet."""

from collections.abc import Callable
from logging import DEBUG
from time import monotonic

import redis

from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.domain.events import Event, JournalEvent
from webhook_app.domain.fold_limits import fold_limits
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.overlay import Overlay
from webhook_app.domain.reducer import apply, poison_outcome, step
from webhook_app.domain.room import Room
from webhook_app.domain.rules.rule import RuleState
from webhook_app.domain.state import SystemState
from webhook_app.ops.logs import logger
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.transactions import PartialCommitError
from webhook_app.store.journal.journal import Journal, Wake
from webhook_app.store.journal.skipped_events import NONE, PassedOver, watch_cursor
from webhook_app.store.journal.wakeups import clear_wake_up, mark_awake
from webhook_app.store.operations.halt import halt, is_halted
from webhook_app.store.operations.metrics import EVENT_TO_STATE, MetricsBuffer
from webhook_app.store.state.store import Batch, StateStore
from workers.reduce.progress import FoldProgress

BATCH_MAX_EVENTS = 500
BATCH_MAX_BYTES = 4 * 1024 * 1024
BATCH_FIRST = 64
JOB_MAX_S = 20.0
LINGER_MS = 250
AWAKE_TTL_MS = 1_000

log = logger()


class ReducingHaltedError(Exception):
    """Reducing was stopped by a transaction that was applied in part."""


class FoldTimeLimitError(Exception):
    """The watchdog decided that an event is passed over, as folding it does not end in time."""


class Reducer:
    """Folds batches. Keeps the world in memory while nobody else moves the cursor."""

    def __init__(
        self,
        client: Client,
        wake: Wake,
        *,
        progress: FoldProgress | None = None,
    ) -> None:
        self._client = client
        self._journal = Journal(client)
        self._state = StateStore(client)
        self._wake = wake
        self._measures = MetricsBuffer()
        self._progress = progress
        self._world: SystemState | None = None
        self._cursor = ""
        self._count = BATCH_FIRST

    def run(self, *, stopping: Callable[[], bool] = lambda: False) -> int:
        """Fold until the journal is quiet for a moment, or it has been long enough. Returns how many events."""
        folded, until = 0, monotonic() + JOB_MAX_S
        while True:
            clear_wake_up(self._client, "process")
            while count := self.reduce():
                folded += count
                self._measures.flush(self._client)
                if monotonic() > until or stopping():
                    break
            if monotonic() > until or stopping() or not self._linger():
                break
        self._measures.flush(self._client, every_s=0)
        clear_wake_up(self._client, "process")
        if not stopping() and (count := self.reduce()):
            folded += count
            self._wake.wake("process")
        return folded

    def reduce(self) -> int:
        """Fold and commit one batch; returns how many events, 0 when there was nothing to fold."""
        while True:
            # Asked each time: a store that loads its data takes WATCH and refuses what follows, which would never end.
            if is_halted(self._client):
                raise ReducingHaltedError("reducing is halted; see docs/operations.md")
            try:
                return self._reduce_once()
            except redis.WatchError:
                self._world = None
            except PartialCommitError as error:
                self._world = None
                halt(self._client, str(error))
                log.critical("event processing halted: a transaction was applied in part", error=str(error))
                raise ReducingHaltedError(str(error)) from error
            except BaseException:
                self._world = None
                raise

    def _reduce_once(self) -> int:
        with self._client.pipeline(transaction=True) as pipe:
            cursor, passed_over = watch_cursor(pipe)
            records = self._journal.read_batch(cursor, self._count, BATCH_MAX_BYTES, client=pipe)
            if not records:
                return 0
            events = [codec.journal_event(record) for record in records]
            world = self._world_at(cursor)
            self._state.load_rooms(world, events)
            batch, after = fold_onto(world, events, passed_over, self._progress)
            call, deliver = self._state.commit(pipe, world, batch)
        self._measures.observe_many(EVENT_TO_STATE, [batch.committed_at - event.at for event in batch.events])
        if log.is_enabled_for(DEBUG):
            for effect in batch.effects:
                room_id = effect.room_id or None
                log.debug("event processed", event_id=effect.event_id, room_id=room_id, effect=effect.text)
        self._world = after.commit()
        self._cursor = batch.events[-1].id
        self._count = min(BATCH_MAX_EVENTS, self._count * 2)
        if call:
            self._wake.wake("call")
        if deliver:
            self._wake.wake("deliver")
        return len(batch.events)

    def _world_at(self, cursor: str) -> SystemState:
        if self._world is None or self._cursor != cursor:
            self._world = self._state.load_state()
        return self._world

    def _linger(self) -> bool:
        # While this worker is awake no wake-up is needed: the flag says so, and is cleared before the last look.
        mark_awake(self._client, "process", for_ms=AWAKE_TTL_MS)
        return self._journal.wait_for(self._cursor or self._state.cursor(), block_ms=LINGER_MS)


class StateOverlay(SystemState):
    """A world that lies over another as layers, so that a batch costs what it changes and not what there is."""

    rooms: Overlay[Room]
    memory: Overlay[RuleState]
    alarms: Overlay[Alarm]

    def __init__(self, below: SystemState) -> None:
        super().__init__(below.config, Overlay(below.rooms), Overlay(below.memory), Overlay(below.alarms))

    def commit(self) -> SystemState:
        """The world below, with the changes made in it."""
        return SystemState(self.config, self.rooms.commit(), self.memory.commit(), self.alarms.commit())


def fold(world: SystemState, events: list[Event], passed_over: PassedOver = NONE) -> tuple[Batch, SystemState]:
    """Fold events over a copy of the world; the world itself is not touched."""
    copy = SystemState(world.config, dict(world.rooms), dict(world.memory), dict(world.alarms))
    batch, after = fold_onto(copy, [codec.journal_event(event) for event in events], passed_over)
    return batch, after.commit()


def fold_onto(
    world: SystemState, events: list[JournalEvent], passed_over: PassedOver = NONE, progress: FoldProgress | None = None
) -> tuple[Batch, StateOverlay]:
    """Fold events over the world; it is not touched until what came of them is kept.

    `progress` tells the watchdog which event is being folded.
    """
    after = StateOverlay(world)
    batch = Batch()
    try:
        for event in events:
            if progress is not None:
                progress.begin(event.id, fold_limits(event).cpu_s)
            outcome = fold_one(after, event, passed_over)
            apply(after, outcome)
            batch.add(event, outcome)
    finally:
        if progress is not None:
            progress.end()
    batch.remember(after.memory)
    return batch, after


def fold_one(world: SystemState, event: JournalEvent, passed_over: PassedOver = NONE) -> StepOutcome:
    """Fold one event; an event whose fold raises, or that is to be passed over, changes nothing but an alarm."""
    reason = passed_over.get(event.id)
    if reason is not None:
        return poison_outcome(world, event, FoldTimeLimitError(reason))
    try:
        return step(world, event)
    except Exception as error:
        log.exception("poison event", event_id=event.id, type=event.type)
        return poison_outcome(world, event, error)
