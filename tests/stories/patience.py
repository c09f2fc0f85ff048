"""Patience: waiting for what is to come about, for a product that is down, and moments as they are written."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any, TypeVar

LOOK_EVERY_S = 0.25
DOWN_LIMIT_S = 60.0

Answer = TypeVar("Answer")


def patiently(ask: Callable[[], Answer]) -> Answer:
    """What is answered, once the product is there to answer: a house may just be down."""
    deadline = time.monotonic() + DOWN_LIMIT_S
    while True:
        try:
            return ask()
        except (OSError, HTTPException):
            assert time.monotonic() < deadline, "the product does not answer any more"
            time.sleep(LOOK_EVERY_S)


def wait(condition: Any, limit_s: float, what: str) -> Any:
    """What `condition` says once it is true, looked at now and then; AssertionError when it never is."""
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come about within {limit_s:.0f} s"
        time.sleep(LOOK_EVERY_S)
    return found


def wall_clock(moment: float) -> str:
    """A moment as a schedule says it, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def seconds_between(before: str, after: str) -> float:
    """From one RFC 3339 moment to another."""
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()
