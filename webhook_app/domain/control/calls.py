"""The room's open call: sending it, and closing it with its outcome."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import Call
from webhook_app.domain.frozen import replace
from webhook_app.domain.probing.subjects import ProbeSubject
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.timers import TimerKind, probe_timer
from webhook_app.domain.times import SECOND

CALL_LOST_MS = 90 * SECOND


def send_call(context: StepContext, call: Call, reason: Reason) -> None:
    """Make this the room's open call; the call job sends it."""
    context.change_control(call=call)
    context.set_timer(TimerKind.CALL_LOST, context.event.at + CALL_LOST_MS)
    context.record_decision(reason, rule=rule_of(call.because), call_id=call.call_id, because=call.because)


def keep_call_open(context: StepContext, call: Call) -> None:
    """Record the open call's newer value."""
    context.change_control(call=call)
    context.outcome.calls[call.call_id] = call


def close_call(context: StepContext, call: Call) -> None:
    """Record the call's final value; the room has no open call any more."""
    context.outcome.calls[call.call_id] = call
    context.change_control(call=None)
    context.clear_timer(TimerKind.CALL_LOST, probe_timer(ProbeSubject.UNKNOWN))


def forget_end_call(context: StepContext, call: Call) -> None:
    """Undo the mark of an end call on its stream: the call did not end it."""
    for stream in context.room.streams:
        if stream.end_call_id == call.call_id:
            context.put_stream(replace(stream, end_call_id=None, end_because=None))
