"""Many lives at once: seeds are handed to processes, a few ahead of what is done."""

import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice

from tests.simulation.life import simulate

AHEAD_EACH = 2
WHAT_MAX_CHARS = 600
Lived = tuple[int, dict[str, int], str | None]


@contextmanager
def lives(seeds: Iterator[int], processes: int) -> Iterator[Iterator[Lived]]:
    """Seeds as they are done: the seed, what happened in it, and what did not hold."""
    pool = ProcessPoolExecutor(processes, initializer=_leave_stopping)
    try:
        yield _done(pool, seeds, AHEAD_EACH * processes)
    finally:
        pool.shutdown(cancel_futures=True)


def live(seed: int) -> Lived:
    """One seed."""
    try:
        return seed, simulate(seed), None
    except Exception as error:
        return seed, {}, f"{type(error).__name__}: {error}"[:WHAT_MAX_CHARS]


def _done(pool: ProcessPoolExecutor, seeds: Iterator[int], ahead: int) -> Iterator[Lived]:
    under_way = {pool.submit(live, seed) for seed in islice(seeds, ahead)}
    while under_way:
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        under_way |= {pool.submit(live, seed) for seed in islice(seeds, len(done))}
        for future in done:
            yield future.result()


def _leave_stopping() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us says when
