"""What other processes of the machine did meanwhile: the noise in a figure."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")


@dataclass(frozen=True, slots=True)
class Moment:
    """CPU seconds used until now, by the whole machine and by us with the children we have buried."""

    at: float
    machine: float
    ours: float


def now() -> Moment | None:
    """This moment; None where /proc does not tell."""
    try:
        ticks = [int(field) for field in STAT.read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq, stolen = ticks
    used = (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")
    return Moment(time.monotonic(), used, sum(os.times()[:4]))


def cores_since(before: Moment | None) -> float | None:
    """How many cores others kept busy, on average."""
    after = now()
    if before is None or after is None:
        return None
    theirs = (after.machine - before.machine) - (after.ours - before.ours)
    return round(max(0.0, theirs) / (after.at - before.at), 2)
