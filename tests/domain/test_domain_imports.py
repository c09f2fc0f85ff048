"""The domain imports itself and a list of modules that neither read a clock nor do I/O; a new one is added by hand."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support import paths

DOMAIN = paths.ROOT / "webhook_app" / "domain"
PURE = frozenset(
    "bisect calendar codecs collections contextlib contextvars dataclasses datetime difflib enum fnmatch functools "
    "hashlib heapq itertools operator re types typing unicodedata urllib warnings zlib zoneinfo".split()
)
LIBRARIES = frozenset({"cel", "cronsim", "dateutil", "icalendar"})
SILENCED = ("meter.py", "logging")  # to keep a library from logging; nothing is written
CLOCKS = frozenset({"now", "today", "utcnow"})

TREES = {path: ast.parse(path.read_text()) for path in sorted(DOMAIN.rglob("*.py"))}


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None
            yield node.module


def is_allowed(path: Path, module: str) -> bool:
    if f"{module}.".startswith("webhook_app.domain.") or (path.name, module) == SILENCED:
        return True
    return module.partition(".")[0] in PURE | LIBRARIES


def test_the_domain_imports_nothing_around_it() -> None:
    assert TREES
    strangers = [
        (path.name, module) for path, tree in TREES.items() for module in imported(tree) if not is_allowed(path, module)
    ]
    assert strangers == []


def test_the_domain_reads_no_clock() -> None:
    calls = [
        (path.name, node.lineno)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]
    assert calls == []
