"""Tests wait for conditions: only `tests/support` sleeps, in functions that say what the pause stands for."""

import ast

import pytest

from tests.support import paths

MAY_SLEEP = "tests/support/"


def sleeps(source: str) -> list[int]:
    """The lines that call a function named `sleep`, but for `sleep(0)`, which lets other tasks of an event loop run."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and _name(node.func) == "sleep" and not _is_zero(node)
    ]


def _name(function: ast.expr) -> str | None:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def _is_zero(call: ast.Call) -> bool:
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def test_no_test_sleeps() -> None:
    modules = {str(path.relative_to(paths.ROOT)): path for path in sorted((paths.ROOT / "tests").rglob("*.py"))}
    assert len(modules) > 100
    found_lines = {name: sleeps(path.read_text()) for name, path in modules.items() if not name.startswith(MAY_SLEEP)}
    assert {name: lines for name, lines in found_lines.items() if lines} == {}


@pytest.mark.parametrize("source", ["time.sleep(0.1)", "sleep(1)", "await asyncio.sleep(pause_s)", "time.sleep(0, 1)"])
def test_a_sleep_is_found(source: str) -> None:
    assert sleeps(source) == [1]


@pytest.mark.parametrize("source", ["await asyncio.sleep(0)", "wait_until(ready, 5)", "script = 'time.sleep(60)'"])
def test_what_does_not_sleep_is_left_alone(source: str) -> None:
    assert sleeps(source) == []
