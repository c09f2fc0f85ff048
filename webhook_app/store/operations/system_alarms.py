"""Alarms on the reducer itself, which no fold can raise: kept apart from the reducer's state, and told all the same.

The clock raises and clears them. Each change is one script that also appends its notice to the outbox, so that it is
told once, whatever clock dies and however many there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from webhook_app.domain.alarms.alarm import ALARMS_KEPT, Alarm, AlarmName
from webhook_app.domain.alarms.changes import alarm_notice
from webhook_app.domain.notices.notice import Notice
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import time_ms

HALTED = AlarmName.REDUCING_HALTED.value
STALLED = AlarmName.JOURNAL_STALLED.value
NAMES = (HALTED, STALLED)

# KEYS: the alarms, the outbox. ARGV: name, alarm, notice. Returns whether the alarm was not raised yet.
_RAISE = """
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'n', ARGV[3])
return 1
"""
# KEYS: the alarms, the outbox, past alarms. ARGV: name, alarm as it is stored, cleared alarm, when, notice, how many
# past ones to keep. Returns whether the alarm was still raised.
_CLEAR = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -tonumber(ARGV[6]) - 1)
redis.call('XADD', KEYS[2], '*', 'n', ARGV[5])
return 1
"""

# KEYS: the alarms. ARGV: name, alarm as it is stored, acknowledged alarm. Returns whether the alarm was still that.
_ACKNOWLEDGE = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class SystemAlarm:
    """A raised alarm, and the condition that it was raised on, so that any clock can see whether it still holds."""

    alarm: Alarm
    condition: str


_alarm_of = codec.decoder(SystemAlarm)


class SystemAlarms:
    """Raises, clears and lists them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._raise = client.register_script(_RAISE)
        self._clear = client.register_script(_CLEAR)
        self._acknowledge = client.register_script(_ACKNOWLEDGE)

    def raise_alarm(self, name: str, summary: str, *, condition: str, at: int) -> bool:
        """Raise a critical alarm and tell it, unless it is raised."""
        alarm = Alarm(name, "critical", summary, at, key=name)
        record, notice = codec.encode(SystemAlarm(alarm, condition)), _notice("alarm.raised", alarm, at)
        return bool(self._raise(keys=[keys.SYSTEM_ALARMS, keys.OUTBOX], args=[name, record, codec.encode(notice)]))

    def acknowledge(self, alarm: Alarm) -> bool:
        """Store an alarm with its acknowledgement, unless the one that it acknowledges has changed since."""
        raw = self._client.hget(keys.SYSTEM_ALARMS, alarm.name)
        raised = _alarm_of(raw) if raw is not None else None
        if raised is None or raised.alarm.id != alarm.id:
            return False
        args = [alarm.name, raw, codec.encode(replace(raised, alarm=alarm))]
        return bool(self._acknowledge(keys=[keys.SYSTEM_ALARMS], args=args))

    def clear(self, raised: SystemAlarm, *, at: int) -> bool:
        """Clear an alarm as it was read and tell that, unless it has changed since."""
        raw = self._client.hget(keys.SYSTEM_ALARMS, raised.alarm.name)
        if raw is None or _alarm_of(raw) != raised:
            return False
        alarm = replace(raised.alarm, cleared_at=at)
        notice = codec.encode(_notice("alarm.cleared", alarm, at))
        args = [alarm.name, raw, codec.encode(alarm), at, notice, ALARMS_KEPT]
        return bool(self._clear(keys=[keys.SYSTEM_ALARMS, keys.OUTBOX, keys.ALARMS_PAST], args=args))


def alarms_of(answer: Mapping[bytes, bytes]) -> dict[str, SystemAlarm]:
    """The raised alarms by name, out of the stored hash."""
    return {name.decode(): _alarm_of(raw) for name, raw in answer.items()}


def raised_system_alarms(client: Client) -> list[Alarm]:
    """The raised alarms; that reducing is halted counts from that moment, before a clock has seen it."""
    with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(keys.SYSTEM_ALARMS)
        pipe.mget(keys.HALTED, keys.HALTED_AT)
        pipe.time()
        records, (halted, since), now = pipe.execute()
    alarms = {name: record.alarm for name, record in alarms_of(records).items()}
    if halted is None:
        alarms.pop(HALTED, None)
    elif HALTED not in alarms:
        at = int(since) if since is not None else time_ms(now)
        alarms[HALTED] = Alarm(HALTED, "critical", halted_summary(halted), at, key=HALTED)
    return list(alarms.values())


def halted_summary(reason: bytes) -> str:
    """What the alarm says of why reducing is halted."""
    return f"reducing is halted: {reason.decode(errors='replace')}"


def _notice(kind: str, alarm: Alarm, at: int) -> Notice:
    return alarm_notice(f"{alarm.name}@{alarm.since}", kind, at, alarm)
