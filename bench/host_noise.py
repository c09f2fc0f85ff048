"""CPU used by other processes of the machine: the noise in a measurement."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")


@dataclass(frozen=True, slots=True)
class Moment:
    """CPU seconds used so far by the whole machine, and by this process with its finished children."""

    at: float
    machine: float
    own: float


def now() -> Moment | None:
    """Take a reading; None without /proc."""
    try:
        ticks = [int(field) for field in STAT.read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq, stolen = ticks
    used = (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")
    return Moment(time.monotonic(), used, sum(os.times()[:4]))


def cores_since(before: Moment | None) -> float | None:
    """Return how many cores other processes kept busy on average since `before`."""
    after = now()
    if before is None or after is None:
        return None
    others = (after.machine - before.machine) - (after.own - before.own)
    return round(max(0.0, others) / (after.at - before.at), 2)
