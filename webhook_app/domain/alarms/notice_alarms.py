"""Alarms that follow from a step's notices: a missed window, a refused start, a start that was given up."""

from webhook_app.domain.alarms.alarm import PAST_EVENT_CLEARS_AFTER_MS, AlarmName
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import Call, CallKind
from webhook_app.domain.facts.results import Access, CallResult, Refusal
from webhook_app.domain.notices.payloads import BroadcastReport, CallRefusal
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.outcome import DomainEvent
from webhook_app.domain.outputs import Output
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.room_parts import RefusedStart
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.times import MINUTE, moment_text

QUOTA_CLEARS_AFTER_MS = 15 * MINUTE
QUOTA_CODE = "4029"


def record_notice(context: StepContext, domain_event: DomainEvent) -> None:
    """Record what a notice of this step says: that the room is late, missed a window, or had a start refused."""
    match domain_event.type, domain_event.payload:
        case NoticeType.BROADCAST_LATE, _ if context.room.schedule.window is not None:
            context.change_window(late_at=context.event.at)
        case NoticeType.BROADCAST_MISSED, BroadcastReport() as report:
            _missed(context, report)
        case _, CallRefusal(call) if call.kind is CallKind.TRANSCODE:
            pass  # no broadcast suffers from it
        case NoticeType.CALL_REFUSED, CallRefusal(call):
            _refused(context, call)
        case NoticeType.CALL_GIVEN_UP, CallRefusal(call):
            if context.room.control.refused_start is not None or call.kind is CallKind.START:
                _given_up(context, call)


def _missed(context: StepContext, report: BroadcastReport) -> None:
    rule, why = report.rule, report.reason
    window = {"opens_at": _moment_text(report.opens_at), "closes_at": _moment_text(report.closes_at)}
    code = AlarmSummary.BROADCAST_MISSED if why else AlarmSummary.BROADCAST_MISSED_UNEXPLAINED
    summary = context.explain(
        code, room=room_label(context), rule=rule, **window, **({"why": why.stored} if why else {})
    )
    context.alarm(
        AlarmName.BROADCAST_MISSED,
        "critical",
        summary,
        subject=missed_subject(context.room, rule),
        room_id=context.room.room_id,
        rule=rule,
        reason=None if why is None else str(why.code),
        clears_at=context.event.at + PAST_EVENT_CLEARS_AFTER_MS,
    )


def _refused(context: StepContext, call: Call) -> None:
    result = context.event.payload
    has_own_alarm = isinstance(result, CallResult) and result.status.access is not Access.GRANTED
    if call.kind is not CallKind.START or has_own_alarm:
        return
    answer = " ".join(str(part) for part in (call.status, call.message) if part is not None)
    context.change_control(refused_start=RefusedStart(context.event.at, answer, rule_of(call.because)))
    if QUOTA_CODE in (call.message or ""):
        context.alarm(
            AlarmName.MAX_STREAMS,
            "warning",
            context.explain(AlarmSummary.STREAMS_IN_USE, room=room_label(context), answer=answer),
            subject="refused",
            room_id=context.room.room_id,
            reason=Reason.CALL_REFUSED.value,
            clears_at=context.event.at + QUOTA_CLEARS_AFTER_MS,
        )


def _given_up(context: StepContext, call: Call) -> None:
    given_up = context.room.control.given_up_start
    if given_up is not None and given_up.call_id == call.call_id:
        return  # nobody refused it: `start-unknown` tells
    refused = context.room.control.refused_start
    summary = context.explain(AlarmSummary.START_GIVEN_UP_UNEXPLAINED, room=room_label(context))
    if refused is not None:
        summary = context.explain(AlarmSummary.START_GIVEN_UP, room=room_label(context), answer=refused.answer)
    if isinstance(result := context.event.payload, CallResult) and result.refusal is Refusal.SEALED:
        summary = context.explain(AlarmSummary.STREAM_KEY_SEALED, room=room_label(context))
    context.change_control(refused_start=None)
    context.alarm(
        AlarmName.START_REFUSED,
        "critical",
        summary,
        subject=alarm_subject(context.room),
        room_id=context.room.room_id,
        rule=rule_of(call.because),
        reason=Reason.CALL_GIVEN_UP.value,
        clears_at=context.event.at + PAST_EVENT_CLEARS_AFTER_MS,
    )


def room_label(context: StepContext) -> str:
    """What people read: the room's name, else its id."""
    return context.room_name or context.room.room_id


def alarm_subject(room: Room) -> str:
    """The subject of an alarm about an output of a room."""
    return room.room_id if room.output is Output.HLS else f"{room.room_id} {room.output}"


def missed_subject(room: Room, rule: str) -> str:
    """The subject of an alarm about a missed window: the rule, the room and the output."""
    return f"{rule} {alarm_subject(room)}"


def _moment_text(moment: int | None) -> str:
    """A moment for people; None for the close of a window that has no known one."""
    return "an unknown end" if moment is None else moment_text(moment)
