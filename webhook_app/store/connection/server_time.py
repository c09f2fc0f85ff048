"""The store's own time, which all processes share whatever their machines' clocks show."""

from collections.abc import Sequence
from typing import Any

from webhook_app.store.connection.clients import Client


def time_ms(answer: Sequence[Any]) -> int:
    """The answer to TIME, seconds and microseconds, in ms since 1970."""
    seconds, micros = answer
    return int(seconds) * 1000 + int(micros) // 1000


def now_ms(client: Client) -> int:
    """The store's time, in ms since 1970."""
    return time_ms(client.time())
