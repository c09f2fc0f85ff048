"""`python -m bench [name …] [--quick]`: run benchmarks, print a table, and store it as JSON in bench/results."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench import (
    deliver,
    end_to_end,
    host_noise,
    isolation,
    lag,
    load,
    memory,
    openings,
    receive,
    reduce,
    report,
    rules,
    viewers,
)
from bench.results import Result
from bench.scale import FULL, QUICK, Scale
from webhook_app.runtime.logs import configure
from workers.gc_tuning import tune_gc

RESULTS = Path(__file__).with_name("results")
ALIASES = {"tell": "deliver", "through": "end-to-end"}  # names of earlier versions
BENCHES: dict[str, Callable[[Path, Scale], Iterator[Result]]] = {
    "receive": receive.run,
    "reduce": reduce.run,
    "deliver": deliver.run,
    "isolation": isolation.run,
    "end-to-end": end_to_end.run,
    "lag": lag.run,
    "memory": memory.run,
    "openings": openings.run,
    "rules": rules.run,
    "viewers": viewers.run,
}


def main() -> int:
    """Run the selected benchmarks. The exit status says whether all could be measured, not whether goals were met."""
    arguments = _arguments()
    tune_gc()  # as the product's workers do
    configure("bench", "text", "warning")  # log as little as a process of the product
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    started_at = datetime.now(UTC)
    path = RESULTS / f"{started_at:%Y-%m-%dT%H%M%SZ}.json"
    scale = QUICK if arguments.quick else FULL
    about = report.machine() | {"at": started_at.isoformat(timespec="seconds"), "quick": arguments.quick}
    about |= {"load_tool": load.tool() or "own"}
    if load.tool() is None:
        print("wrk is not installed: using the built-in load generator, which is slower and uses more CPU")
    results: list[Result] = []
    failed: list[str] = []
    noise: dict[str, float | None] = {}
    for name in arguments.names or BENCHES:
        _say(f"{name} …")
        since, before = time.monotonic(), host_noise.now()
        try:
            for result in _measured(name, scale):
                results.append(result)
                report.write(path, results, about=about)
        except Exception:
            traceback.print_exc()
            failed.append(name)
        noise[name] = host_noise.cores_since(before)
        report.write(path, results, about=about | {"cores_busy_elsewhere": noise})
        _say(f"{name} took {time.monotonic() - since:.0f} s")
    print(report.table(results))
    print("cores kept busy by other processes:", ", ".join(f"{name} {cores}" for name, cores in noise.items()))
    print(f"ratio: median of the ratios of all rounds; rounds and details are in {path}")
    if failed:
        print(f"could not be measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _measured(name: str, scale: Scale) -> Iterator[Result]:
    # Next to the results, not in /tmp, which may be in memory: an fsync must reach a disk.
    RESULTS.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=RESULTS))
    try:
        yield from BENCHES[name](directory, scale)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(BENCHES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and shorter loads")
    arguments = parser.parse_args()
    arguments.names = [ALIASES.get(name, name) for name in arguments.names]
    unknown = [name for name in arguments.names if name not in BENCHES]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]}; choose from {', '.join(BENCHES)}")
    return arguments


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
