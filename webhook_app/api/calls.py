"""Calls: what was asked of VideoSDK, because of what, and what came of it."""

from collections.abc import Sequence
from typing import Any

from marshmallow import fields, validate

from webhook_app.api.bodies import Blueprint
from webhook_app.api.context import Context
from webhook_app.api.shapes import CallSchema, PageQuery, ProblemSchema, page_of
from webhook_app.domain.room import Call, CallState
from webhook_app.domain.times import rfc3339
from webhook_app.domain.views import call_view
from webhook_app.problems import Problem
from webhook_app.store import codec, keys
from webhook_app.store.listing import scored_page


class CallsQuery(PageQuery):
    """Which calls."""

    room_id = fields.String(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf([state.value for state in CallState]))
    event_id = fields.String(load_default=None)


def calls(context: Context) -> Blueprint:
    """The resource."""
    blp = Blueprint("calls", __name__, url_prefix="/api/v1/calls", description=__doc__)

    def load(call_ids: Sequence[str]) -> list[Call | None]:
        return [
            codec.call_of(raw) if raw else None for raw in context.client.mget([keys.call(one) for one in call_ids])
        ]

    def views(found: Sequence[Call]) -> list[dict[str, Any]]:
        with context.client.pipeline(transaction=False) as pipe:
            for call in found:
                pipe.lrange(keys.call_attempts(call.call_id), 0, -1)
                pipe.exists(keys.call_mark(call.call_id))
            answers = pipe.execute()
        shown = []
        for at, call in enumerate(found):
            view = call_view(call)
            if call.state is CallState.WAITING and answers[2 * at + 1]:
                view["state"] = CallState.SENT.value
            view["attempts"] = [
                {**attempt, "at": rfc3339(attempt["at"])} for attempt in map(codec.decode, answers[2 * at])
            ]
            shown.append(view)
        return shown

    @blp.route("")
    @blp.arguments(CallsQuery, location="query")
    @blp.response(200, page_of(CallSchema))
    def list_calls(query: dict[str, Any]) -> dict[str, Any]:
        """Calls, the newest first."""

        def keep(call: Call) -> bool:
            return (query["state"] is None or call.state == query["state"]) and (
                query["event_id"] is None or call.event_id == query["event_id"]
            )

        key = keys.CALLS if query["room_id"] is None else keys.room_calls(query["room_id"])
        found, cursor = scored_page(
            context.client, key, cursor=query["cursor"], limit=query["limit"], load=load, keep=keep
        )
        return {"items": views(found), "next": cursor}

    @blp.route("/<call_id>")
    @blp.response(200, CallSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_call(call_id: str) -> dict[str, Any]:
        """One call with its attempts."""
        found = load([call_id])[0] if ":" not in call_id else None  # what is kept beside a call has one
        if found is None:
            raise Problem(404, f"no call {call_id} is kept")
        return views([found])[0]

    return blp
