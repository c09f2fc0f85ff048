"""The report: figures as a table for people and as JSON for comparing runs."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.results import Goal, Result

HEADS = ("bench", "what", "ours", "beside it", "", "ratio", "goal", "met")
RIGHT = (2, 3, 5)


def table(results: Sequence[Result]) -> str:
    """The figures in columns."""
    lines = [HEADS, *(_cells(figure) for figure in results)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEADS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at in RIGHT else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def write(path: Path, results: Sequence[Result], *, about: Mapping[str, Any]) -> None:
    """All figures with their rounds and details; written anew after each bench, so that little is lost."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"about": dict(about), "figures": [asdict(figure) | {"met": figure.met} for figure in results]}
    path.write_text(json.dumps(whole, indent=2) + "\n", "utf-8")


def machine() -> dict[str, Any]:
    """Where it was measured, as far as it matters."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load": [round(one, 2) for one in os.getloadavg()],
    }


def _cells(figure: Result) -> tuple[str, ...]:
    return (
        figure.bench,
        figure.what,
        f"{_number(figure.ours)} {figure.unit}",
        "" if figure.beside is None else _number(figure.beside),
        figure.baseline_name,
        "" if figure.ratio is None else _ratio(figure.ratio),
        "" if figure.goal is None else _goal(figure.goal, figure.unit),
        {None: "", True: "yes", False: "no"}[figure.met],
    )


def _goal(goal: Goal, unit: str) -> str:
    sign = "≤" if goal.at_most else "≥"
    return f"{sign} {_number(goal.bound)} {unit}" if goal.absolute else f"{sign} {_ratio(goal.bound)}"


def _ratio(ratio: float) -> str:
    return f"{ratio:.1f}×" if ratio >= 2 else f"{ratio:.0%}"


def _number(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
