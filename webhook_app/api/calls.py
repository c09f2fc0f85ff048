"""Calls: what was asked of VideoSDK, because of what, and what came of it."""

from typing import Any

from marshmallow import fields, validate

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import CallSchema, PageQuery, ProblemSchema, page_of
from webhook_app.domain.control.call import Call, CallState
from webhook_app.problems.problems import Problem
from webhook_app.store import keys
from webhook_app.store.queries.paging import page_by_score
from webhook_app.usecases.call_views import call_views, load_calls
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.room_names import find_room_id


class CallsQuery(PageQuery):
    """Which calls."""

    room_id = fields.String(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf([state.value for state in CallState]))
    event_id = fields.String(load_default=None)


def calls(context: AppContext) -> Blueprint:
    """The resource."""
    blp = Blueprint("calls", __name__, url_prefix="/api/v1/calls", description=__doc__)

    @blp.route("")
    @blp.arguments(CallsQuery, location="query")
    @blp.response(200, page_of(CallSchema))
    def list_calls(query: dict[str, Any]) -> dict[str, Any]:
        """Calls, the newest first."""

        def keep(call: Call) -> bool:
            return (query["state"] is None or call.state == query["state"]) and (
                query["event_id"] is None or call.event_id == query["event_id"]
            )

        room_id = find_room_id(context.state, query["room_id"])
        key = keys.CALLS if room_id is None else keys.room_calls(room_id)
        found, cursor = page_by_score(
            context.client,
            key,
            cursor=query["cursor"],
            limit=query["limit"],
            load=lambda ids: load_calls(context, ids),
            keep=keep,
        )
        return {"items": call_views(context, found), "next": cursor}

    @blp.route("/<call_id>")
    @blp.response(200, CallSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_call(call_id: str) -> dict[str, Any]:
        """One call with its attempts."""
        found = load_calls(context, [call_id])[0] if ":" not in call_id else None  # what is kept beside a call has one
        if found is None:
            raise Problem(404, f"no call {call_id} is kept")
        return call_views(context, [found])[0]

    return blp
