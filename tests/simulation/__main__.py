"""`python -m tests.simulation` runs new seeds on all cores until it is stopped; `--seed N` prints the events of one."""

import argparse
import os
import sys
import time
from itertools import count

from tests.simulation.agenda import DAY
from tests.simulation.life import simulate
from tests.simulation.many import lives

REPORT_EVERY_S = 10.0


def main() -> int:
    """The exit status says whether everything held."""
    arguments = _arguments()
    if arguments.seed is not None:
        print(simulate(arguments.seed, tell=print))
        return 0
    first = arguments.first
    seeds = count(first) if arguments.count is None else iter(range(first, first + arguments.count))
    broken, finished, reported_at = 0, 0, time.monotonic()
    begun, totals = reported_at, dict[str, int]()
    with lives(seeds, arguments.processes) as lived:
        try:
            for seed, counts, failed in lived:
                finished += 1
                if failed is not None:
                    broken += 1
                    print(f"\nbroken: python -m tests.simulation --seed {seed}\n{failed}", flush=True)
                for name, number in counts.items():
                    totals[name] = totals.get(name, 0) + number
                if time.monotonic() - reported_at > REPORT_EVERY_S:
                    reported_at = time.monotonic()
                    _report(finished, broken, totals, reported_at - begun, arguments.processes)
        except KeyboardInterrupt:
            print()
    _report(finished, broken, totals, time.monotonic() - begun, arguments.processes)
    return 1 if broken else 0


def _report(finished: int, broken: int, totals: dict[str, int], seconds: float, processes: int) -> None:
    days, events = totals.get("ms", 0) / DAY, totals.get("events", 0)
    counts = ", ".join(f"{number:,} {name}" for name, number in sorted(totals.items()) if name != "ms")
    pace = f"{days / seconds * 60:,.0f} days a minute, {events / seconds:,.0f} events/s on {processes} processes"
    print(f"{finished} lives, {broken} broken, {days:,.0f} days; {pace}; {counts}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this seed and print its events")
    parser.add_argument("--first", type=int, default=int(time.time()) * 1_000, help="the first of ever new seeds")
    parser.add_argument("--count", type=int, help="stop after so many")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="as many as there are cores")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
