"""Deliveries: one notice to one subscriber, with every attempt."""

from typing import Any

from flask import Response
from marshmallow import fields, validate

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import AcceptedSchema, PageQuery, ProblemSchema, page_of
from webhook_app.api.subscriber_schemas import DeliverySchema
from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.schemas.fields import is_glob_pattern
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.deliveries import requeue_delivery
from webhook_app.usecases.delivery_views import all_deliveries_page, delivery_views
from webhook_app.usecases.errors import NotFoundError
from webhook_app.usecases.room_names import find_room_id


class DeliveriesQuery(PageQuery):
    """Filters of the list of deliveries."""

    state = fields.String(load_default=None, validate=validate.OneOf([state.value for state in DeliveryState]))
    notice_id = fields.String(load_default=None)
    room_id = fields.String(load_default=None, metadata={"description": "A room name or id."})
    type = fields.String(
        load_default=None,
        validate=is_glob_pattern,
        metadata={"description": "A notice type, or a glob such as `stream.*`."},
    )


def deliveries(context: AppContext) -> Blueprint:
    """Build the blueprint of the resource."""
    blp = Blueprint("deliveries", __name__, url_prefix="/api/v1/deliveries", description=__doc__)

    @blp.route("")
    @blp.arguments(DeliveriesQuery, location="query")
    @blp.response(200, page_of(DeliverySchema))
    def list_deliveries(query: dict[str, Any]) -> dict[str, Any]:
        """List deliveries, newest first."""
        return all_deliveries_page(context, with_room_id(context, query))

    @blp.route("/<delivery_id>")
    @blp.response(200, DeliverySchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_delivery(delivery_id: str) -> dict[str, Any]:
        """Get a delivery."""
        stored = context.deliveries.get([delivery_id])
        if not stored:
            raise NotFoundError(f"Delivery {delivery_id} not found.")
        return delivery_views(context, stored)[0]

    @blp.route("/<delivery_id>/retry", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def retry_delivery(delivery_id: str) -> Response:
        """Retry a delivery now. A delivered one is sent again with the same webhook-id."""
        requeue_delivery(context, delivery_id)
        response = Response(f'{{"id":"{delivery_id}"}}', 202, content_type="application/json")
        response.headers["Location"] = f"/api/v1/deliveries/{delivery_id}"
        return response

    return blp


def with_room_id(context: AppContext, query: dict[str, Any]) -> dict[str, Any]:
    """Replace the room reference in a query by the room's id."""
    return query | {"room_id": find_room_id(context.state, query["room_id"])}
