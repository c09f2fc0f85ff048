"""Create, change and delete subscribers."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from webhook_app.domain.delivery.disabled_reasons import DisabledReason
from webhook_app.domain.delivery.subscriber import Ordering, Subscriber
from webhook_app.domain.events import Source
from webhook_app.domain.ids import derive
from webhook_app.domain.notices.filters import Filter
from webhook_app.error_reasons import ErrorReason
from webhook_app.masking.url_masking import shown_url, unmasked
from webhook_app.schemas.subscriber import CHANNEL_RATE
from webhook_app.secrets.subscriber_secrets import new_secret, read_secret
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import ConflictError, NotFoundError
from webhook_app.usecases.subscriber_urls import check_url


def require_subscriber(context: AppContext, subscriber_id: str) -> Subscriber:
    """Return a subscriber; raise NotFoundError when there is none."""
    subscriber = context.subscribers.get(subscriber_id)
    if subscriber is None:
        raise NotFoundError(f"Subscriber {subscriber_id} not found.")
    return subscriber


def require_editable(subscriber: Subscriber) -> Subscriber:
    """Return the subscriber; raise ConflictError when the configuration file manages it."""
    if subscriber.from_file:
        detail = "This subscriber is managed by the configuration file. Change it there."
        raise ConflictError(detail, reason=ErrorReason.FROM_FILE)
    return subscriber


def apply_change(context: AppContext, subscriber_id: str, alter: Callable[[Subscriber], Subscriber]) -> Subscriber:
    """Change a subscriber atomically by a function of its current value; return the result."""
    subscriber = context.subscribers.change(subscriber_id, alter)
    if subscriber is None:
        raise NotFoundError(f"Subscriber {subscriber_id} not found.")
    return subscriber


def create_subscriber(context: AppContext, form: Mapping[str, Any]) -> tuple[Subscriber, str]:
    """Create a subscriber from a validated form; return it, and its signing secret without the prefix."""
    check_url(form["url"], context.allow_networks, context.sandbox_url)
    if context.subscribers.count() >= context.limits.subscribers_max:
        detail = f"Subscriber limit ({context.limits.subscribers_max}) reached."
        raise ConflictError(detail, reason=ErrorReason.LIMIT_REACHED)
    now = context.now()
    secret = read_secret(form["secret"]) if form["secret"] else new_secret()
    subscriber = new_subscriber(form, derive("sub_", str(now), form["url"], new_secret()), secret, now)
    context.subscribers.put(subscriber)
    sync_raw_webhook_flag(context, subscriber)
    return subscriber, secret


def update_subscriber(context: AppContext, subscriber_id: str, changes: dict[str, Any]) -> Subscriber:
    """Change the fields that a validated form names; return the changed subscriber."""
    before: list[Subscriber] = []

    def alter(subscriber: Subscriber) -> Subscriber:
        require_editable(subscriber)
        if "url" not in changes and not subscriber.url:
            raise ConflictError(f"The subscriber cannot be changed: {subscriber.disabled_text}")
        before[:] = [subscriber]
        return _with_changes(subscriber, changes)

    stored_url = require_editable(require_subscriber(context, subscriber_id)).url
    if "url" in changes:
        changes = changes | {"url": unmasked(changes["url"], [stored_url])}
        if changes["url"] != stored_url:  # a URL that an earlier version accepted may stay
            check_url(changes["url"], context.allow_networks, context.sandbox_url)
    subscriber = apply_change(context, subscriber_id, alter)
    sync_raw_webhook_flag(context, before[0] if wants_raw_webhooks(before[0]) else subscriber)
    return subscriber


def delete_subscriber(context: AppContext, subscriber_id: str) -> None:
    """Delete a subscriber and cancel its pending deliveries."""
    subscriber = require_editable(require_subscriber(context, subscriber_id))
    context.subscribers.delete(subscriber_id)
    sync_raw_webhook_flag(context, subscriber)


def new_subscriber(form: Mapping[str, Any], subscriber_id: str, secret: str, now: int) -> Subscriber:
    """Build a subscriber from a validated form. Chat, mail and push channels get a default rate limit."""
    url = str(form["url"])
    subscriber = Subscriber(
        subscriber_id=subscriber_id,
        name=str(form["name"]),
        url=url,
        created_at=now,
        wanted=Filter(tuple(form["types"]), tuple(form["rooms"]), tuple(form["because"])),
        ordering=Ordering(form["ordering"]),
        secret=secret,
        max_in_flight=int(form["max_in_flight"]),
        rate_limit=form["rate_limit"],
        shown_url=shown_url(url),
    )
    return _with_default_rate(subscriber)


def sync_raw_webhook_flag(context: AppContext, changed: Subscriber) -> None:
    """Journal whether any subscriber wants VideoSDK's raw webhooks; only then are they turned into notices.

    Journaled on every change that concerns them, since the flag in force may be older than events that are still
    to be processed.
    """
    if wants_raw_webhooks(changed):
        is_wanted = any(wants_raw_webhooks(subscriber) for subscriber in context.subscribers.all())
        context.append(Source.SYSTEM, "settings", None, {"bodies": is_wanted})


def wants_raw_webhooks(subscriber: Subscriber) -> bool:
    """Whether the subscriber selects `videosdk.*` notices."""
    return any(pattern.startswith("videosdk.") for pattern in subscriber.wanted.types)


def _with_default_rate(subscriber: Subscriber) -> Subscriber:
    if subscriber.uses_webhooks or subscriber.rate_limit:
        return subscriber
    return replace(subscriber, rate_limit=CHANNEL_RATE)


def _with_changes(subscriber: Subscriber, changes: dict[str, Any]) -> Subscriber:
    subscriber_filter = Filter(
        tuple(changes.get("types", subscriber.wanted.types)),
        tuple(changes.get("rooms", subscriber.wanted.rooms)),
        tuple(changes.get("because", subscriber.wanted.because)),
    )
    enabled = changes.get("enabled", subscriber.enabled)
    changed = replace(
        subscriber,
        name=changes.get("name", subscriber.name),
        url=changes.get("url", subscriber.url),
        shown_url=shown_url(changes["url"]) if "url" in changes else subscriber.shown_url,
        wanted=subscriber_filter,
        ordering=Ordering(changes.get("ordering", subscriber.ordering)),
        max_in_flight=changes.get("max_in_flight", subscriber.max_in_flight),
        rate_limit=changes.get("rate_limit", subscriber.rate_limit),
        enabled=enabled,
        disabled_because=None if enabled else subscriber.disabled_because or DisabledReason.MANUALLY,
        secret=subscriber.secret or new_secret(),
    )
    had_default_rate = subscriber.rate_limit == CHANNEL_RATE and not subscriber.uses_webhooks
    if changed.uses_webhooks and had_default_rate and "rate_limit" not in changes:
        return replace(changed, rate_limit=None)
    return _with_default_rate(changed)
