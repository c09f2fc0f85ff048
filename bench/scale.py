"""How much is measured: everything, or a quick look."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Rounds of each pair and how long or how many in each."""

    rounds: int
    load_s: float
    reduce_events: int
    tell_deliveries: int
    through_rounds: int
    through_s: float
    through_bodies: int
    plain_bodies: int
    lag_s: float
    memory_events: int


FULL = Scale(
    rounds=3,
    load_s=3.0,
    reduce_events=30_000,
    tell_deliveries=10_000,
    through_rounds=2,
    through_s=15.0,
    through_bodies=40_000,
    plain_bodies=3_000,
    lag_s=20.0,
    memory_events=20_000,
)
QUICK = Scale(
    rounds=1,
    load_s=2.0,
    reduce_events=6_000,
    tell_deliveries=3_000,
    through_rounds=1,
    through_s=5.0,
    through_bodies=10_000,
    plain_bodies=800,
    lag_s=5.0,
    memory_events=4_000,
)
