"""Report results as a table for people, and as JSON for comparing runs."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.results import Goal, Result

HEADS = ("bench", "what", "value", "baseline", "", "ratio", "goal", "met")
RIGHT = (2, 3, 5)


def table(results: Sequence[Result]) -> str:
    """Return the results as a text table."""
    lines = [HEADS, *(_cells(result) for result in results)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEADS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at in RIGHT else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def write(path: Path, results: Sequence[Result], *, about: Mapping[str, Any]) -> None:
    """Write all results with rounds and details; called after each benchmark, so that little is lost."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"about": dict(about), "figures": [asdict(result) | {"met": result.met} for result in results]}
    path.write_text(json.dumps(whole, indent=2) + "\n", "utf-8")


def machine() -> dict[str, Any]:
    """Describe the machine."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def _cells(result: Result) -> tuple[str, ...]:
    return (
        result.bench,
        result.what,
        f"{_number(result.value)} {result.unit}",
        "" if result.baseline is None else _number(result.baseline),
        result.baseline_name,
        "" if result.ratio is None else _ratio(result.ratio),
        "" if result.goal is None else _goal(result.goal, result.unit),
        {None: "", True: "yes", False: "no"}[result.met],
    )


def _goal(goal: Goal, unit: str) -> str:
    sign = "≤" if goal.at_most else "≥"
    return f"{sign} {_number(goal.bound)} {unit}" if goal.absolute else f"{sign} {_ratio(goal.bound)}"


def _ratio(ratio: float) -> str:
    return f"{ratio:.1f}×" if ratio >= 2 else f"{ratio:.0%}"


def _number(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
