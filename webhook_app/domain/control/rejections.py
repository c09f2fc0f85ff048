"""Giving up starts that VideoSDK rejects as invalid: the same body would be rejected for ever."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.control.call import Call
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.room_parts import Rejection
from webhook_app.domain.schedules.open_window import SuppressionReason
from webhook_app.domain.schedules.window_state import suppress_window
from webhook_app.domain.timers import TimerKind

INVALID_STARTS_MAX = 2  # the first, and one more in case VideoSDK was wrong once


def count_rejection(context: StepContext, call: Call) -> bool:
    """Count a start that VideoSDK rejected; returns whether to give it up. One that nobody desires any more is not."""
    desired = context.room.desired
    if desired is None or not desired.on_air or not call.starts_with(desired.start):
        return False
    earlier = context.room.control.rejection
    count = earlier.count + 1 if earlier is not None and earlier.event_id == desired.event_id else 1
    context.change_control(rejection=Rejection(desired.event_id, count))
    return count >= INVALID_STARTS_MAX


def give_up_rejected_start(context: StepContext, call: Call) -> None:
    """Drop the desire for a start that VideoSDK rejects, until another is desired or the next window opens."""
    desires = context.room.desires
    if desires.operator is not None and desires.operator.because == call.because:
        context.change_desires(operator=None)
        context.change_control(waiting_for=None)
        context.clear_timer(TimerKind.OPERATOR_UNTIL)
    elif desires.schedule is not None and desires.schedule.because == call.because and _has_window(context.room):
        suppress_window(context, SuppressionReason.REJECTED, Reason.WINDOW_START_REJECTED)
    elif desires.event is not None and desires.event.because == call.because:
        context.change_desires(event=None)
        context.change_control(waiting_for=None)
    elif desires.schedule is not None and desires.schedule.because == call.because:
        context.change_desires(schedule=None)
        context.change_control(waiting_for=None)
    rejection = context.room.control.rejection
    if rejection is not None:
        context.change_control(rejection=replace(rejection, given_up_at=context.event.id))
    context.change_control(retries=0)


def forget_given_up_start(context: StepContext) -> None:
    """Forget the start that was given up once it no longer matters."""
    if _no_longer_matters(context.before, context.room):
        context.change_control(rejection=None)


def _no_longer_matters(before: Room, room: Room) -> bool:
    """Whether a stream is live, something else is desired, or the window has closed since the start was given up."""
    rejection = room.control.rejection
    if rejection is None or rejection.given_up_at is None:
        return False
    is_desired_anew = room.desired is not None and is_after(room.desired.event_id, rejection.given_up_at)
    has_closed = _has_window(before) and not _has_window(room)
    return is_desired_anew or has_closed or room.has_live_stream


def _has_window(room: Room) -> bool:
    return room.schedule.window is not None
