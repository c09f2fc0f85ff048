"""Waiting for a product that is down, and moments as they are written."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TypeVar

from tests.support.polling import scaled_limit

LOOK_EVERY_S = 0.25
DOWN_USUAL_S = 60.0

Answer = TypeVar("Answer")


def retry_while_down(ask: Callable[[], Answer]) -> Answer:
    """The answer, once the product is up: an outage may be going on."""
    deadline = time.monotonic() + scaled_limit(DOWN_USUAL_S)
    while True:
        try:
            return ask()
        except (OSError, HTTPException):
            assert time.monotonic() < deadline, "the product does not answer any more"
            time.sleep(LOOK_EVERY_S)


def wall_clock(moment: float) -> str:
    """A moment as a schedule says it, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def seconds_between(before: str, after: str) -> float:
    """From one RFC 3339 moment to another."""
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()
