"""Subscribers as the API and the console show them."""

from typing import Any

from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.times import maybe_rfc3339, rfc3339
from webhook_app.store.queries.subscriber_health import SubscriberHealth


def subscriber_view(subscriber: Subscriber) -> dict[str, Any]:
    """Render a subscriber without its secrets."""
    return {
        "id": subscriber.subscriber_id,
        "name": subscriber.name,
        "url": subscriber.shown_url,
        "types": list(subscriber.wanted.types),
        "rooms": list(subscriber.wanted.rooms),
        "because": list(subscriber.wanted.because),
        "ordering": subscriber.ordering.value,
        "max_in_flight": subscriber.max_in_flight,
        "rate_limit": subscriber.rate_limit,
        "enabled": subscriber.enabled,
        "disabled_because": subscriber.disabled_text,
        "created_at": rfc3339(subscriber.created_at),
        "from_file": subscriber.from_file,
    }


def health_view(health: SubscriberHealth) -> dict[str, Any]:
    """Render the health of a subscriber: its attempts of the last 24 hours, its breaker and its queue."""
    return {
        "breaker": "open" if health.open_until is not None else "closed",
        "tried_again_at": maybe_rfc3339(health.open_until),
        "failing_since": maybe_rfc3339(health.failing_since),
        "last_answered_at": maybe_rfc3339(health.answered_at),
        "last_error": health.error,
        "answered": health.answered,
        "failed": health.failed,
        "success_rate": health.success_rate,
        "mean_lag_ms": health.mean_lag_ms,
        "in_line": health.due,
        "oldest_due_at": maybe_rfc3339(health.oldest_due_at),
    }
