"""An open window of a room: what has come of it so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SuppressionReason(StrEnum):
    """Why an open window wants nothing, or wants the room off, for now."""

    INTERRUPTED = "interrupted"
    NOT_RESTARTED = "not-restarted"
    EMPTY = "empty"
    REJECTED = "rejected"

    @classmethod
    def _missing_(cls, value: object) -> "SuppressionReason | None":
        """Read what earlier versions stored."""
        return _STORED_BEFORE.get(value) if isinstance(value, str) else None


_STORED_BEFORE = {
    "somebody stopped the stream": SuppressionReason.INTERRUPTED,
    "the stream ended, and `restart` says to leave it": SuppressionReason.NOT_RESTARTED,
    "nobody is there": SuppressionReason.EMPTY,
    "VideoSDK rejects the start": SuppressionReason.REJECTED,
}


@dataclass(frozen=True)
class OpenWindow:
    """A stretch on air that the calendars want, in ms since 1970.

    `late_at` is when `broadcast.late` was sent. `endless`: windows follow one another as far as anybody looks, so that
    `closes_at` is where the looking ended and no close is known.
    """

    opens_at: int
    closes_at: int
    rules: tuple[str, ...]
    start: Mapping[str, Any] = field(default_factory=dict)
    entered_at: int = 0
    condition_met: bool = False
    playable: bool = False
    armed_told: bool = False
    overrunning: bool = False
    asking_empty: bool = False
    held: SuppressionReason | None = None
    endless: bool = False
    late_at: int | None = None

    @property
    def rule(self) -> str:
        """The rule that is named for it."""
        return self.rules[0]
