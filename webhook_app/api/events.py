"""Events: the journal, and a stream of new events."""

from typing import Any

from flask import Response, request
from marshmallow import EXCLUDE, Schema, fields, validate

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import EventSchema, PageQuery, ProblemSchema, TimelineItemSchema, page_of
from webhook_app.domain.events import Source
from webhook_app.live import event_stream
from webhook_app.live.broadcaster import EventBroadcaster
from webhook_app.live.sse_client import EventFilter
from webhook_app.schemas.fields import Moment
from webhook_app.store.queries.paging import InvalidCursorError
from webhook_app.usecases.context import AppContext
from webhook_app.usecases.errors import NotFoundError
from webhook_app.usecases.event_views import checked_id, event_with_decisions, events_page
from webhook_app.usecases.room_names import find_room_id

STREAM_EXAMPLE = (
    'id: 1763805600120-0\ndata: {"id":"1763805600120-0","source":"videosdk","type":"hls-started",'
    '"room_id":"abcd-efgh-ijkl","at":"2025-11-22T10:00:00.120Z","data":{},"effect":"stream started"}\n\n'
)


class EventsQuery(PageQuery):
    """Filters of the list of events."""

    room_id = fields.String(load_default=None)
    type = fields.String(load_default=None)
    source = fields.String(load_default=None, validate=validate.OneOf([source.value for source in Source]))
    from_ = Moment(load_default=None, data_key="from")
    to = Moment(load_default=None)


class StreamQuery(Schema):
    """Filters of the event stream. It starts after the event `after`, unless `Last-Event-ID` is sent."""

    class Meta:
        unknown = EXCLUDE

    room_id = fields.String(load_default=None)
    type = fields.String(load_default=None)
    source = fields.String(load_default=None, validate=validate.OneOf([source.value for source in Source]))
    after = fields.String(load_default=None, validate=validate.Length(max=50))


def events(context: AppContext, broadcaster: EventBroadcaster) -> Blueprint:
    """Build the blueprint of the resource."""
    blp = Blueprint("events", __name__, url_prefix="/api/v1/events", description=__doc__)

    @blp.route("")
    @blp.arguments(EventsQuery, location="query")
    @blp.response(200, page_of(EventSchema))
    def list_events(query: dict[str, Any]) -> dict[str, Any]:
        """List events with their effects, newest first."""
        return events_page(context, query | {"room_id": find_room_id(context.state, query["room_id"])})

    @blp.route("/stream")
    @blp.doc(
        responses={
            "200": {
                "description": "The stream. Each message is one event with its effect; the message id is the event id.",
                "content": {"text/event-stream": {"schema": {"type": "string"}, "example": STREAM_EXAMPLE}},
            }
        },
    )
    @blp.arguments(StreamQuery, location="query")
    @blp.alt_response(422, schema=ProblemSchema)
    def stream_events(query: dict[str, Any]) -> Response:
        """Stream events as they are processed (server-sent events). Resumes after `Last-Event-ID` without loss."""
        start = event_stream.start_of(request.headers.get("Last-Event-ID"), query.pop("after"))
        event_filter = EventFilter(**query | {"room_id": find_room_id(context.state, query["room_id"])})
        return event_stream.stream_response(context, broadcaster, event_filter, start)

    @blp.route("/<event_id>")
    @blp.response(200, TimelineItemSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_event(event_id: str) -> dict[str, Any]:
        """Get an event with its effect, decisions and notices."""
        try:
            valid_id = checked_id(event_id)
        except InvalidCursorError:
            raise NotFoundError(f"Invalid event id: {event_id}.") from None
        event = context.journal.get([valid_id])[0] if valid_id else None
        if event is None:
            raise NotFoundError(f"Event {event_id} not found.")
        return event_with_decisions(context, event)

    return blp
