"""Calls: requests sent to VideoSDK, with their cause and outcome."""

from typing import Any

from marshmallow import fields, validate

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import CallSchema, PageQuery, ProblemSchema, page_of
from webhook_app.domain.control.call import Call, CallState
from webhook_app.schemas.outputs import is_output
from webhook_app.store.queries.indexes import calls_index
from webhook_app.store.queries.paging import page_by_score
from webhook_app.usecases.call_views import call_views, load_calls
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import NotFoundError
from webhook_app.usecases.room_names import find_room_id


class CallsQuery(PageQuery):
    """Filters of the list of calls."""

    room_id = fields.String(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf([state.value for state in CallState]))
    output = fields.String(load_default=None, validate=is_output)
    event_id = fields.String(load_default=None)


def calls(context: AppContext) -> Blueprint:
    """Build the blueprint of the resource."""
    blp = Blueprint("calls", __name__, url_prefix="/api/v1/calls", description=__doc__)

    @blp.route("")
    @blp.arguments(CallsQuery, location="query")
    @blp.response(200, page_of(CallSchema))
    def list_calls(query: dict[str, Any]) -> dict[str, Any]:
        """List calls, newest first."""

        def keep(call: Call) -> bool:
            return (
                (query["state"] is None or call.state == query["state"])
                and (query["output"] is None or call.output == query["output"])
                and (query["event_id"] is None or call.event_id == query["event_id"])
            )

        room_id = find_room_id(context.state, query["room_id"])
        key = calls_index(room_id)
        page, cursor = page_by_score(
            context.client,
            key,
            cursor=query["cursor"],
            limit=query["limit"],
            load=lambda ids: load_calls(context, ids),
            keep=keep,
        )
        return {"items": call_views(context, page), "next": cursor}

    @blp.route("/<call_id>")
    @blp.response(200, CallSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_call(call_id: str) -> dict[str, Any]:
        """Get a call with its attempts."""
        # Other keys of a call contain a colon, so an id with a colon is not a call.
        call = load_calls(context, [call_id])[0] if ":" not in call_id else None
        if call is None:
            raise NotFoundError(f"Call {call_id} not found.")
        return call_views(context, [call])[0]

    return blp
