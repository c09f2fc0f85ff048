"""Subscribers and deliveries: who is told, and how each telling went."""

from dataclasses import dataclass, field
from enum import StrEnum

from webhook_app.domain.ids import derive
from webhook_app.domain.notices import Filter
from webhook_app.domain.times import HOUR, MINUTE, SECOND

RETRY_MS = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
SLOW_DOWN_MS = 60 * SECOND
JITTER = 0.2
RESPONSE_KEPT_BYTES = 2_048


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who is told. `secrets` are base64 keys without `whsec_`, the newest first."""

    subscriber_id: str
    name: str
    url: str
    created_at: int
    wanted: Filter = field(default_factory=Filter)
    ordering: str = "none"
    enabled: bool = True
    disabled_because: str | None = None
    secrets: tuple[str, ...] = ()
    from_file: bool = False


class DeliveryState(StrEnum):
    """Where a delivery is; `dead` can be retried by hand."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: `error` is dns, refused, tls, timeout, status or blocked; `response` its first 2 KiB."""

    at: int
    status: int | None
    error: str | None
    duration_ms: int
    response: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice to one subscriber."""

    delivery_id: str
    notice_id: str
    subscriber_id: str
    created_at: int
    state: DeliveryState = DeliveryState.PENDING
    attempts: tuple[Attempt, ...] = ()
    next_attempt_at: int | None = None


def delivery_id(notice_id: str, subscriber_id: str) -> str:
    """The same for the same pair, so that expanding an outbox entry twice makes one delivery."""
    return derive("dlv_", notice_id, subscriber_id)


def next_attempt(
    delivery_id: str, made: int, *, now: int, slow_down: bool = False, retry_after_ms: int | None = None
) -> int | None:
    """When to try again after `made` attempts, in ms; None when there is nothing left to try.

    The jitter of a fifth is drawn from the delivery's id. `slow_down` (429, or no answer in time) makes the base at
    least a minute; a Retry-After is honoured between the base and twice that.
    """
    if made > len(RETRY_MS):
        return None
    base = RETRY_MS[made - 1]
    if slow_down:
        base = max(base, SLOW_DOWN_MS)
    if retry_after_ms is not None and retry_after_ms > base:
        return now + min(retry_after_ms, 2 * base)
    draw = int.from_bytes(derive("", delivery_id, str(made)).encode()[:6], "big") % 1000 / 1000
    return now + round(base * (1 + JITTER * (2 * draw - 1)))
