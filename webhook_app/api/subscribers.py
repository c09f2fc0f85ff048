"""Subscribers: who is told what, and how."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Response, jsonify

from webhook_app.access.subscriber_secrets import PREFIX, new_secret, read_secret
from webhook_app.api.deliveries import DeliveriesQuery, with_room_id
from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import (
    DeliverySchema,
    NewSubscriberSchema,
    PageQuery,
    ProblemSchema,
    SubscriberSchema,
    page_of,
)
from webhook_app.api.subscriber_actions import register_actions
from webhook_app.domain.delivery.subscriber import Ordering, Subscriber
from webhook_app.domain.events import Source
from webhook_app.domain.ids import derive
from webhook_app.domain.notices.notice import Filter
from webhook_app.problems.problems import Problem
from webhook_app.problems.reasons import ErrorReason
from webhook_app.schemas.subscriber import CHANNEL_RATE, ChangeSchema, SubscribeSchema, check_url
from webhook_app.store import keys
from webhook_app.store.queries.paging import decode_cursor, encode_cursor
from webhook_app.store.subscribers import SUBSCRIBERS_MAX
from webhook_app.text.masking import shown_url, unmasked
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.delivery_views import deliveries_page
from webhook_app.usecases.subscriber_views import (
    apply_change,
    health_view,
    require_editable,
    require_subscriber,
    subscriber_view,
)

DISABLED_MANUALLY = "disabled by hand"


def subscribers(context: AppContext) -> Blueprint:
    """The resource."""
    blp = Blueprint("subscribers", __name__, url_prefix="/api/v1/subscribers", description=__doc__)

    @blp.route("")
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, page_of(SubscriberSchema))
    def list_subscribers(query: dict[str, Any]) -> dict[str, Any]:
        """Subscribers, the newest first."""
        found = list(reversed(context.subscribers.all()))
        after = decode_cursor(query["cursor"])
        rest = [known for known in found if after is None or _place(known) < after]
        page = rest[: query["limit"]]
        return {
            "items": [subscriber_view(known) for known in page],
            "next": encode_cursor(_place(page[-1])) if len(rest) > len(page) else None,
        }

    @blp.route("", methods=["POST"])
    @blp.arguments(SubscribeSchema)
    @blp.alt_response(201, schema=NewSubscriberSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def subscribe(asked: dict[str, Any]) -> Response:
        """Subscribe. The answer shows the secret this once."""
        made, secret = create_subscriber(context, asked)
        response = jsonify(subscriber_view(made) | {"secret": PREFIX + secret})
        response.status_code = 201
        response.headers["Location"] = f"/api/v1/subscribers/{made.subscriber_id}"
        return response

    @blp.route("/<subscriber_id>")
    @blp.response(200, SubscriberSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_subscriber(subscriber_id: str) -> dict[str, Any]:
        """One subscriber, and how it has answered."""
        known = require_subscriber(context, subscriber_id)
        return subscriber_view(known) | {"health": health_view(context.subscribers.health([subscriber_id])[0])}

    @blp.route("/<subscriber_id>", methods=["PATCH"])
    @blp.arguments(ChangeSchema)
    @blp.response(200, SubscriberSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def change_subscriber(asked: dict[str, Any], subscriber_id: str) -> dict[str, Any]:
        """Change a subscriber: what is not given stays."""
        return subscriber_view(update_subscriber(context, subscriber_id, asked))

    @blp.route("/<subscriber_id>", methods=["DELETE"])
    @blp.response(204)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def unsubscribe(subscriber_id: str) -> None:
        """Unsubscribe: nothing more is sent, what was in line is dead."""
        leave_out(context, subscriber_id)

    @blp.route("/<subscriber_id>/deliveries")
    @blp.arguments(DeliveriesQuery, location="query")
    @blp.response(200, page_of(DeliverySchema))
    @blp.alt_response(404, schema=ProblemSchema)
    def list_deliveries(query: dict[str, Any], subscriber_id: str) -> dict[str, Any]:
        """What was sent to this subscriber, the newest first."""
        require_subscriber(context, subscriber_id)
        return deliveries_page(context, keys.subscriber_deliveries(subscriber_id), with_room_id(context, query))

    register_actions(blp, context)
    return blp


def create_subscriber(context: AppContext, asked: Mapping[str, Any]) -> tuple[Subscriber, str]:
    """Subscribe somebody by the checked form; them, and their secret without its prefix."""
    check_url(asked["url"], context.allow_networks, context.sandbox_url)
    if context.subscribers.count() >= SUBSCRIBERS_MAX:
        detail = f"there are {SUBSCRIBERS_MAX} subscribers, which is as many as there can be"
        raise Problem(409, detail, reason=ErrorReason.LIMIT_REACHED)
    now = context.now()
    secret = read_secret(asked["secret"]) if asked["secret"] else new_secret()
    made = new_subscriber(asked, derive("sub_", str(now), asked["url"], new_secret()), secret, now)
    context.subscribers.put(made)
    sync_raw_webhook_flag(context, made)
    return made, secret


def update_subscriber(context: AppContext, subscriber_id: str, asked: dict[str, Any]) -> Subscriber:
    """Change what the checked form names; them as they are then."""
    before: list[Subscriber] = []

    def changing(known: Subscriber) -> Subscriber:
        require_editable(known)
        if "url" not in asked and not known.url:
            raise Problem(409, f"it cannot be changed: {known.disabled_because}")
        before[:] = [known]
        return _changed(known, asked)

    require_editable(require_subscriber(context, subscriber_id))
    if "url" in asked:
        stored = require_subscriber(context, subscriber_id).url
        asked = asked | {"url": unmasked(asked["url"], [stored])}
        if asked["url"] != stored:  # what an earlier version accepted may stay
            check_url(asked["url"], context.allow_networks, context.sandbox_url)
    changed = apply_change(context, subscriber_id, changing)
    sync_raw_webhook_flag(context, before[0] if wants_raw_webhooks(before[0]) else changed)
    return changed


def leave_out(context: AppContext, subscriber_id: str) -> None:
    """Unsubscribe somebody."""
    known = require_editable(require_subscriber(context, subscriber_id))
    context.subscribers.delete(subscriber_id)
    sync_raw_webhook_flag(context, known)


def new_subscriber(asked: Mapping[str, Any], subscriber_id: str, secret: str, now: int) -> Subscriber:
    """A subscriber from its checked form; a channel that people read is told once a second at most."""
    made = Subscriber(
        subscriber_id=subscriber_id,
        name=str(asked["name"]),
        url=str(asked["url"]),
        created_at=now,
        wanted=Filter(tuple(asked["types"]), tuple(asked["rooms"]), tuple(asked["because"])),
        ordering=Ordering(asked["ordering"]),
        secret=secret,
        max_in_flight=int(asked["max_in_flight"]),
        rate_limit=asked["rate_limit"],
        shown_url=shown_url(str(asked["url"])),
    )
    return _paced(made)


def _paced(one: Subscriber) -> Subscriber:
    return one if one.uses_webhooks or one.rate_limit else replace(one, rate_limit=CHANNEL_RATE)


def _changed(known: Subscriber, asked: dict[str, Any]) -> Subscriber:
    wanted = Filter(
        tuple(asked.get("types", known.wanted.types)),
        tuple(asked.get("rooms", known.wanted.rooms)),
        tuple(asked.get("because", known.wanted.because)),
    )
    enabled = asked.get("enabled", known.enabled)
    changed = replace(
        known,
        name=asked.get("name", known.name),
        url=asked.get("url", known.url),
        shown_url=shown_url(asked["url"]) if "url" in asked else known.shown_url,
        wanted=wanted,
        ordering=Ordering(asked.get("ordering", known.ordering)),
        max_in_flight=asked.get("max_in_flight", known.max_in_flight),
        rate_limit=asked.get("rate_limit", known.rate_limit),
        enabled=enabled,
        disabled_because=None if enabled else known.disabled_because or DISABLED_MANUALLY,
        secret=known.secret or new_secret(),
    )
    if (
        changed.uses_webhooks
        and known.rate_limit == CHANNEL_RATE
        and not known.uses_webhooks
        and "rate_limit" not in asked
    ):
        return replace(changed, rate_limit=None)  # that was the channel's own pace
    return _paced(changed)


def _place(known: Subscriber) -> str:
    return f"{known.created_at:015d}|{known.subscriber_id}"


def sync_raw_webhook_flag(context: AppContext, changed: Subscriber) -> None:
    """VideoSDK's own bodies become notices only while somebody asks for them.

    Said whenever it may have changed: what is in force may be older than what is still to be folded.
    """
    if wants_raw_webhooks(changed):
        wanted = any(wants_raw_webhooks(known) for known in context.subscribers.all())
        context.append(Source.SYSTEM, "settings", None, {"bodies": wanted})


def wants_raw_webhooks(known: Subscriber) -> bool:
    """Whether it wants VideoSDK's own bodies."""
    return any(pattern.startswith("videosdk.") for pattern in known.wanted.types)
