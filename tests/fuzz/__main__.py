"""`python -m tests.fuzz` tries ever new inputs until it is stopped; `--target T --seed N` tries one and shows it."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.targets import CI_TARGETS, TARGETS, input_of, try_seed

BATCH = 500
BATCH_LIMIT_S = 600.0


def main() -> int:
    """The exit status says whether everything held."""
    arguments = _arguments()
    if arguments.batch:
        return _batch(arguments.target, arguments.first, arguments.batch, Path(arguments.current))
    if arguments.seed is not None:
        print(repr(input_of(arguments.target or CI_TARGETS[0], arguments.seed)), flush=True)
        try_seed(arguments.target or CI_TARGETS[0], arguments.seed)
        return 0
    targets = [arguments.target] if arguments.target else list(CI_TARGETS)
    first, failed = arguments.first, 0
    try:
        while arguments.batches is None or first < arguments.first + arguments.batches * BATCH:
            for target in targets:
                failed += _run(target, first)
            first += BATCH
            print(
                f"{first - arguments.first:,} inputs for each of {', '.join(targets)}; {failed} batches failed",
                flush=True,
            )
    except KeyboardInterrupt:
        print()
    return 1 if failed else 0


def _run(target: str, first: int) -> bool:
    """Try a batch in a process of its own, so that an input that hangs or ends it is known; whether it failed."""
    with tempfile.NamedTemporaryFile() as current:
        command = [sys.executable, "-m", "tests.fuzz", "--target", target, "--first", str(first)]
        process = subprocess.Popen([*command, "--batch", str(BATCH), "--current", current.name])
        try:
            status = process.wait(BATCH_LIMIT_S)
        except subprocess.TimeoutExpired:
            status = -1
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if status == 0:
            return False
        seed = Path(current.name).read_text() or first
    what = "hung" if status == -1 else "failed"
    print(f"\n{what}: python -m tests.fuzz --target {target} --seed {seed}", flush=True)
    print(f"input: {input_of(target, int(seed))!r}\n", flush=True)
    return True


def _batch(target: str, first: int, count: int, current: Path) -> int:
    for seed in range(first, first + count):
        current.write_text(str(seed))
        try_seed(target, seed)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=sorted(TARGETS), help="one target; all that are bounded when left out")
    parser.add_argument("--seed", type=int, help="try this one, and show its input")
    parser.add_argument("--first", type=int, default=int(time.time()) * 1_000, help="the first of ever new seeds")
    parser.add_argument("--batches", type=int, help=f"stop after so many batches of {BATCH}")
    parser.add_argument("--batch", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--current", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
