"""Alarms as they are kept, one at a time."""

from webhook_app.store import codec, keys
from webhook_app.store.clients import Client


def is_raised(client: Client, name: str) -> bool:
    """Whether an alarm of that name is active."""
    raw = client.hget(keys.ALARMS, name)
    return raw is not None and codec.alarm_of(raw).cleared_at is None
