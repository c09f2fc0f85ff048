"""Alarms: list and acknowledge them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.domain.events import Source
from webhook_app.event_decoding.commands import ACKNOWLEDGE
from webhook_app.masking.masking import masked
from webhook_app.store.operations.system_alarms import SystemAlarms, raised_system_alarms
from webhook_app.store.state.alarms import active_alarms, past_alarms
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import ConflictError, NotFoundError


def acknowledge(context: AppContext, alarm_id: str, *, by: str, until: int | None) -> str:
    """Acknowledge an active alarm, until a time in ms if one is given; return the id of the journaled event.

    Raises NotFoundError, or ConflictError when the alarm has cleared or changed in the meantime.
    """
    alarm = next((alarm for alarm in all_alarms(context) if alarm.id == alarm_id), None)
    if alarm is None:
        raise NotFoundError(f"Alarm {alarm_id} not found. GET /api/v1/alarms?active=true lists the active alarms.")
    if not alarm.is_active:
        raise ConflictError(f"Alarm {alarm.name} has already cleared.")
    data: dict[str, Any] = {"alarm_id": alarm.id, "name": alarm.name, "by": by, "until": until}
    system_alarm = next((alarm for alarm in raised_system_alarms(context.client) if alarm.id == alarm_id), None)
    if system_alarm is not None:
        # Written directly: the reducer may be the very thing that has stopped.
        acknowledged = replace(system_alarm, acknowledged_by=by, acknowledged_at=context.now(), muted_until=until)
        if not SystemAlarms(context.client).acknowledge(acknowledged):
            raise ConflictError(f"Alarm {alarm.name} has changed in the meantime. Try again.")
        data["is_system"] = True
    return context.append(Source.OPERATOR, ACKNOWLEDGE, None, data)


def all_alarms(context: AppContext) -> list[Alarm]:
    """Return all alarms, active and cleared, system alarms included, newest first."""
    alarms = {alarm.id: alarm for alarm in past_alarms(context.client)}
    alarms |= {alarm.id: alarm for alarm in active_alarms(context.client)}
    alarms |= {alarm.id: alarm for alarm in raised_system_alarms(context.client)}
    return _newest_first(alarms.values())


def all_active_alarms(context: AppContext) -> list[Alarm]:
    """Return the active alarms, newest first."""
    return _newest_first((*active_alarms(context.client), *raised_system_alarms(context.client)))


def unacknowledged(alarms: Iterable[Alarm], now: int) -> list[Alarm]:
    """Select the active alarms that were not acknowledged, or whose acknowledgement has expired."""
    return [alarm for alarm in alarms if alarm.is_active and not alarm.is_acknowledged(now)]


def sort_key(alarm: Alarm) -> tuple[int, str]:
    """The position of an alarm in lists: newest last."""
    return alarm.since, alarm.id


def _newest_first(alarms: Iterable[Alarm]) -> list[Alarm]:
    return sorted((_masked(alarm) for alarm in alarms), key=sort_key, reverse=True)


def _masked(alarm: Alarm) -> Alarm:
    """Mask secrets in URLs that the summary quotes; alarms of earlier versions were stored unmasked."""
    return replace(alarm, summary=masked(alarm.summary_text))
