"""Alarms: list and acknowledge them."""

import re
from typing import Any

from flask import Response
from marshmallow import fields, validate

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.responses import accepted
from webhook_app.api.schemas import (
    AcceptedSchema,
    AlarmSchema,
    PageQuery,
    ProblemSchema,
    page_of,
)
from webhook_app.domain.alarms.alarm import alarm_view
from webhook_app.schemas.fields import Moment, RequestSchema, is_in_the_future
from webhook_app.store.queries.paging import InvalidCursorError, decode_cursor, encode_cursor
from webhook_app.usecases.alarms import acknowledge, all_alarms, sort_key
from webhook_app.usecases.context import AppContext

BY_MAX_CHARS = 100


class AlarmsQuery(PageQuery):
    """Filters of the list of alarms."""

    active = fields.Boolean(load_default=None)


class AcknowledgeSchema(RequestSchema):
    """An acknowledgement: valid until the alarm clears, or until `until`; `by` names the person."""

    until = Moment(load_default=None, validate=is_in_the_future)
    by = fields.String(load_default=None, validate=validate.Length(1, BY_MAX_CHARS))


def alarms(context: AppContext) -> Blueprint:
    """Build the blueprint of the resource."""
    blp = Blueprint("alarms", __name__, url_prefix="/api/v1/alarms", description=__doc__)

    @blp.route("")
    @blp.arguments(AlarmsQuery, location="query")
    @blp.response(200, page_of(AlarmSchema))
    def list_alarms(query: dict[str, Any]) -> dict[str, Any]:
        """List alarms, newest first. Acknowledged alarms stay active until they clear."""
        selected = all_alarms(context)
        if query["active"] is not None:
            selected = [alarm for alarm in selected if alarm.is_active == query["active"]]
        after = _position(query["cursor"])
        rest = [alarm for alarm in selected if after is None or sort_key(alarm) < after]
        page = rest[: query["limit"]]
        more, config = len(rest) > len(page), context.state.names()
        return {
            "items": [alarm_view(alarm, config.room_name(alarm.room_id)) for alarm in page],
            "next": encode_cursor(f"{page[-1].since}|{page[-1].id}") if more else None,
        }

    @blp.route("/<alarm_id>/acknowledge", methods=["POST"])
    @blp.arguments(AcknowledgeSchema)
    @blp.alt_response(202, schema=AcceptedSchema)
    @blp.alt_response(404, schema=ProblemSchema)
    @blp.alt_response(409, schema=ProblemSchema)
    def acknowledge_alarm(body: dict[str, Any], alarm_id: str) -> Response:
        """Acknowledge an active alarm: it stays listed but is no longer counted. An alarm about a past incident clears.

        With `until`, the alarm is counted again from that time if it is still active.
        """
        return accepted(acknowledge(context, alarm_id, by=body["by"] or "api", until=body["until"]))

    return blp


def _position(cursor: str | None) -> tuple[int, str] | None:
    position = decode_cursor(cursor)
    if position is None:
        return None
    since, separator, alarm_id = position.partition("|")
    if not separator or not re.fullmatch(r"[0-9]{1,20}", since):
        raise InvalidCursorError
    return int(since), alarm_id
