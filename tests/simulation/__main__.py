"""`python -m tests.simulation` lives ever new seeds on all cores until it is stopped; `--seed N` tells one of them."""

import argparse
import os
import sys
import time
from itertools import count

from tests.simulation.agenda import DAY
from tests.simulation.life import simulate
from tests.simulation.many import lives

TOLD_EVERY_S = 10.0


def main() -> int:
    """The exit status says whether everything held."""
    asked = _arguments()
    if asked.seed is not None:
        print(simulate(asked.seed, tell=print))
        return 0
    seeds = count(asked.first) if asked.count is None else iter(range(asked.first, asked.first + asked.count))
    broken, seen, told_at = 0, 0, time.monotonic()
    begun, totals = told_at, dict[str, int]()
    with lives(seeds, asked.processes) as lived:
        try:
            for seed, counts, failed in lived:
                seen += 1
                if failed is not None:
                    broken += 1
                    print(f"\nbroken: python -m tests.simulation --seed {seed}\n{failed}", flush=True)
                for name, number in counts.items():
                    totals[name] = totals.get(name, 0) + number
                if time.monotonic() - told_at > TOLD_EVERY_S:
                    told_at = time.monotonic()
                    _tell(seen, broken, totals, told_at - begun, asked.processes)
        except KeyboardInterrupt:
            print()
    _tell(seen, broken, totals, time.monotonic() - begun, asked.processes)
    return 1 if broken else 0


def _tell(seen: int, broken: int, totals: dict[str, int], seconds: float, processes: int) -> None:
    days, events = totals.get("ms", 0) / DAY, totals.get("events", 0)
    told = ", ".join(f"{number:,} {name}" for name, number in sorted(totals.items()) if name != "ms")
    pace = f"{days / seconds * 60:,.0f} days a minute, {events / seconds:,.0f} events/s on {processes} processes"
    print(f"{seen} lives, {broken} broken, {days:,.0f} days; {pace}; {told}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="live this one and tell what happens")
    parser.add_argument("--first", type=int, default=int(time.time()) * 1_000, help="the first of ever new seeds")
    parser.add_argument("--count", type=int, help="stop after so many")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="as many as there are cores")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
