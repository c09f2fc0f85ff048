"""Actions on a subscriber: test, enable, rotate its secret, resend what it missed."""

from dataclasses import replace

from webhook_app.domain.delivery.subscriber import Subscriber, with_new_secret
from webhook_app.domain.events import Source
from webhook_app.error_reasons import ErrorReason
from webhook_app.secrets.subscriber_secrets import new_secret
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import ConflictError, InvalidInputError
from webhook_app.usecases.subscribers import apply_change, require_editable, require_subscriber


def request_test(context: AppContext, subscriber_id: str) -> str:
    """Request a test notice to one subscriber; return the id of the journaled event."""
    context.refuse_when_observing()
    _require_enabled(context, subscriber_id, "The subscriber is disabled. Enable it first.")
    return context.append(Source.OPERATOR, "subscriber-test", None, {"subscriber_id": subscriber_id})


def enable(context: AppContext, subscriber_id: str, recover_from: int | None) -> Subscriber:
    """Enable a subscriber and reset its failure history.

    With `recover_from`, in ms, what it missed from then on is resent.
    """
    if recover_from is not None:
        context.refuse_when_observing()

    def alter(subscriber: Subscriber) -> Subscriber:
        if not subscriber.url:
            raise ConflictError(f"The subscriber cannot be enabled: {subscriber.disabled_text}")
        return replace(subscriber, enabled=True, disabled_because=None)

    subscriber = apply_change(context, subscriber_id, alter)
    context.subscribers.reset_health(subscriber_id)
    if recover_from is not None:
        data = {"subscriber_id": subscriber_id, "from": recover_from}
        context.append(Source.OPERATOR, "subscriber-recover", None, data)
    return subscriber


def rotate(context: AppContext, subscriber_id: str) -> tuple[Subscriber, str]:
    """Give a subscriber a new signing secret; return both, the secret without its prefix."""
    secret, now = new_secret(), context.now()

    def alter(subscriber: Subscriber) -> Subscriber:
        if not require_editable(subscriber).uses_webhooks:
            raise ConflictError("Only subscribers with an http:// or https:// URL have a signing secret.")
        return with_new_secret(subscriber, secret, now=now)

    return apply_change(context, subscriber_id, alter), secret


def request_recovery(context: AppContext, subscriber_id: str, since: int, until: int | None) -> str:
    """Request that what a subscriber missed in a time range, in ms, is resent; return the journaled event's id."""
    context.refuse_when_observing()
    _require_enabled(context, subscriber_id, "The subscriber is disabled. Enable it with recover_from.")
    if until is not None and until < since:
        raise InvalidInputError("The time range is empty.", errors={"to": ["must be after `from`"]})
    data = {"subscriber_id": subscriber_id, "from": since, "to": until}
    return context.append(Source.OPERATOR, "subscriber-recover", None, data)


def retry_all_dead(context: AppContext, subscriber_id: str) -> int:
    """Queue all dead deliveries of a subscriber again; return how many."""
    context.refuse_when_observing()
    _require_enabled(context, subscriber_id, "The subscriber is disabled. Enable it first.")
    return context.deliveries.retry_dead(subscriber_id, now=context.now())


def _require_enabled(context: AppContext, subscriber_id: str, detail: str) -> None:
    if not require_subscriber(context, subscriber_id).enabled:
        raise ConflictError(detail, reason=ErrorReason.SUBSCRIBER_DISABLED)
