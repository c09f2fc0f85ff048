"""What a refused call leads to.

1. A start that was not sent, as its stream key cannot be decrypted, is given up at once.
2. A start that VideoSDK has rejected as invalid too often is given up.
3. So is any call that failed too often outside a window.
4. A token that is not accepted (401) pauses all calls. A probe each minute checks whether it is accepted again.
5. A call that is not allowed (403) pauses this room's calls for a minute.
6. Everything else is retried with back-off; a probe checks the room's actual state.
"""

from typing import Any

from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.alarms.notice_alarms import room_label
from webhook_app.domain.alarms.room_alarms import forbidden_key
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.context import StepContext
from webhook_app.domain.control.backoff import TRIES_MAX, back_off, drop_all_desires, has_used_up_tries
from webhook_app.domain.control.call import Call, CallKind, CallState
from webhook_app.domain.control.calls import close_call, forget_end_call
from webhook_app.domain.control.rejections import count_rejection, give_up_rejected_start
from webhook_app.domain.explanations import explain
from webhook_app.domain.facts.results import Access, AnswerStatus, Refusal
from webhook_app.domain.frozen import replace
from webhook_app.domain.notices.payloads import CallRefusal
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.probing.requests import request_probe
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room_parts import LastRefusal
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.domain.times import SECOND

LIFT_EVERY_MS = 60 * SECOND


def answer_text(call: Call) -> str:
    """VideoSDK's answer to a call, as people read it: status and message."""
    return f"{call.status} {call.message or ''}".strip()


def on_refusal(
    context: StepContext,
    call: Call,
    status: AnswerStatus,
    refusal: Refusal | None,
    retry_after_ms: int | None,
) -> None:
    """Close a refused call and decide whether to give up, to pause, or to retry; see the module's list."""
    refused = replace(call, state=CallState.REFUSED)
    close_call(context, refused)
    forget_end_call(context, call)
    answer = answer_text(call)
    context.change_control(last_refusal=LastRefusal(Reason.VIDEOSDK_REFUSED, answer))
    context.record_effect(Reason.CALL_REFUSED, said=answer)
    context.emit(NoticeType.CALL_REFUSED, CallRefusal(refused), because=call.because)
    is_invalid = call.kind is CallKind.START and refusal is Refusal.INVALID
    if is_invalid and count_rejection(context, call):
        _give_up(context, refused, Reason.CALL_REJECTED)
        give_up_rejected_start(context, call)
    elif has_used_up_tries(context):
        _give_up(context, refused, Reason.CALL_GIVEN_UP, tries=TRIES_MAX)
        drop_all_desires(context)
    elif status.access is Access.UNAUTHORIZED:
        pause_all_calls(context)
    elif status.access is Access.FORBIDDEN:
        _pause_calls_of_room(context, call, answer)
    else:
        if status.disputable and call.refusal is None:
            request_probe(context, ProbeSubject.REFUSED)
        back_off(context, Reason.RETRY_REFUSED, at_least_ms=retry_after_ms or 0)


def on_sealed_start(context: StepContext, call: Call) -> None:
    """Give up a start that could not be sent: until its stream key is given again, no other attempt could be."""
    context.change_control(last_refusal=LastRefusal(Reason.STREAM_KEY_SEALED))
    context.record_effect(Reason.CALL_NOT_MADE, message=call.message)
    close_call(context, call)
    count_rejection(context, call)
    _give_up(context, call, Reason.STREAM_KEY_SEALED)
    give_up_rejected_start(context, call)


def _give_up(context: StepContext, refused: Call, reason: Reason, **arguments: Any) -> None:
    given_up = replace(refused, state=CallState.GIVEN_UP)
    context.outcome.calls[refused.call_id] = given_up
    context.emit(NoticeType.CALL_GIVEN_UP, CallRefusal(given_up), because=refused.because)
    context.record_decision(reason, call_id=refused.call_id, rule=rule_of(refused.because), **arguments)


def pause_all_calls(context: StepContext) -> None:
    """Pause all calls as VideoSDK does not accept our token, until a probe shows that it does."""
    context.outcome.pause = True
    context.alarm(
        AlarmName.VIDEOSDK_CREDENTIALS,
        "critical",
        explain(AlarmSummary.CREDENTIALS_REJECTED),
    )
    context.set_timer(probe_timer(ProbeSubject.CREDENTIALS), context.event.at + LIFT_EVERY_MS)


def _pause_calls_of_room(context: StepContext, call: Call, answer: str) -> None:
    room = room_label(context)
    summary = context.explain(AlarmSummary.ROOM_FORBIDDEN, action=call.kind, room=room, answer=answer)
    context.alarm(forbidden_key(context.room), "warning", summary, room_id=call.room_id)
    context.change_control(retries=context.room.control.retries + 1)
    context.set_timer(TimerKind.BACKOFF, context.event.at + LIFT_EVERY_MS)
