"""The fuzzers by name."""

from collections.abc import Callable
from random import Random
from typing import Any

from tests.fuzz import bodies, calendars, conditions, schedules

TARGETS: dict[str, tuple[Callable[[Random], Any], Callable[[Any], None]]] = {
    "bodies": (bodies.make, bodies.check),
    "conditions": (conditions.make, conditions.check),
    "calendars": (calendars.make, calendars.check),
    "schedules": (schedules.make, schedules.check),
}
CI_TARGETS = tuple(TARGETS)


def input_of(target: str, seed: int) -> Any:
    """The input of a seed."""
    return TARGETS[target][0](Random(seed))


def try_seed(target: str, seed: int) -> None:
    """Make the input of a seed and check what must hold; raises when it does not."""
    TARGETS[target][1](input_of(target, seed))
