"""Garbage collector settings for long-running processes."""

import gc

YOUNG_MAX = 50_000
MIDDLE_MAX = 20
OLD_MAX = 100


def tune_gc() -> None:
    """Freeze the objects that exist after startup, and collect less often. Call it once a process is set up.

    The interpreter's default threshold (2,000 new objects) suits small programs: with thousands of events or deliveries
    in memory, repeated collections took an eighth of a deliver process's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, MIDDLE_MAX, OLD_MAX)
