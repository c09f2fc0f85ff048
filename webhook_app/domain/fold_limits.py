"""Limits on the work that folding one event may take: steps, which a replay counts alike, and processor time."""

from dataclasses import dataclass

from webhook_app.domain.events import JournalEvent
from webhook_app.domain.facts.configuration import ApplyFile

STEPS = 5_000_000
STEPS_PER_ITEM = 5_000  # for each rule that the event carries and each room that it may change
CPU_S = 20.0
CPU_S_PER_RULE = 0.005


@dataclass(frozen=True, slots=True)
class FoldLimits:
    """The most that one event may ask for."""

    steps: int
    cpu_s: float


_OF_MOST_EVENTS = FoldLimits(STEPS, CPU_S)


def fold_limits(event: JournalEvent, *, rooms: int = 0) -> FoldLimits:
    """The limits for an event that may change so many rooms; both grow with what the event touches."""
    count = len(event.payload.rules) if isinstance(event.payload, ApplyFile) else 0
    if not count and not rooms:
        return _OF_MOST_EVENTS
    return FoldLimits(STEPS + STEPS_PER_ITEM * (count + rooms), CPU_S + CPU_S_PER_RULE * count)
