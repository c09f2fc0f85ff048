"""The result of one check."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """Severity of a finding."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The name of a check, its result, and a hint how to fix a problem."""

    name: str
    level: Level
    message: str
    hint: str | None = None


def ok(name: str, message: str) -> Finding:
    """Return a finding without a problem."""
    return Finding(name, Level.OK, message)


def warning(name: str, message: str, hint: str) -> Finding:
    """Return a finding about something that works but should be changed."""
    return Finding(name, Level.WARNING, message, hint)


def failed(name: str, message: str, hint: str) -> Finding:
    """Return a finding about something that does not work."""
    return Finding(name, Level.FAILED, message, hint)
