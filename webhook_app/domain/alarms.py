"""Alarms: what needs somebody, since when, until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook_app.domain.times import maybe_rfc3339, rfc3339

ALARMS_KEPT = 500


@dataclass(frozen=True)
class Alarm:
    """One alarm by its name; raised again it keeps its first moment.

    `count` is how often it was raised since then. `clears_at` is when it clears by itself, unless it is raised again.
    """

    name: str
    severity: str
    summary: str
    since: int
    cleared_at: int | None = None
    count: int = 1
    clears_at: int | None = None


def alarm_view(alarm: Alarm) -> Mapping[str, Any]:
    """The alarm as the API and notices show it."""
    return {
        "name": alarm.name,
        "severity": alarm.severity,
        "summary": alarm.summary,
        "since": rfc3339(alarm.since),
        "cleared_at": maybe_rfc3339(alarm.cleared_at),
    }
