"""Fold journal events into state with the domain's pure `step`. Shared by the reducer, retention and the replay check.

An event whose fold raises, or that is skipped, changes nothing but raises an alarm.
"""

from collections.abc import Callable
from typing import Protocol

from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.domain.events import Event, JournalEvent
from webhook_app.domain.fold_limits import FoldLimits, fold_limits
from webhook_app.domain.outcome import StepOutcome
from webhook_app.domain.overlay import Overlay
from webhook_app.domain.reducer import apply, poison_outcome, step
from webhook_app.domain.room import Room
from webhook_app.domain.rules.rule import RuleState
from webhook_app.domain.state import SystemState
from webhook_app.runtime.logs import logger
from webhook_app.store import codec
from webhook_app.store.journal.skipped_events import NONE, SkippedEvents
from webhook_app.store.state.batch import Batch

log = logger()

Step = Callable[[SystemState, JournalEvent], StepOutcome]


class FoldTimeLimitError(Exception):
    """The watchdog decided to skip an event whose fold does not end in time."""


class FoldObserver(Protocol):
    """Receives the event that is being folded."""

    def begin(self, event_id: str, cpu_limit_s: float) -> None:
        """Record that an event's fold begins, with its limit of CPU time in seconds."""

    def end(self) -> None:
        """Record that the fold has ended."""


class StateOverlay(SystemState):
    """A state on top of another one: the cost of a batch depends on its changes, not on the size of the state."""

    rooms: Overlay[Room]
    memory: Overlay[RuleState]
    alarms: Overlay[Alarm]

    def __init__(self, base: SystemState) -> None:
        super().__init__(base.config, Overlay(base.rooms), Overlay(base.memory), Overlay(base.alarms))

    def commit(self) -> SystemState:
        """Apply the changes to the base and return it."""
        return SystemState(self.config, self.rooms.commit(), self.memory.commit(), self.alarms.commit())


def fold(state: SystemState, events: list[Event], skipped: SkippedEvents = NONE) -> tuple[Batch, SystemState]:
    """Fold events into a copy of the state; the state itself is not changed."""
    copy = SystemState(state.config, dict(state.rooms), dict(state.memory), dict(state.alarms))
    batch, after = fold_onto(copy, [codec.journal_event(event) for event in events], skipped)
    return batch, after.commit()


def fold_onto(
    state: SystemState,
    events: list[JournalEvent],
    skipped: SkippedEvents = NONE,
    *,
    observer: FoldObserver | None = None,
    step: Step = step,
    limits_of: Callable[[JournalEvent], FoldLimits] = fold_limits,
) -> tuple[Batch, StateOverlay]:
    """Fold events into an overlay of the state, which is not changed before the overlay is committed.

    `observer` receives each event before it is folded, with its limit of processor time.
    """
    after = StateOverlay(state)
    batch = Batch()
    try:
        for event in events:
            if observer is not None:
                observer.begin(event.id, limits_of(event).cpu_s)
            outcome = fold_one(after, event, skipped, step=step)
            apply(after, outcome)
            batch.add(event, outcome)
    finally:
        if observer is not None:
            observer.end()
    batch.set_rule_states(after.memory)
    return batch, after


def fold_one(
    state: SystemState, event: JournalEvent, skipped: SkippedEvents = NONE, *, step: Step = step
) -> StepOutcome:
    """Fold one event into the state."""
    reason = skipped.get(event.id)
    if reason is not None:
        return poison_outcome(state, event, FoldTimeLimitError(reason))
    try:
        return step(state, event)
    except Exception as error:
        log.exception("poison event", event_id=event.id, type=event.type)
        return poison_outcome(state, event, error)
