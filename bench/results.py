"""Figures: what was measured, what stands beside it, and the goal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound: on the ratio, or on our own figure when `absolute`; from below unless `at_most`."""

    bound: float
    absolute: bool = False
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table. `ratio` is ours to what stands beside it, the median over the rounds."""

    bench: str
    what: str
    unit: str
    ours: float
    beside: float | None = None
    baseline_name: str = ""
    ratio: float | None = None
    goal: Goal | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        found = self.ours if self.goal is not None and self.goal.absolute else self.ratio
        if self.goal is None or found is None:
            return None
        return found <= self.goal.bound if self.goal.at_most else found >= self.goal.bound


def rounds(
    bench: str,
    what: str,
    unit: str,
    pairs: Sequence[tuple[float, float]],
    *,
    baseline_name: str,
    goal: Goal | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Result:
    """The figure of interleaved rounds, each a pair of ours and the other."""
    return Result(
        bench,
        what,
        unit,
        ours=median(ours for ours, _ in pairs),
        beside=median(other for _, other in pairs),
        baseline_name=baseline_name,
        ratio=median(ours / other for ours, other in pairs),
        goal=goal,
        detail={"rounds": [list(pair) for pair in pairs], **(detail or {})},
    )
