"""Whether reducing is halted because a transaction was applied in part. An operator resumes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import now_ms

REASON_MAX_CHARS = 500


@dataclass(frozen=True, slots=True)
class Halt:
    """Why reducing is halted, and since when in ms (None in what earlier versions stored)."""

    reason: bytes
    at: int | None


def is_halted(client: Client) -> bool:
    """Whether reducing is halted."""
    return bool(client.exists(keys.HALTED))


def read_halt(client: Client) -> Halt | None:
    """Why reducing is halted; None when it is not."""
    return halt_of(client.mget(keys.HALTED, keys.HALTED_AT))


def halt_of(answer: Sequence[bytes | None]) -> Halt | None:
    """The halt out of the values of its two keys."""
    reason, at = answer
    return None if reason is None else Halt(reason, int(at) if at is not None else None)


def halt(client: Client, reason: str) -> None:
    """Halt reducing."""
    client.mset({keys.HALTED_AT: now_ms(client), keys.HALTED: reason[:REASON_MAX_CHARS]})
