"""What our own processes reported: timers that fired, alarms, workers, and entries that cannot be read."""

from dataclasses import dataclass

from webhook_app.domain.alarms.alarm import AlarmReport
from webhook_app.domain.explanations import Explanation
from webhook_app.domain.outputs import Output
from webhook_app.domain.timers import Timer


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer was due. It is void unless its output still holds it under this name with this `due` (ms)."""

    timer: Timer | None  # None when this version does not know it
    name: str
    due: int
    output: Output = Output.HLS


@dataclass(frozen=True, slots=True)
class ReconcileWindows:
    """Compare a room's windows with its schedules, and evaluate its conditions."""


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """A worker started: rooms on air are probed soon."""


@dataclass(frozen=True, slots=True)
class AlarmRaised:
    """A process outside the reducer raises an alarm under a key."""

    key: str
    report: AlarmReport
    keyed: bool  # whether the entry named a key; those of earlier versions did not


@dataclass(frozen=True, slots=True)
class AlarmCleared:
    """A process outside the reducer clears an alarm."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class SubscriberDisabled:
    """The deliver worker disabled a subscriber, and why."""

    subscriber_id: str | None
    reason: Explanation | str | None  # a text in entries of earlier versions


@dataclass(frozen=True, slots=True)
class UnknownFact:
    """An event of a version that knows more than this one. It changes nothing."""


@dataclass(frozen=True, slots=True)
class Undecodable:
    """An entry whose data cannot be decoded: folding it raises `error`, so that it is kept as a poison event."""

    error: Exception


SystemFact = (
    TimerFired
    | ReconcileWindows
    | WorkerStarted
    | AlarmRaised
    | AlarmCleared
    | SubscriberDisabled
    | UnknownFact
    | Undecodable
)
