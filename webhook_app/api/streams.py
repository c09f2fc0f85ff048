"""Streams: each HLS run that a room has had."""

from collections.abc import Sequence
from typing import Any

from marshmallow import fields, validate

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import Moment, PageQuery, ProblemSchema, StreamSchema, page_of
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.views import stream_view
from webhook_app.problems.problems import Problem
from webhook_app.store import codec, keys
from webhook_app.store.queries.paging import page_by_score
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.room_names import find_room_id


class StreamsQuery(PageQuery):
    """Which streams."""

    room_id = fields.String(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf([state.value for state in StreamState]))
    from_ = Moment(load_default=None, data_key="from")
    to = Moment(load_default=None)


def streams(context: AppContext) -> Blueprint:
    """The resource."""
    blp = Blueprint("streams", __name__, url_prefix="/api/v1/streams", description=__doc__)

    def load(stream_ids: Sequence[str]) -> list[Stream | None]:
        found = context.client.mget([keys.stream(one) for one in stream_ids])
        return [codec.stream_of(raw) if raw else None for raw in found]

    @blp.route("")
    @blp.arguments(StreamsQuery, location="query")
    @blp.response(200, page_of(StreamSchema))
    def list_streams(query: dict[str, Any]) -> dict[str, Any]:
        """Runs, the newest first; `from` and `to` are about the moment they opened."""

        def keep(run: Stream) -> bool:
            return (
                (query["state"] is None or run.state == query["state"])
                and (query["from_"] is None or run.opened_at >= query["from_"])
                and (query["to"] is None or run.opened_at < query["to"])
            )

        room_id = find_room_id(context.state, query["room_id"])
        key = keys.STREAMS if room_id is None else keys.room_streams(room_id)
        found, cursor = page_by_score(
            context.client, key, cursor=query["cursor"], limit=query["limit"], load=load, keep=keep
        )
        config, now = context.state.names(), context.now()
        items = [stream_view(run, now, config.room_name(run.room_id)) for run in found]
        return {"items": items, "next": cursor}

    @blp.route("/<stream_id>")
    @blp.response(200, StreamSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_stream(stream_id: str) -> dict[str, Any]:
        """One run."""
        found = load([stream_id])[0]
        if found is None:
            raise Problem(404, f"no stream {stream_id} is kept")
        return stream_view(found, context.now(), context.state.names().room_name(found.room_id))

    return blp
