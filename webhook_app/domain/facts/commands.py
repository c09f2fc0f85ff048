"""Commands of an operator, given through the API, the console or the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook_app.domain.outputs import Output


@dataclass(frozen=True, slots=True)
class SetOnAir:
    """Turn an output on or off, until a moment in ms if one is given; `start` is the body of its start."""

    on_air: bool
    until: int | None
    start: Mapping[str, Any]
    output: Output = Output.HLS


@dataclass(frozen=True, slots=True)
class ReleaseRoom:
    """Drop what the operator desires of an output, so that its rules decide again."""

    output: Output = Output.HLS


@dataclass(frozen=True, slots=True)
class CaptureSnapshot:
    """Take a picture of what is on air."""


@dataclass(frozen=True, slots=True)
class AcknowledgeAlarm:
    """Acknowledge an alarm, until a moment in ms if one is given. `is_system`: it is kept outside the journal."""

    alarm_id: str
    name: str | None
    acknowledged_by: str
    until: int | None
    is_system: bool


@dataclass(frozen=True, slots=True)
class TestSubscriber:
    """Send a test notice to a subscriber."""

    __test__ = False  # for pytest: not a test class

    subscriber_id: str


@dataclass(frozen=True, slots=True)
class RecoverSubscriber:
    """Send a subscriber again what it may have missed, from one moment to another in ms; None is now."""

    subscriber_id: str
    since: int
    until: int | None


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """A command of a version that knows more than this one."""

    command: str


RoomCommand = SetOnAir | ReleaseRoom | CaptureSnapshot | UnknownCommand
SubscriberCommand = TestSubscriber | RecoverSubscriber
OperatorFact = RoomCommand | SubscriberCommand | AcknowledgeAlarm
