"""What sets a rule off: a schedule, an event, or a condition on the room.

Each kind of trigger is one class with all fields that go with it; their names are those of the stored rule. To add a
kind, follow the steps in CONTRIBUTING.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from webhook_app.domain.outputs import Output
from webhook_app.domain.schedules.schedule import Schedule
from webhook_app.domain.sessions.participants import EmptyMeans


class TriggerKind(StrEnum):
    """The kinds of triggers, by the field of a rule that holds it. A rule has exactly one."""

    SCHEDULE = "schedule"
    EVENT = "on"
    CONDITION = "when"


@dataclass(frozen=True, slots=True)
class ScheduleTrigger:
    """Windows on a calendar, which `schedules.windows` opens and closes, with what goes with an open window.

    `given` is the schedule as it was written, for display; `skipped` are the openings that are skipped, in ms.
    `outputs` are those that a window turns on.
    """

    schedule: Schedule
    if_: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    skipped: tuple[int, ...] = ()
    late_after_s: int = 60
    remind_s: int | None = None
    end_when_empty_s: int | None = None
    overrun_s: int | None = None
    max_run_s: int | None = None
    restart: str = "on-failure"
    empty_means: EmptyMeans = EmptyMeans.NOBODY
    outputs: tuple[Output, ...] = (Output.HLS,)

    @property
    def depends_on_participants(self) -> bool:
        """Whether it matters to an open window if somebody is there."""
        return bool(self.end_when_empty_s or self.overrun_s)


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """An event of the type `on`, a domain event or a webhook, for which the condition `if` is true."""

    on: str
    if_: str | None = None


@dataclass(frozen=True, slots=True)
class ConditionTrigger:
    """A condition on the room, `when`, that has been true for some seconds."""

    when: str
    for_s: int = 0

    @property
    def depends_on_control(self) -> bool:
        """Whether the condition may depend on what the controller changes."""
        return "armed" in self.when or "desired" in self.when


Trigger = ScheduleTrigger | EventTrigger | ConditionTrigger

TRIGGERS: Mapping[TriggerKind, type[Trigger]] = {
    TriggerKind.SCHEDULE: ScheduleTrigger,
    TriggerKind.EVENT: EventTrigger,
    TriggerKind.CONDITION: ConditionTrigger,
}
NO_TRIGGER = EventTrigger("")  # of a rule that names none, which validation rejects: no event has an empty type


def kind_in(fields: Mapping[str, Any]) -> TriggerKind | None:
    """The kind of trigger that the fields of a rule hold, journaled or stored; None when they hold none."""
    return next((kind for kind in TriggerKind if fields.get(kind.value) is not None), None)
