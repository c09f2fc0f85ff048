"""Refusals of calls: which are settled by a probe first, and which are final.

The call job reads VideoSDK's answer and journals its `refusal`; entries of earlier versions have none and count as
transient. A start that VideoSDK calls invalid is sent once more at most: the same body would be refused for ever.
"""

from webhook_app.domain.context import StepContext
from webhook_app.domain.frozen import replace
from webhook_app.domain.ids import is_after
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Call, Rejection, Room
from webhook_app.domain.schedules.open_window import SuppressionReason
from webhook_app.domain.schedules.windows import suppress_window
from webhook_app.domain.timers import TimerKind

INVALID_STARTS_MAX = 2  # the first, and one more for the case that VideoSDK only stumbled


def count_rejection(context: StepContext, call: Call) -> bool:
    """Count a start whose body VideoSDK rejects; whether it is given up. One that nobody wants any more is not."""
    desired = context.room.desired
    if desired is None or not desired.on_air or dict(desired.start) != dict(call.body):
        return False
    known = context.room.rejection
    count = known.count + 1 if known is not None and known.event_id == desired.event_id else 1
    context.change(rejection=Rejection(desired.event_id, count))
    return count >= INVALID_STARTS_MAX


def give_up_rejected(context: StepContext, call: Call) -> None:
    """Stop wanting a start that VideoSDK rejects, until somebody wants another or the next window opens."""
    room = context.room
    if room.operator is not None and room.operator.because == call.because:
        context.change(operator=None, waits=None)
        context.clear_timer(TimerKind.OPERATOR_UNTIL)
    elif room.window is not None and room.schedule_wish is not None and room.schedule_wish.because == call.because:
        suppress_window(context, SuppressionReason.REJECTED, Reason.WINDOW_START_REJECTED)
    elif room.event_wish is not None and room.event_wish.because == call.because:
        context.change(event_wish=None, waits=None)
    elif room.schedule_wish is not None and room.schedule_wish.because == call.because:
        context.change(schedule_wish=None, waits=None)
    if context.room.rejection is not None:
        context.change(rejection=replace(context.room.rejection, given_up_at=context.event.id))
    context.change(tries=0)


def forget_rejection(context: StepContext) -> None:
    """A start is wanted anew, or none any more: forget the one that was given up."""
    if context.room.rejection is not None:
        context.change(rejection=None)


def is_over(before: Room, room: Room) -> bool:
    """Whether a start that was given up no longer matters: something is on air, or something else is wanted."""
    rejection = room.rejection
    if rejection is None or rejection.given_up_at is None:
        return False
    changed = room.desired is not None and is_after(room.desired.event_id, rejection.given_up_at)
    closed = before.window is not None and room.window is None
    return changed or closed or any(stream.live for stream in room.streams)
