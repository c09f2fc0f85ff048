"""Alarms that follow from a step's notices: a missed window, a refused start, a start that was given up."""

from collections.abc import Mapping
from typing import Any

from webhook_app.domain.alarms.alarm import PAST_EVENT_CLEARS_AFTER_MS, AlarmName
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import CallKind
from webhook_app.domain.explanations import explain
from webhook_app.domain.facts.results import Access, CallResult
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.outcome import DomainEvent
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import RefusedStart, Room
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.times import MINUTE, from_rfc3339, moment_text

QUOTA_CLEARS_AFTER_MS = 15 * MINUTE
QUOTA_CODE = "4029"


def record_notice(context: StepContext, domain_event: DomainEvent) -> None:
    """Record what a notice of this step says: that the room is late, missed a window, or had a start refused."""
    match domain_event.type:
        case NoticeType.BROADCAST_LATE if context.room.schedule.window is not None:
            context.change_window(late_at=context.event.at)
        case NoticeType.BROADCAST_MISSED:
            _missed(context, domain_event)
        case NoticeType.CALL_REFUSED:
            _refused(context, domain_event)
        case NoticeType.CALL_GIVEN_UP if context.room.control.refused_start is not None or _is_start(domain_event):
            _given_up(context, domain_event)


def _missed(context: StepContext, domain_event: DomainEvent) -> None:
    rule = str(domain_event.data["rule"])
    window = {end: moment_text(from_rfc3339(str(domain_event.data[end]))) for end in ("opens_at", "closes_at")}
    reason, why = domain_event.data.get("reason"), domain_event.data.get("message")
    code = AlarmSummary.BROADCAST_MISSED if why else AlarmSummary.BROADCAST_MISSED_UNEXPLAINED
    summary = explain(code, room=room_label(context), rule=rule, **window, **({"why": why} if why else {}))
    context.alarm(
        AlarmName.BROADCAST_MISSED,
        "critical",
        summary,
        subject=missed_subject(context.room, rule),
        room_id=context.room.room_id,
        rule=rule,
        reason=None if reason is None else str(reason),
        clears_at=context.event.at + PAST_EVENT_CLEARS_AFTER_MS,
    )


def _refused(context: StepContext, domain_event: DomainEvent) -> None:
    call = context.outcome.calls.get(_call_id(domain_event))
    result = context.event.payload
    has_own_alarm = isinstance(result, CallResult) and result.status.access is not Access.GRANTED
    if call is None or call.kind is not CallKind.START or has_own_alarm:
        return
    answer = " ".join(str(part) for part in (call.status, call.message) if part is not None)
    context.change_control(refused_start=RefusedStart(context.event.at, answer, rule_of(call.because)))
    if QUOTA_CODE in (call.message or ""):
        context.alarm(
            AlarmName.MAX_STREAMS,
            "warning",
            explain(AlarmSummary.STREAMS_IN_USE, room=room_label(context), answer=answer),
            subject="refused",
            room_id=context.room.room_id,
            reason=Reason.CALL_REFUSED.value,
            clears_at=context.event.at + QUOTA_CLEARS_AFTER_MS,
        )


def _given_up(context: StepContext, domain_event: DomainEvent) -> None:
    refused = context.room.control.refused_start
    summary = explain(AlarmSummary.START_GIVEN_UP_UNEXPLAINED, room=room_label(context))
    if refused is not None:
        summary = explain(AlarmSummary.START_GIVEN_UP, room=room_label(context), answer=refused.answer)
    context.change_control(refused_start=None)
    context.alarm(
        AlarmName.START_REFUSED,
        "critical",
        summary,
        subject=context.room.room_id,
        room_id=context.room.room_id,
        rule=rule_of(domain_event.because or ""),
        reason=Reason.CALL_GIVEN_UP.value,
        clears_at=context.event.at + PAST_EVENT_CLEARS_AFTER_MS,
    )


def room_label(context: StepContext) -> str:
    """What people read: the room's name, else its id."""
    return context.room_name or context.room.room_id


def missed_subject(room: Room, rule: str) -> str:
    """The subject of an alarm about a missed window: the rule and the room."""
    return f"{rule} {room.room_id}"


def _is_start(domain_event: DomainEvent) -> bool:
    call = domain_event.data.get("call")
    return isinstance(call, Mapping) and call.get("kind") == CallKind.START


def _call_id(domain_event: DomainEvent) -> str:
    call: Any = domain_event.data.get("call")
    return str(call.get("id")) if isinstance(call, Mapping) else ""
