"""What sets a rule off: a schedule, an event, or a condition on the room.

To add a trigger, follow the steps in CONTRIBUTING.md: its class here is only the first.
"""

from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.schedules.schedule import Schedule


class TriggerKind(StrEnum):
    """The kinds of triggers, by the field of a rule that holds it. A rule has exactly one."""

    SCHEDULE = "schedule"
    EVENT = "on"
    CONDITION = "when"


# The fields of a rule that go with a schedule alone.
WINDOW_FIELDS = ("late_after", "remind", "end_when_empty", "overrun", "empty_means", "max_run", "restart")


@dataclass(frozen=True, slots=True)
class ScheduleTrigger:
    """Windows on a calendar, which `schedules.windows` opens and closes. `condition` is the rule's `if`."""

    schedule: Schedule
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """An event of a type: a domain event or a webhook. `condition` is the rule's `if`."""

    type: str
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class ConditionTrigger:
    """A condition that has been true for some seconds: the rule's `when` and `for`."""

    condition: str
    for_s: int = 0


Trigger = ScheduleTrigger | EventTrigger | ConditionTrigger
