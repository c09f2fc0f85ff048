"""An open window of a room: its bounds, and what has happened in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SuppressionReason(StrEnum):
    """Why an open window no longer desires the room on air."""

    INTERRUPTED = "interrupted"
    NOT_RESTARTED = "not-restarted"
    EMPTY = "empty"
    REJECTED = "rejected"
    START_UNKNOWN = "start-unknown"


# The start failed; nobody wants the output to be off.
FAILED_STARTS = frozenset({SuppressionReason.REJECTED, SuppressionReason.START_UNKNOWN})


@dataclass(frozen=True)
class OpenWindow:
    """A merged window that is open in a room. Moments are ms since 1970.

    `entered_at`: when the room entered the window. `condition_met`: its `if` has held, or it has none. `playable`:
    viewers could watch at some moment. `overrunning`: it goes on past its close as somebody is still there.
    `verifying_empty`: a probe is to confirm that nobody is there. `endless`: windows follow one another as far as they
    are looked up, so that `closes_at` is where the lookup ended and no close is known. `late_at`: when
    `broadcast.late` was sent.
    """

    opens_at: int
    closes_at: int
    rules: tuple[str, ...]
    start: Mapping[str, Any] = field(default_factory=dict)
    entered_at: int = 0
    condition_met: bool = False
    playable: bool = False
    armed_announced: bool = False
    overrunning: bool = False
    verifying_empty: bool = False
    suppressed: SuppressionReason | None = None
    endless: bool = False
    late_at: int | None = None

    @property
    def is_left_off(self) -> bool:
        """Whether the output stays off deliberately, so that the window is not late."""
        return self.suppressed is not None and self.suppressed not in FAILED_STARTS

    @property
    def rule(self) -> str:
        """The rule that notices and decisions name for the window."""
        return self.rules[0]
