"""Pauses that are part of what a test sets up: slow servers, traffic at a pace, and moments on the clock.

A test that waits for something to happen uses `tests.support.polling` instead. Nothing else in the tests sleeps.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from tests.support.polling import POLL_MAX_S


def slow_answer(seconds: float) -> None:
    """Let a server take this long before it answers."""
    time.sleep(seconds)


async def slow_answer_async(seconds: float) -> None:
    """Let a server in the event loop take this long before it answers."""
    await asyncio.sleep(seconds)


def drip(write: Callable[[bytes], object], data: bytes, pause_s: float) -> None:
    """Send the data byte by byte, with a pause after each."""
    for at in range(len(data)):
        write(data[at : at + 1])
        time.sleep(pause_s)


async def send_in_pieces(write: Callable[[bytes], Awaitable[object]], pieces: Iterable[bytes], pause_s: float) -> None:
    """Send pieces with a pause after each, so that the receiver reads them one by one."""
    for piece in pieces:
        await write(piece)
        await asyncio.sleep(pause_s)


def pace(seconds: float) -> None:
    """Wait between two requests of generated traffic."""
    time.sleep(max(0.0, seconds))


async def pace_async(seconds: float) -> None:
    """Wait between two steps of generated traffic in the event loop."""
    await asyncio.sleep(max(0.0, seconds))


def wait_for_moment(moment: float) -> None:
    """Wait until the clock shows this Unix time."""
    while (left_s := moment - time.time()) > 0:
        time.sleep(left_s)


def let_clock_advance(ms: int) -> None:
    """Wait until the clock, in whole milliseconds, shows at least this much more than now."""
    wait_for_moment((int(time.time() * 1000) + ms) / 1000)


def assert_holds_for(seconds: float, condition: Callable[[], object], what: str) -> None:
    """AssertionError as soon as the condition is false within this time.

    For what must not happen, where no event marks that it could have happened.
    """
    until = time.monotonic() + seconds
    while True:
        assert condition(), f"no longer holds: {what}"
        left_s = until - time.monotonic()
        if left_s <= 0:
            return
        time.sleep(min(left_s, POLL_MAX_S))
