"""Subscribers as they are shown, and found for a change."""

from collections.abc import Callable
from typing import Any

from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.times import maybe_rfc3339, rfc3339
from webhook_app.problems.problems import Problem
from webhook_app.problems.reasons import ErrorReason
from webhook_app.store.subscribers import SubscriberHealth
from webhook_app.usecases.context import AppContext


def subscriber_view(known: Subscriber) -> dict[str, Any]:
    """A subscriber without its secrets."""
    return {
        "id": known.subscriber_id,
        "name": known.name,
        "url": known.shown_url,
        "types": list(known.wanted.types),
        "rooms": list(known.wanted.rooms),
        "because": list(known.wanted.because),
        "ordering": known.ordering.value,
        "max_in_flight": known.max_in_flight,
        "rate_limit": known.rate_limit,
        "enabled": known.enabled,
        "disabled_because": known.disabled_because,
        "created_at": rfc3339(known.created_at),
        "from_file": known.from_file,
    }


def health_view(health: SubscriberHealth) -> dict[str, Any]:
    """How a subscriber has answered in the last 24 hours."""
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


def require_subscriber(context: AppContext, subscriber_id: str) -> Subscriber:
    """One subscriber; a Problem when there is none."""
    known = context.subscribers.get(subscriber_id)
    if known is None:
        raise Problem(404, f"there is no subscriber {subscriber_id}")
    return known


def apply_change(context: AppContext, subscriber_id: str, alter: Callable[[Subscriber], Subscriber]) -> Subscriber:
    """One subscriber after a change of it as it is at that moment; a Problem when there is none."""
    changed = context.subscribers.change(subscriber_id, alter)
    if changed is None:
        raise Problem(404, f"there is no subscriber {subscriber_id}")
    return changed


def require_editable(known: Subscriber) -> Subscriber:
    """The same; a Problem when the configuration file owns it."""
    if known.from_file:
        detail = "this subscriber belongs to the configuration file: change it there"
        raise Problem(409, detail, reason=ErrorReason.FROM_FILE)
    return known
