"""Deliveries: one notice to one subscriber, with every attempt."""

from typing import Any

from flask import Response
from marshmallow import fields, validate

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import AcceptedSchema, DeliverySchema, PageQuery, ProblemSchema, page_of
from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.problems.problems import Problem
from webhook_app.problems.reasons import ErrorReason
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.delivery_views import all_deliveries_page, delivery_views
from webhook_app.usecases.room_names import find_room_id


class DeliveriesQuery(PageQuery):
    """Which deliveries."""

    state = fields.String(load_default=None, validate=validate.OneOf([state.value for state in DeliveryState]))
    notice_id = fields.String(load_default=None)
    room_id = fields.String(load_default=None, metadata={"description": "A room's name or id."})
    type = fields.String(load_default=None, metadata={"description": "A notice's type, or a glob: `stream.*`."})


def deliveries(context: AppContext) -> Blueprint:
    """The resource."""
    blp = Blueprint("deliveries", __name__, url_prefix="/api/v1/deliveries", description=__doc__)

    @blp.route("")
    @blp.arguments(DeliveriesQuery, location="query")
    @blp.response(200, page_of(DeliverySchema))
    def list_deliveries(query: dict[str, Any]) -> dict[str, Any]:
        """Deliveries, the newest first."""
        return all_deliveries_page(context, with_room_id(context, query))

    @blp.route("/<delivery_id>")
    @blp.response(200, DeliverySchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_delivery(delivery_id: str) -> dict[str, Any]:
        """One delivery."""
        found = context.deliveries.get([delivery_id])
        if not found:
            raise Problem(404, f"no delivery {delivery_id} is kept")
        return delivery_views(context, found)[0]

    @blp.route("/<delivery_id>/retry", methods=["POST"])
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def retry_delivery(delivery_id: str) -> Response:
        """Put a delivery back in line, now; a delivered one is sent once more under the same webhook-id."""
        requeue_delivery(context, delivery_id)
        response = Response(f'{{"id":"{delivery_id}"}}', 202, content_type="application/json")
        response.headers["Location"] = f"/api/v1/deliveries/{delivery_id}"
        return response

    return blp


def with_room_id(context: AppContext, query: dict[str, Any]) -> dict[str, Any]:
    """The query with the id of the room that it names."""
    return query | {"room_id": find_room_id(context.state, query["room_id"])}


def requeue_delivery(context: AppContext, delivery_id: str) -> None:
    """Put a delivery back in line, now."""
    context.refuse_when_observing()
    found = context.deliveries.get([delivery_id])
    if not found:
        raise Problem(404, f"no delivery {delivery_id} is kept")
    one, notice = found[0]
    if notice is None:
        raise Problem(409, "the notice is no longer kept", reason=ErrorReason.NOTICE_GONE)
    if one.state is DeliveryState.PENDING:
        context.deliveries.make_due_now(one, now=context.now())
    else:
        context.deliveries.retry(one, now=context.now())
