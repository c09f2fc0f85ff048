"""What becomes of a delivery: made for a subscriber, then delivered, to be tried again, or dead."""

from dataclasses import replace

from webhook_app.domain.delivery.delivery import Attempt, Delivery, DeliveryState, delivery_id
from webhook_app.domain.delivery.retry import next_retry_at
from webhook_app.domain.delivery.subscriber import Ordering, Subscriber
from webhook_app.store.deliveries.outbox import OutboxEntry
from workers.channels.port import AttemptResult

GONE = 410
TOO_MANY = 429


def new_delivery(subscriber: Subscriber, told: OutboxEntry, *, again: bool = False) -> Delivery:
    """A notice to a subscriber; in its room's order when that was asked for."""
    notice = told.notice
    return Delivery(
        delivery_id=delivery_id(notice.notice_id, subscriber.subscriber_id),
        notice_id=notice.notice_id,
        subscriber_id=subscriber.subscriber_id,
        created_at=notice.at,
        entry=told.entry,
        next_attempt_at=notice.at,
        queue=notice.room_id if subscriber.ordering is Ordering.ROOM and not again else None,
        again=again,
    )


def unsent(delivery: Delivery) -> Delivery:
    """The delivery as dead without an attempt on the network: this copy of the product only observes."""
    at = delivery.next_attempt_at or delivery.created_at
    attempt = Attempt(at=at, status=None, error="observed", duration_ms=0)
    attempts = (*delivery.attempts, attempt)
    return replace(delivery, state=DeliveryState.DEAD, attempts=attempts, next_attempt_at=None)


def after_attempt(one: Delivery, reply: AttemptResult, *, at: int, now: int) -> Delivery:
    """The delivery after an attempt: delivered, to be tried again, or dead."""
    attempt = Attempt(
        at=at, status=reply.status, error=reply.error, duration_ms=reply.duration_ms, response=reply.response
    )
    attempts, tries = (*one.attempts, attempt), one.tries + 1
    if reply.error is None:
        return Delivery(  # as `replace` would, in a tenth of its time
            one.delivery_id,
            one.notice_id,
            one.subscriber_id,
            one.created_at,
            one.entry,
            DeliveryState.DELIVERED,
            attempts,
            tries,
            None,
            one.queue,
            one.again,
        )
    due = None
    if reply.status != GONE:
        due = next_retry_at(
            one.delivery_id,
            tries,
            now=now,
            slow_down=reply.status == TOO_MANY or reply.error == "timeout",
            retry_after_ms=reply.retry_after_ms,
        )
    state = DeliveryState.DEAD if due is None else DeliveryState.PENDING
    return replace(one, state=state, attempts=attempts, tries=tries, next_attempt_at=due)
