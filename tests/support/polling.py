"""Waits for conditions, with limits that suit a slow machine: a limit costs time only when a test fails anyway.

`TEST_SLOWNESS` (1 unless set) stretches every limit for a machine that is slower still.
"""

import asyncio
import os
import time
from collections.abc import Callable
from typing import TypeVar

SLOWNESS = float(os.environ.get("TEST_SLOWNESS", "1"))
LIMIT_MIN_S = 60.0
LIMIT_FACTOR = 3.0
LATE_S = 15.0 * SLOWNESS  # how much later than on an idle machine something may come about
POLL_FIRST_S = 0.02
POLL_FIRST_ASYNC_S = 0.001
POLL_MAX_S = 0.25
POLL_GROWTH = 1.2
SEEN_MAX_CHARS = 1_500

T = TypeVar("T")


def scaled_limit(usual_s: float) -> float:
    """The limit, in seconds, for something that takes up to `usual_s` on a machine with nothing else to do."""
    return max(LIMIT_MIN_S, LIMIT_FACTOR * usual_s) * SLOWNESS


def wait_until(
    condition: Callable[[], T | None],
    usual_s: float,
    what: str = "the condition",
    *,
    describe: Callable[[], object] | None = None,
    limit_s: float | None = None,
) -> T:
    """What `condition` returns once that is true.

    AssertionError when it stays false for `limit_s`, by default `scaled_limit(usual_s)`: it names what was
    waited for, and what the condition and `describe` returned last. The pause between two checks grows, so that they
    do not load the machine.
    """
    limit_s, poll_s = scaled_limit(usual_s) if limit_s is None else limit_s, POLL_FIRST_S
    deadline = time.monotonic() + limit_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            state = f"{value!r}" if describe is None else f"{value!r}, {_describe(describe)}"
            raise AssertionError(f"waited {limit_s:.0f} s for {what}; seen last: {clipped(state)}")
        time.sleep(poll_s)
        poll_s = min(poll_s * POLL_GROWTH, POLL_MAX_S)
    return value


async def wait_until_async(condition: Callable[[], T], usual_s: float = 20.0, what: str = "the condition") -> T:
    """`wait_until` in the event loop, whose other tasks go on meanwhile."""
    limit_s, poll_s = scaled_limit(usual_s), POLL_FIRST_ASYNC_S
    deadline = time.monotonic() + limit_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit_s:.0f} s for {what}; seen last: {clipped(repr(value))}")
        await asyncio.sleep(poll_s)
        poll_s = min(poll_s * POLL_GROWTH, POLL_MAX_S)
    return value


def load_per_core() -> float:
    """How many processes want each core, on average over the last minute."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def clipped(text: str, most_chars: int = SEEN_MAX_CHARS) -> str:
    """The end of a long text, which is where what matters stands."""
    return text if len(text) <= most_chars else f"… {text[-most_chars:]}"


def last_lines(text: str, count: int = 40) -> str:
    """The last lines of a log."""
    lines = text.splitlines()
    left_out = [f"… ({len(lines) - count} lines before)"] if len(lines) > count else []
    return "\n".join([*left_out, *(clipped(line, 500) for line in lines[-count:])])


def _describe(describe: Callable[[], object]) -> str:
    try:
        return str(describe())
    except Exception as error:  # the product may be gone, which is worth knowing too
        return f"nothing ({error!r})"
