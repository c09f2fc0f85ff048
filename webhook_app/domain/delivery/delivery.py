"""Deliveries: one notice to one subscriber, and the attempts at sending it."""

from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.ids import derive

RESPONSE_KEPT_BYTES = 2_048


class DeliveryState(StrEnum):
    """`dead`: nothing more is tried, unless somebody retries or recovers it."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class AttemptError(StrEnum):
    """How an attempt failed. `observed`: it was not made, as this copy of the product only observes."""

    DNS = "dns"
    REFUSED = "refused"
    TLS = "tls"
    TIMEOUT = "timeout"
    NOT_HTTP = "not-http"
    STATUS = "status"
    BLOCKED = "blocked"
    OBSERVED = "observed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: when, in ms, and how it ended. `error` is None or a value of `AttemptError`.

    `response` holds the first 2 KiB of the response, with the subscriber's secrets masked.
    """

    at: int
    status: int | None
    error: str | None
    duration_ms: int
    response: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice to one subscriber.

    `entry` is the notice's id in the outbox; `queue` the room whose order it keeps. `tries` counts the attempts since
    it was last queued. `again`: it was requeued, by a retry or a recovery.
    """

    delivery_id: str
    notice_id: str
    subscriber_id: str
    created_at: int
    entry: str = ""
    state: DeliveryState = DeliveryState.PENDING
    attempts: tuple[Attempt, ...] = ()
    tries: int = 0
    next_attempt_at: int | None = None
    queue: str | None = None
    again: bool = False


def delivery_id(notice_id: str, subscriber_id: str) -> str:
    """The same for the same pair, so that expanding an outbox entry twice makes one delivery."""
    return derive("dlv_", notice_id, subscriber_id)


def requeued(delivery: Delivery, *, now: int) -> Delivery:
    """The delivery queued once more, outside its room's order; earlier attempts stay on record."""
    return Delivery(
        delivery_id=delivery.delivery_id,
        notice_id=delivery.notice_id,
        subscriber_id=delivery.subscriber_id,
        created_at=delivery.created_at,
        entry=delivery.entry,
        attempts=delivery.attempts,
        next_attempt_at=now,
        again=True,
    )
