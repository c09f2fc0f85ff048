"""The agenda of a simulated world: its time, its chance, and what is due next."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
EPOCH = 1_767_225_600_000  # 2026-01-01T00:00:00Z
YEAR_DAYS = 365
ALL_WEBHOOKS_LOST = 0.15  # of so many seeds not one webhook comes while there is trouble

Tell = Callable[[str], None]


class InvariantError(AssertionError):
    """An invariant that does not hold."""


@dataclass
class Faults:
    """How often each thing goes wrong, from 0 to 1; drawn anew for each seed."""

    repeat: float = 0
    drop: float = 0
    delay: float = 0
    refuse: float = 0
    broken: float = 0
    hang: float = 0
    crash: float = 0
    unreached: float = 0
    deaf: float = 0

    @classmethod
    def drawn(cls, rng: Random) -> "Faults":
        level = rng.choice((0.05, 0.2, 0.5))
        drawn = cls(**{name: rng.choice((0, level)) for name in cls.__dataclass_fields__})
        if rng.random() < ALL_WEBHOOKS_LOST:
            drawn.drop = 1
        return drawn


class Agenda:
    """One seed's time: whatever happens is a function called at its moment. Time jumps from one to the next."""

    def __init__(self, seed: int, tell: Tell | None) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.now = EPOCH + self.rng.randrange(YEAR_DAYS) * DAY + self.rng.randrange(24) * HOUR
        self.faults = Faults.drawn(self.rng)
        self.trouble = False
        self.counts: dict[str, int] = {}
        self._tell = tell
        self._due: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0

    def later(self, ms: int, act: Callable[..., None], *args: Any) -> None:
        """Have something happen in so many ms."""
        self._order += 1
        heappush(self._due, (self.now + ms, self._order, act, args))

    def play(self, until: int) -> None:
        """Let everything happen up to a moment."""
        due = self._due
        while due and due[0][0] <= until:
            at, _, act, args = heappop(due)
            if at > self.now:
                self.now = at
            act(*args)
        self.now = max(self.now, until)

    def chance(self, odds: float) -> bool:
        """Whether something goes wrong now; nothing does in peace."""
        return self.trouble and self.rng.random() < odds

    def dies(self) -> bool:
        """Whether the process that asks is killed here."""
        if not self.chance(self.faults.crash / 4):
            return False
        self.count("crashes")
        return True

    def latency(self) -> int:
        """How long an answer over the network takes, in ms."""
        return self.rng.choice((20, 80, 300, 2_500 if self.trouble else 80))

    def count(self, what: str, number: int = 1) -> None:
        """Count what has happened."""
        self.counts[what] = self.counts.get(what, 0) + number

    def say(self, line: str, *args: Any) -> None:
        """Tell what happens, when somebody listens; `line` is a format."""
        if self._tell is not None:
            self._tell(f"{self.clock()} {line.format(*args)}")

    @property
    def is_verbose(self) -> bool:
        """Whether somebody listens."""
        return self._tell is not None

    def clock(self) -> str:
        """The moment, for people."""
        return time.strftime("%m-%d %H:%M:%S", time.gmtime(self.now / 1000)) + f".{self.now % 1000:03d}"
