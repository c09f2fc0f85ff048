"""Streams: every stream, recording and RTMP stream that a room has had."""

from collections.abc import Sequence
from typing import Any

from marshmallow import fields, validate

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import PageQuery, ProblemSchema, StreamSchema, page_of
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.views import stream_view
from webhook_app.schemas.fields import Moment
from webhook_app.schemas.outputs import is_output
from webhook_app.store.queries.indexes import streams_index
from webhook_app.store.queries.paging import page_by_score
from webhook_app.store.queries.streams import streams_by_id
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import NotFoundError
from webhook_app.usecases.room_names import find_room_id


class StreamsQuery(PageQuery):
    """Filters of the list of streams."""

    room_id = fields.String(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf([state.value for state in StreamState]))
    output = fields.String(load_default=None, validate=is_output)
    from_ = Moment(load_default=None, data_key="from")
    to = Moment(load_default=None)


def streams(context: AppContext) -> Blueprint:
    """Build the blueprint of the resource."""
    blp = Blueprint("streams", __name__, url_prefix="/api/v1/streams", description=__doc__)

    def load(stream_ids: Sequence[str]) -> list[Stream | None]:
        return streams_by_id(context.client, stream_ids)

    @blp.route("")
    @blp.arguments(StreamsQuery, location="query")
    @blp.response(200, page_of(StreamSchema))
    def list_streams(query: dict[str, Any]) -> dict[str, Any]:
        """List streams; `from`/`to` filter by start time."""

        def keep(stream: Stream) -> bool:
            return (
                (query["state"] is None or stream.state == query["state"])
                and (query["output"] is None or stream.output == query["output"])
                and (query["from_"] is None or stream.opened_at >= query["from_"])
                and (query["to"] is None or stream.opened_at < query["to"])
            )

        room_id = find_room_id(context.state, query["room_id"])
        key = streams_index(room_id)
        page, cursor = page_by_score(
            context.client, key, cursor=query["cursor"], limit=query["limit"], load=load, keep=keep
        )
        config, now = context.state.names(), context.now()
        items = [stream_view(stream, now, config.room_name(stream.room_id)) for stream in page]
        return {"items": items, "next": cursor}

    @blp.route("/<stream_id>")
    @blp.response(200, StreamSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_stream(stream_id: str) -> dict[str, Any]:
        """Get a stream."""
        stream = load([stream_id])[0]
        if stream is None:
            raise NotFoundError(f"Stream {stream_id} not found.")
        return stream_view(stream, context.now(), context.state.names().room_name(stream.room_id))

    return blp
