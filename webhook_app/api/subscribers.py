"""Subscribers: who is notified of what, and how."""

from typing import Any

from flask import Response, jsonify

from webhook_app.api.deliveries import DeliveriesQuery, with_room_id
from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import PageQuery, ProblemSchema, page_of
from webhook_app.api.subscriber_actions import register_actions
from webhook_app.api.subscriber_schemas import DeliverySchema, NewSubscriberSchema, SubscriberSchema
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.schemas.subscriber import ChangeSchema, SubscribeSchema
from webhook_app.secrets.subscriber_secrets import PREFIX
from webhook_app.store.queries.indexes import subscriber_deliveries_index
from webhook_app.store.queries.paging import decode_cursor, encode_cursor
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.delivery_views import deliveries_page
from webhook_app.usecases.subscriber_views import health_view, subscriber_view
from webhook_app.usecases.subscribers import (
    create_subscriber,
    delete_subscriber,
    require_subscriber,
    update_subscriber,
)


def subscribers(context: AppContext) -> Blueprint:
    """Build the blueprint of the resource."""
    blp = Blueprint("subscribers", __name__, url_prefix="/api/v1/subscribers", description=__doc__)

    @blp.route("")
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, page_of(SubscriberSchema))
    def list_subscribers(query: dict[str, Any]) -> dict[str, Any]:
        """List subscribers, newest first."""
        newest_first = list(reversed(context.subscribers.all()))
        after = decode_cursor(query["cursor"])
        rest = [subscriber for subscriber in newest_first if after is None or _position(subscriber) < after]
        page = rest[: query["limit"]]
        return {
            "items": [subscriber_view(subscriber) for subscriber in page],
            "next": encode_cursor(_position(page[-1])) if len(rest) > len(page) else None,
        }

    @blp.route("", methods=["POST"])
    @blp.arguments(SubscribeSchema)
    @blp.alt_response(201, schema=NewSubscriberSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def post_subscriber(body: dict[str, Any]) -> Response:
        """Create a subscriber. The response contains its signing secret, shown only once."""
        subscriber, secret = create_subscriber(context, body)
        response = jsonify(subscriber_view(subscriber) | {"secret": PREFIX + secret})
        response.status_code = 201
        response.headers["Location"] = f"/api/v1/subscribers/{subscriber.subscriber_id}"
        return response

    @blp.route("/<subscriber_id>")
    @blp.response(200, SubscriberSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_subscriber(subscriber_id: str) -> dict[str, Any]:
        """Get a subscriber with its health."""
        subscriber = require_subscriber(context, subscriber_id)
        return subscriber_view(subscriber) | {"health": health_view(context.subscribers.health([subscriber_id])[0])}

    @blp.route("/<subscriber_id>", methods=["PATCH"])
    @blp.arguments(ChangeSchema)
    @blp.response(200, SubscriberSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def patch_subscriber(body: dict[str, Any], subscriber_id: str) -> dict[str, Any]:
        """Update a subscriber. Omitted fields keep their values."""
        return subscriber_view(update_subscriber(context, subscriber_id, body))

    @blp.route("/<subscriber_id>", methods=["DELETE"])
    @blp.response(204)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def remove_subscriber(subscriber_id: str) -> None:
        """Delete a subscriber and cancel its pending deliveries."""
        delete_subscriber(context, subscriber_id)

    @blp.route("/<subscriber_id>/deliveries")
    @blp.arguments(DeliveriesQuery, location="query")
    @blp.response(200, page_of(DeliverySchema))
    @blp.alt_response(404, schema=ProblemSchema)
    def list_deliveries(query: dict[str, Any], subscriber_id: str) -> dict[str, Any]:
        """List the deliveries of a subscriber, newest first."""
        require_subscriber(context, subscriber_id)
        return deliveries_page(context, subscriber_deliveries_index(subscriber_id), with_room_id(context, query))

    register_actions(blp, context)
    return blp


def _position(subscriber: Subscriber) -> str:
    return f"{subscriber.created_at:015d}|{subscriber.subscriber_id}"
