"""Events: the journal, newest first."""

from typing import Any

from marshmallow import fields, validate

from webhook_app.api.bodies import Blueprint
from webhook_app.api.context import Context
from webhook_app.api.event_views import checked_id, event_with_decisions, events_page
from webhook_app.api.shapes import EventSchema, Moment, PageQuery, ProblemSchema, TimelineItemSchema, page_of
from webhook_app.domain.events import Source
from webhook_app.problems import Problem
from webhook_app.store.listing import BadCursorError


class EventsQuery(PageQuery):
    """Which events."""

    room_id = fields.String(load_default=None)
    type = fields.String(load_default=None)
    source = fields.String(load_default=None, validate=validate.OneOf([source.value for source in Source]))
    from_ = Moment(load_default=None, data_key="from")
    to = Moment(load_default=None)


def events(context: Context) -> Blueprint:
    """The resource."""
    blp = Blueprint("events", __name__, url_prefix="/api/v1/events", description=__doc__)

    @blp.route("")
    @blp.arguments(EventsQuery, location="query")
    @blp.response(200, page_of(EventSchema))
    def list_events(query: dict[str, Any]) -> dict[str, Any]:
        """Events with the effect that folding them had."""
        return events_page(context, query)

    @blp.route("/<event_id>")
    @blp.response(200, TimelineItemSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    def get_event(event_id: str) -> dict[str, Any]:
        """One event, with what folding it changed and what was decided."""
        try:
            checked = checked_id(event_id)
        except BadCursorError:
            raise Problem(404, f"{event_id} is no journal id") from None
        found = context.journal.get([checked]) if checked else [None]
        if found[0] is None:
            raise Problem(404, f"no event {event_id} is kept")
        return event_with_decisions(context, found[0])

    return blp
