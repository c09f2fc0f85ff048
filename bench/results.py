"""Benchmark results: our figure, a baseline and a goal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit for the ratio, or for our own figure if `absolute`; a minimum unless `at_most`."""

    bound: float
    absolute: bool = False
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table. `ratio` is our figure divided by the baseline's, the median over the rounds."""

    bench: str
    what: str
    unit: str
    value: float
    baseline: float | None = None
    baseline_name: str = ""
    ratio: float | None = None
    goal: Goal | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        figure = self.value if self.goal is not None and self.goal.absolute else self.ratio
        if self.goal is None or figure is None:
            return None
        return figure <= self.goal.bound if self.goal.at_most else figure >= self.goal.bound


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
    """Return the result of interleaved rounds, each a pair of our figure and the baseline's."""
    return Result(
        bench,
        what,
        unit,
        value=median(value for value, _ in pairs),
        baseline=median(baseline for _, baseline in pairs),
        baseline_name=baseline_name,
        ratio=median(value / baseline for value, baseline in pairs),
        goal=goal,
        detail={"rounds": [list(pair) for pair in pairs], **(detail or {})},
    )
