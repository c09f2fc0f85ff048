"""Retrying calls with back-off, and giving up after too many."""

from webhook_app.domain.context import StepContext
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.rule import rule_of
from webhook_app.domain.timers import TimerKind
from webhook_app.domain.times import SECOND

BACKOFF_FIRST_MS = 5 * SECOND
BACKOFF_MAX_MS = 60 * SECOND
TRIES_MAX = 20


def back_off(context: StepContext, reason: Reason, *, at_least_ms: int = 0) -> None:
    """Retry after 5 s, doubling to 60 s, and within that as late as VideoSDK asks; outside a window give up in time."""
    desired = context.room.desired
    rule = rule_of(desired.because) if desired else None
    if has_used_up_tries(context):
        context.record_decision(Reason.CALL_GIVEN_UP, rule=rule, tries=TRIES_MAX)
        drop_all_desires(context)
        return
    retries = context.room.control.retries
    wait_ms = min(BACKOFF_MAX_MS, max(at_least_ms, BACKOFF_FIRST_MS * 2 ** min(retries, 8)))
    context.change_control(retries=retries + 1)
    context.set_timer(TimerKind.BACKOFF, context.event.at + wait_ms)
    context.record_decision(reason, rule=rule, wait=wait_ms // 1000)


def has_used_up_tries(context: StepContext) -> bool:
    """Whether the room has failed too often; in an open window it is tried until the window closes."""
    return context.room.control.retries + 1 >= TRIES_MAX and context.room.schedule.window is None


def drop_all_desires(context: StepContext) -> None:
    """Give up: nothing is desired of the room any more."""
    context.change_desires(operator=None, event=None, schedule=None)
    context.change_control(retries=0)
    context.clear_timer(TimerKind.OPERATOR_UNTIL)
