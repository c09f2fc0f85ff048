"""Retry deliveries."""

from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.error_reasons import ErrorReason
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import ConflictError, NotFoundError


def requeue_delivery(context: AppContext, delivery_id: str) -> None:
    """Queue a delivery to be sent now; a delivered one is sent once more with the same webhook-id.

    Raises NotFoundError, or ConflictError when the notice was removed by retention.
    """
    context.refuse_when_observing()
    stored = context.deliveries.get([delivery_id])
    if not stored:
        raise NotFoundError(f"Delivery {delivery_id} not found.")
    delivery, notice = stored[0]
    if notice is None:
        raise ConflictError("The notice was removed by retention.", reason=ErrorReason.NOTICE_GONE)
    if delivery.state is DeliveryState.PENDING:
        context.deliveries.make_due_now(delivery, now=context.now())
    else:
        context.deliveries.retry(delivery, now=context.now())
