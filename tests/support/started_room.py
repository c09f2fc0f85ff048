"""Rooms whose start has been called: answered, unanswered, or timed out."""

from typing import Any

from tests.support.scenario import SECOND, with_session

START_ON_JOIN = {"name": "host-in", "on": "participant-joined", "do": "start"}
END_ON_LEAVE = {"name": "host-out", "on": "participant-left", "do": "end"}


def backing_off(scenario: Any) -> Any:
    """How long the room waits before it tries again, in seconds; None when it does not."""
    due = scenario.room.timers.get("backoff")
    return None if due is None else (due - scenario.now) / SECOND


def start_called(**more: Any) -> Any:
    """An operator's start has been called and not been answered."""
    scenario = with_session(**more)
    scenario.operator("start")
    return scenario


def start_timed_out(**more: Any) -> Any:
    """An operator's start has been called and has timed out, so its outcome is unknown."""
    scenario = start_called(**more)
    scenario.answer("unknown", after=10 * SECOND, deadline_at=scenario.now + 10 * SECOND)
    return scenario
