"""What a pending delivery waits for, and when it is really tried next."""

from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.delivery.delivery import Delivery, DeliveryState


class WaitingFor(StrEnum):
    """Why a pending delivery is not sent at this moment."""

    FREE_SLOT = "free-slot"
    RETRY = "retry"
    BREAKER = "breaker"
    EARLIER_DELIVERY = "earlier-delivery"


@dataclass(frozen=True, slots=True)
class DeliveryWait:
    """`next_attempt_at` is in the future, in ms; None for a settled delivery, and for one that only needs a slot."""

    waiting_for: WaitingFor | None = None
    next_attempt_at: int | None = None


SETTLED = DeliveryWait()


def wait_of(delivery: Delivery, *, is_due: bool, open_until: int | None, now: int) -> DeliveryWait:
    """What a delivery waits for.

    1. A settled delivery waits for nothing.
    2. One that is not among its subscriber's due deliveries (`is_due`) waits for an earlier one of its room.
    3. While the breaker is open nothing is sent before `open_until`, whatever is due.
    4. One that has failed waits for its next attempt, until that is due.
    5. Everything else is sent when a slot is free.
    """
    if delivery.state is not DeliveryState.PENDING:
        return SETTLED
    if not is_due:
        return DeliveryWait(WaitingFor.EARLIER_DELIVERY)
    due = delivery.next_attempt_at or delivery.created_at
    if open_until is not None and open_until > now:
        return DeliveryWait(WaitingFor.BREAKER, max(due, open_until))
    if due > now:
        return DeliveryWait(WaitingFor.RETRY, due)
    return DeliveryWait(WaitingFor.FREE_SLOT)
