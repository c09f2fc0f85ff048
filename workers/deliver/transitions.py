"""A delivery's transitions: created for a subscriber, then delivered, pending a retry, or dead."""

from dataclasses import replace

from webhook_app.domain.delivery.delivery import Attempt, AttemptError, Delivery, DeliveryState, delivery_id
from webhook_app.domain.delivery.retry import next_retry_at
from webhook_app.domain.delivery.subscriber import Ordering, Subscriber
from webhook_app.store.deliveries.outbox import OutboxEntry
from workers.channels.port import AttemptResult

GONE = 410
TOO_MANY_REQUESTS = 429


def new_delivery(subscriber: Subscriber, entry: OutboxEntry) -> Delivery:
    """The delivery of a notice to a subscriber; in its room's order if the subscriber asked for that."""
    notice = entry.notice
    return Delivery(
        delivery_id=delivery_id(notice.notice_id, subscriber.subscriber_id),
        notice_id=notice.notice_id,
        subscriber_id=subscriber.subscriber_id,
        created_at=notice.at,
        entry=entry.entry,
        next_attempt_at=notice.at,
        queue=notice.room_id if subscriber.ordering is Ordering.ROOM else None,
    )


def unsent(delivery: Delivery) -> Delivery:
    """The delivery as dead without having been sent, as this copy of the product only observes."""
    at = delivery.next_attempt_at or delivery.created_at
    attempt = Attempt(at=at, status=None, error=AttemptError.OBSERVED, duration_ms=0)
    attempts = (*delivery.attempts, attempt)
    return replace(delivery, state=DeliveryState.DEAD, attempts=attempts, next_attempt_at=None)


def after_attempt(delivery: Delivery, result: AttemptResult, *, at: int, now: int) -> Delivery:
    """The delivery after an attempt that started at `at`.

    1. Without an error it is delivered.
    2. After 410 Gone it is dead.
    3. Otherwise it is pending until its next retry, or dead when the schedule has none left.
    """
    attempt = Attempt(
        at=at, status=result.status, error=result.error, duration_ms=result.duration_ms, response=result.response
    )
    attempts, tries = (*delivery.attempts, attempt), delivery.tries + 1
    if result.error is None:
        return Delivery(  # as `replace` would, in a tenth of its time
            delivery.delivery_id,
            delivery.notice_id,
            delivery.subscriber_id,
            delivery.created_at,
            delivery.entry,
            DeliveryState.DELIVERED,
            attempts,
            tries,
            None,
            delivery.queue,
            delivery.again,
        )
    due = None
    if result.status != GONE:
        due = next_retry_at(
            delivery.delivery_id,
            tries,
            now=now,
            slow_down=result.status == TOO_MANY_REQUESTS or result.error == AttemptError.TIMEOUT,
            retry_after_ms=result.retry_after_ms,
        )
    state = DeliveryState.DEAD if due is None else DeliveryState.PENDING
    return replace(delivery, state=state, attempts=attempts, tries=tries, next_attempt_at=due)
