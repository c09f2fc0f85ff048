"""Subscribers: the list, and one subscriber with its health and deliveries."""

from typing import Any

from flask import Blueprint, Response, request

from webhook_app.console.components.charts import stacked
from webhook_app.console.context import FILTER_MAX_CHARS, ConsoleContext, live_part, page, page_of
from webhook_app.console.pages import subscriber_actions, subscriber_forms
from webhook_app.console.pages.wall import read_list_filter
from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.domain.globs import check_glob
from webhook_app.domain.notices.types import NOTICE_TYPES
from webhook_app.store.queries.indexes import subscriber_deliveries_index
from webhook_app.store.queries.subscriber_health import SubscriberHealth
from webhook_app.usecases.delivery_views import deliveries_page
from webhook_app.usecases.subscriber_views import health_view, subscriber_view
from webhook_app.usecases.subscribers import require_subscriber

SUBSCRIBERS_SHOWN = 40
DELIVERIES_SHOWN = 25


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the list and the page of a subscriber, each with its live part; forms and actions have files of their own."""
    subscriber_forms.add(blueprint, console)
    subscriber_actions.add(blueprint, console)

    @blueprint.get("/subscribers")
    def subscribers() -> str:
        return page("subscribers.html", section="subscribers", **_list_values(console))

    @blueprint.get("/page/live/subscribers")
    def subscribers_live() -> Response:
        return live_part("subscribers_live.html", **_list_values(console))

    @blueprint.get("/subscribers/<subscriber_id>")
    def subscriber(subscriber_id: str) -> str:
        return page("subscriber.html", section="subscribers", **_page_values(console, subscriber_id))

    @blueprint.get("/page/live/subscribers/<subscriber_id>")
    def subscriber_live(subscriber_id: str) -> Response:
        return live_part("subscriber_live.html", **_page_values(console, subscriber_id))


def _list_values(console: ConsoleContext) -> dict[str, Any]:
    context, list_filter = console.context, read_list_filter()
    newest_first = list(reversed(context.subscribers.all()))
    text = list_filter.q.lower()
    matching = [
        subscriber
        for subscriber in newest_first
        if text in f"{subscriber.name} {subscriber.shown_url} {subscriber.subscriber_id}".lower()
    ]
    page_subscribers, number, pages = page_of(matching, list_filter.number, SUBSCRIBERS_SHOWN)
    health = context.subscribers.health([subscriber.subscriber_id for subscriber in page_subscribers])
    return {
        "subscribers": [
            subscriber_view(subscriber) | {"health": health_view(subscriber_health), "chart": _chart(subscriber_health)}
            for subscriber, subscriber_health in zip(page_subscribers, health, strict=True)
        ],
        "total": len(newest_first),
        "counts": context.deliveries.counts(),
        "q": list_filter.q,
        "number": number,
        "pages": pages,
        "query": {"q": list_filter.q} if list_filter.q else {},
    }


def _page_values(console: ConsoleContext, subscriber_id: str) -> dict[str, Any]:
    context = console.context
    subscriber = require_subscriber(context, subscriber_id)
    state = request.args.get("state", "")
    state = state if state in set(DeliveryState) else ""
    cursor = request.args.get("cursor") or None
    room = request.args.get("room", "")[:FILTER_MAX_CHARS].strip()
    kind = request.args.get("type", "")[:FILTER_MAX_CHARS].strip()
    if kind and check_glob(kind) is not None:
        kind = ""
    config = context.state.names()
    query = {"state": state or None, "notice_id": None, "cursor": cursor, "limit": DELIVERIES_SHOWN} | {
        "room_id": config.resolve_room(room) if room else None,
        "type": kind or None,
    }
    deliveries = deliveries_page(context, subscriber_deliveries_index(subscriber_id), query)
    filters = {name: value for name, value in (("state", state), ("room", room), ("type", kind)) if value}
    health = context.subscribers.health([subscriber_id])[0]
    return {
        "subscriber": subscriber_view(subscriber) | {"http": subscriber.uses_webhooks},
        "health": health_view(health),
        "is_overdue": health.oldest_due_at is not None and health.oldest_due_at <= context.now(),
        "chart": _chart(health),
        "deliveries": deliveries["items"],
        "room_names": {room.room_id: room.name for room in config.names.values() if room.name is not None},
        "dead": context.deliveries.count_dead(subscriber_id),
        "next": deliveries["next"],
        "filters": filters,
        "notice_types": NOTICE_TYPES,
        "room": room,
        "type": kind,
        "state": state,
        "states": list(DeliveryState),
        "cursor": cursor,
        "query": filters | ({"cursor": cursor} if cursor else {}),
    }


def _chart(health: SubscriberHealth) -> Any:
    label = f"Attempts per hour, last 24 h: {health.answered} succeeded, {health.failed} failed"
    return stacked(health.answered_by_hour, health.failed_by_hour, label)
