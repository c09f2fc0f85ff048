"""Calls by id, with what was sent for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webhook_app.domain.control.call import Call
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client


@dataclass(frozen=True, slots=True)
class CallProgress:
    """What was sent for a call and what came back; `is_marked` once a sender has begun."""

    attempts: Sequence[Mapping[str, Any]]
    is_marked: bool


def calls_by_id(client: Client, call_ids: Sequence[str]) -> list[Call | None]:
    """Calls by id, None where none is kept."""
    records = client.mget([keys.call(call_id) for call_id in call_ids]) if call_ids else []
    return [codec.call_of(raw) if raw else None for raw in records]


def progress_of_calls(client: Client, call_ids: Sequence[str]) -> list[CallProgress]:
    """How far these calls have come."""
    with client.pipeline(transaction=False) as pipe:
        for call_id in call_ids:
            pipe.lrange(keys.call_attempts(call_id), 0, -1)
            pipe.exists(keys.call_mark(call_id))
        answers = pipe.execute()
    return [
        CallProgress([codec.decode(raw) for raw in attempts], bool(mark))
        for attempts, mark in zip(answers[::2], answers[1::2], strict=True)
    ]
