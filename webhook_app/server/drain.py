"""How a web worker ends: the signal that asks for it, and its limits."""

import signal
from dataclasses import dataclass

DRAIN_SIGNAL = signal.SIGUSR1  # the worker ends its open event streams


@dataclass(frozen=True, slots=True)
class DrainLimits:
    """How long a worker waits before it ends, and how often it looks whether it may."""

    wait_s: float = 1.5
    check_s: float = 0.1
    parent_check_s: float = 1.0
