"""Waiting for a product that is down, and moments as they are written."""

from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TypeVar

from tests.support.polling import wait_until

DOWN_USUAL_S = 60.0

Answer = TypeVar("Answer")


def retry_while_down(ask: Callable[[], Answer]) -> Answer:
    """The answer, once the product is up: an outage may be going on."""
    answers: list[Answer] = []

    def is_answered() -> bool:
        try:
            answers.append(ask())
        except (OSError, HTTPException):
            return False
        return True

    wait_until(is_answered, DOWN_USUAL_S, "an answer of the product")
    return answers[0]


def wall_clock(moment: float) -> str:
    """A moment as a schedule says it, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def seconds_between(before: str, after: str) -> float:
    """From one RFC 3339 moment to another."""
    return (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()
