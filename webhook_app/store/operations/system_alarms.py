"""Alarms about the reducer itself, which no event can raise: stored apart from the reducer's state.

The clock raises and clears them. Each change is one script that also appends its notice to the outbox, so that it is
announced once, even if a clock dies or several run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from webhook_app.domain.alarms.alarm import ALARMS_KEPT, Alarm, AlarmName
from webhook_app.domain.alarms.changes import alarm_notice
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.notices.types import NoticeType
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.connection.server_time import time_ms
from webhook_app.store.scripts import lua

HALTED = AlarmName.REDUCING_HALTED.value
STALLED = AlarmName.JOURNAL_STALLED.value
NAMES = (HALTED, STALLED)


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
        self._raise = client.register_script(lua("raise_system_alarm"))
        self._clear = client.register_script(lua("clear_system_alarm"))
        self._replace = client.register_script(lua("replace_system_alarm"))

    def raise_alarm(self, name: str, summary: Explanation, *, condition: str, at: int) -> bool:
        """Raise a critical alarm and announce it, unless it is raised."""
        alarm = Alarm(name, "critical", summary, at, key=name)
        record, notice = codec.encode(SystemAlarm(alarm, condition)), _notice(NoticeType.ALARM_RAISED, alarm, at)
        return bool(self._raise(keys=[keys.SYSTEM_ALARMS, keys.OUTBOX], args=[name, record, codec.encode(notice)]))

    def acknowledge(self, alarm: Alarm) -> bool:
        """Store an alarm with its acknowledgement, unless the one that it acknowledges has changed since."""
        raw = self._client.hget(keys.SYSTEM_ALARMS, alarm.name)
        raised = _alarm_of(raw) if raw is not None else None
        if raised is None or raised.alarm.id != alarm.id:
            return False
        args = [alarm.name, raw, codec.encode(replace(raised, alarm=alarm))]
        return bool(self._replace(keys=[keys.SYSTEM_ALARMS], args=args))

    def clear(self, raised: SystemAlarm, *, at: int) -> bool:
        """Clear an alarm as it was read and announce that, unless it has changed since."""
        raw = self._client.hget(keys.SYSTEM_ALARMS, raised.alarm.name)
        if raw is None or _alarm_of(raw) != raised:
            return False
        alarm = replace(raised.alarm, cleared_at=at)
        notice = codec.encode(_notice(NoticeType.ALARM_CLEARED, alarm, at))
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


def halted_summary(reason: bytes) -> Explanation:
    """What the alarm says of why reducing is halted."""
    return explain(AlarmSummary.REDUCING_HALTED, error=reason.decode(errors="replace"))


def _notice(kind: NoticeType, alarm: Alarm, at: int) -> Notice:
    return alarm_notice(f"{alarm.name}@{alarm.since}", kind, at, alarm)
