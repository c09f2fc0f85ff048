"""The size of a run: full, or quick."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Number of rounds, and duration or count per round."""

    rounds: int
    load_s: float
    reduce_events: int
    deliver_count: int
    end_to_end_rounds: int
    end_to_end_s: float
    end_to_end_bodies: int
    baseline_bodies: int
    lag_s: float
    memory_events: int


FULL = Scale(
    rounds=3,
    load_s=3.0,
    reduce_events=30_000,
    deliver_count=10_000,
    end_to_end_rounds=2,
    end_to_end_s=15.0,
    end_to_end_bodies=40_000,
    baseline_bodies=3_000,
    lag_s=20.0,
    memory_events=20_000,
)
QUICK = Scale(
    rounds=1,
    load_s=2.0,
    reduce_events=6_000,
    deliver_count=3_000,
    end_to_end_rounds=1,
    end_to_end_s=5.0,
    end_to_end_bodies=10_000,
    baseline_bodies=800,
    lag_s=5.0,
    memory_events=4_000,
)
