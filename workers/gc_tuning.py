"""Collecting garbage: seldom, and not what was there at the start."""

import gc

YOUNG_MAX = 50_000
MIDDLE_MAX = 20
OLD_MAX = 100


def tune_gc() -> None:
    """Call once a process is set up: what it has built lives as long as it does.

    The interpreter's own pace (2,000 new objects) is meant for small programs: with thousands of events or deliveries
    in hand it goes through all of them again and again, which took an eighth of a deliver process's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, MIDDLE_MAX, OLD_MAX)
