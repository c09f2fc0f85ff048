"""A finding: one line of what doctor says."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was seen, and what to do when that is not well."""

    name: str
    level: Level
    said: str
    hint: str | None = None


def ok(name: str, said: str) -> Finding:
    """All is well."""
    return Finding(name, Level.OK, said)


def warning(name: str, said: str, hint: str) -> Finding:
    """It works, and may not for ever."""
    return Finding(name, Level.WARNING, said, hint)


def failed(name: str, said: str, hint: str) -> Finding:
    """It does not work."""
    return Finding(name, Level.FAILED, said, hint)
