"""Alarms that the reducer raised: active ones, and past ones."""

from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client


def is_raised(client: Client, key: str) -> bool:
    """Whether the alarm with that key is active."""
    return active_alarm(client, key) is not None


def active_alarm(client: Client, key: str) -> Alarm | None:
    """The active alarm with that key."""
    raw = client.hget(keys.ALARMS, key)
    alarm = codec.alarm_of(raw) if raw is not None else None
    return alarm if alarm is not None and alarm.is_active else None


def active_alarms(client: Client) -> list[Alarm]:
    """Every active alarm."""
    return list(codec.active_alarms_of(client.hvals(keys.ALARMS)).values())


def past_alarms(client: Client) -> list[Alarm]:
    """The alarms that were cleared last, the newest clearing first."""
    return [codec.alarm_of(raw) for raw in client.zrevrange(keys.ALARMS_PAST, 0, -1)]
