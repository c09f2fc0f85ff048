"""What the clock's watches compare: open breakers, HLS streams on air, the journal's lag, raised alarms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import time_ms
from webhook_app.store.journal.lag import Lag, lag_of, queue_lag
from webhook_app.store.operations.halt import Halt, halt_of
from webhook_app.store.operations.system_alarms import SystemAlarm, alarms_of
from webhook_app.store.subscriber_sealing import subscriber_label


@dataclass(frozen=True, slots=True)
class AlarmConditions:
    """Subscribers whose breaker is open, how many HLS streams are on air, and the active alarms by key."""

    open_breakers: Sequence[str]
    hls_on_air: int
    alarms: Mapping[str, Alarm]


@dataclass(frozen=True, slots=True)
class SubscriberFailure:
    """How a subscriber fails: its label, since when in ms, its last error."""

    label: str
    failing_since: int | None
    error: str


@dataclass(frozen=True, slots=True)
class JournalProgress:
    """How far reducing has come, whether it is halted, the raised system alarms by name; `now` in ms."""

    lag: Lag
    halt: Halt | None
    alarms: Mapping[str, SystemAlarm]
    now: int


def read_alarm_conditions(client: Client) -> AlarmConditions:
    """The conditions as they are now."""
    with client.pipeline(transaction=False) as pipe:
        pipe.hkeys(keys.BREAKERS_OPEN_UNTIL)
        pipe.scard(keys.ON_AIR)
        pipe.scard(keys.ON_AIR_BY_RTMP_ALONE)
        pipe.hvals(keys.ALARMS)
        breakers, on_air, by_rtmp_alone, alarms = pipe.execute()
    hls_on_air = int(on_air) - int(by_rtmp_alone)
    return AlarmConditions([raw.decode() for raw in breakers], hls_on_air, codec.active_alarms_of(alarms))


def read_subscriber_failure(client: Client, subscriber_id: str) -> SubscriberFailure | None:
    """How a subscriber fails; None when it was deleted."""
    with client.pipeline(transaction=False) as pipe:
        pipe.hget(keys.SUBSCRIBERS, subscriber_id)
        pipe.hmget(keys.subscriber_health(subscriber_id), ["failing_since", "error"])
        record, (since, error) = pipe.execute()
    if record is None:
        return None
    return SubscriberFailure(subscriber_label(record), int(since) if since else None, (error or b"").decode())


def read_journal_progress(client: Client) -> JournalProgress:
    """The progress as it is now."""
    with client.pipeline(transaction=False) as pipe:
        queue_lag(pipe)
        pipe.mget(keys.HALTED, keys.HALTED_AT)
        pipe.hgetall(keys.SYSTEM_ALARMS)
        pipe.time()
        lag, halt, alarms, time = pipe.execute()
    return JournalProgress(lag_of(lag), halt_of(halt), alarms_of(alarms), time_ms(time))
