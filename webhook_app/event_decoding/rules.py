"""Decodes rules and schedules from their checked form, the one that validation returns and the journal keeps."""

from collections.abc import Mapping
from typing import Any, assert_never

from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import (
    NO_TRIGGER,
    ConditionTrigger,
    EventTrigger,
    ScheduleTrigger,
    Trigger,
    TriggerKind,
    kind_in,
)
from webhook_app.domain.schedules.schedule import CalendarRef, Schedule
from webhook_app.domain.sessions.participants import EmptyMeans


def decode_rule(data: Mapping[str, Any]) -> Rule:
    """A rule from its checked form."""
    return Rule(
        name=str(data["name"]),
        rooms=tuple(data["rooms"]),
        do=str(data.get("do") or "start"),
        message=data.get("message"),
        cooldown_s=int(data.get("cooldown_s") or 0),
        start=data.get("start") or {},
        timezone=str(data.get("timezone") or "UTC"),
        paused=bool(data.get("paused", False)),
        trigger=decode_trigger(data),
    )


def decode_trigger(data: Mapping[str, Any]) -> Trigger:
    """The trigger in a rule's checked form."""
    match kind_in(data):
        case TriggerKind.SCHEDULE:
            return _schedule_trigger(data)
        case TriggerKind.EVENT:
            return EventTrigger(data["on"], data.get("if"))
        case TriggerKind.CONDITION:
            return ConditionTrigger(data["when"], int(data.get("for_s") or 0))
        case None:
            return NO_TRIGGER
        case _ as never:
            assert_never(never)


def _schedule_trigger(data: Mapping[str, Any]) -> ScheduleTrigger:
    schedule = data["schedule"]
    return ScheduleTrigger(
        decode_schedule(schedule),
        data.get("if"),
        given=schedule.get("given", {}),
        late_after_s=int(data.get("late_after_s") or 60),
        remind_s=data.get("remind_s"),
        end_when_empty_s=data.get("end_when_empty_s"),
        overrun_s=data.get("overrun_s"),
        max_run_s=data.get("max_run_s"),
        restart=str(data.get("restart") or "on-failure"),
        empty_means=EmptyMeans(data.get("empty_means") or "nobody"),
    )


def decode_schedule(data: Mapping[str, Any]) -> Schedule:
    """A schedule from its checked form."""
    return Schedule(
        timezone=str(data.get("timezone") or "UTC"),
        duration_s=data.get("duration_s"),
        cron=data.get("cron"),
        rrule=data.get("rrule"),
        dtstart=data.get("dtstart"),
        at=tuple(data.get("at", ())),
        always=bool(data.get("always", False)),
        ics=_calendar_ref(data["ics"]) if data.get("ics") else None,
        also=tuple(data.get("also", ())),
        except_days=tuple((str(first), str(last)) for first, last in data.get("except_days", ())),
        except_calendars=tuple(_calendar_ref(ref) for ref in data.get("except_calendars", ())),
    )


def _calendar_ref(data: Mapping[str, Any]) -> CalendarRef:
    return CalendarRef(str(data.get("url") or data.get("file")), data.get("match"))
