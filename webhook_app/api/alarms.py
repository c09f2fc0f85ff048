"""Alarms: what is raised, since when, and what was; acknowledging one."""

import re
from collections.abc import Iterable
from dataclasses import replace
from time import time
from typing import Any

from flask import Response
from marshmallow import ValidationError, fields, validate, validates

from webhook_app.api.request_parsing import Blueprint
from webhook_app.api.schemas import (
    AcceptedSchema,
    AlarmSchema,
    Moment,
    PageQuery,
    ProblemSchema,
    RequestSchema,
    page_of,
)
from webhook_app.domain.alarms.alarm import Alarm, alarm_view
from webhook_app.domain.events import Source
from webhook_app.event_decoding.commands import ACKNOWLEDGE
from webhook_app.problems.problems import Problem
from webhook_app.store.operations.system_alarms import SystemAlarms, raised_system_alarms
from webhook_app.store.queries.paging import InvalidCursorError, decode_cursor, encode_cursor
from webhook_app.store.state.alarms import active_alarms, past_alarms
from webhook_app.text.masking import masked
from webhook_app.usecases.context import AppContext, accepted

BY_MAX_CHARS = 100


class AlarmsQuery(PageQuery):
    """Which alarms."""

    active = fields.Boolean(load_default=None)


class AcknowledgeSchema(RequestSchema):
    """An acknowledgement: it holds until the alarm clears, or until a moment; `by` names who gives it."""

    until = Moment(load_default=None)
    by = fields.String(load_default=None, validate=validate.Length(1, BY_MAX_CHARS))

    @validates("until")
    def _is_to_come(self, value: int | None, **kwargs: Any) -> None:
        if value is not None and value <= time() * 1000:
            raise ValidationError("`until` has passed; give a time that is to come")


def alarms(context: AppContext) -> Blueprint:
    """The resource."""
    blp = Blueprint("alarms", __name__, url_prefix="/api/v1/alarms", description=__doc__)

    @blp.route("")
    @blp.arguments(AlarmsQuery, location="query")
    @blp.response(200, page_of(AlarmSchema))
    def list_alarms(query: dict[str, Any]) -> dict[str, Any]:
        """Alarms, the newest first; those that are acknowledged stay active until they clear."""
        found = all_alarms(context)
        if query["active"] is not None:
            found = [alarm for alarm in found if alarm.is_active == query["active"]]
        after = _place_in(query["cursor"])
        rest = [alarm for alarm in found if after is None or _place(alarm) < after]
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
    def acknowledge_alarm(asked: dict[str, Any], alarm_id: str) -> Response:
        """Take note of an active alarm: it stays listed and does not count any more; one about something past clears.

        With `until` it counts again from then on, if it is still active.
        """
        return accepted(acknowledge(context, alarm_id, by=asked["by"] or "api", until=asked["until"]))

    return blp


def acknowledge(context: AppContext, alarm_id: str, *, by: str, until: int | None) -> str:
    """Journal an acknowledgement; the event's id. Problem 404 or 409 when there is no such active alarm."""
    alarm = next((alarm for alarm in all_alarms(context) if alarm.id == alarm_id), None)
    if alarm is None:
        raise Problem(404, f"no alarm {alarm_id} is kept; GET /api/v1/alarms?active=true lists the active ones")
    if not alarm.is_active:
        raise Problem(409, f"alarm {alarm.name} is over: it has cleared itself")
    data: dict[str, Any] = {"alarm_id": alarm.id, "name": alarm.name, "by": by, "until": until}
    raised = next((one for one in raised_system_alarms(context.client) if one.id == alarm_id), None)
    if raised is not None:
        # The reducer may be the very thing that stands still, so this does not wait for it.
        acknowledged = replace(raised, acknowledged_by=by, acknowledged_at=context.now(), muted_until=until)
        if not SystemAlarms(context.client).acknowledge(acknowledged):
            raise Problem(409, f"alarm {alarm.name} has changed meanwhile: try again")
        data["is_system"] = True
    return context.append(Source.OPERATOR, ACKNOWLEDGE, None, data)


def all_alarms(context: AppContext) -> list[Alarm]:
    """Every alarm, active or cleared, the newest first; those on the reducer itself too."""
    found = {alarm.id: alarm for alarm in past_alarms(context.client)}
    found |= {alarm.id: alarm for alarm in active_alarms(context.client)}
    found |= {alarm.id: alarm for alarm in raised_system_alarms(context.client)}
    return _sorted(found.values())


def all_active_alarms(context: AppContext) -> list[Alarm]:
    """The active alarms, the newest first."""
    return _sorted((*active_alarms(context.client), *raised_system_alarms(context.client)))


def unacknowledged(alarms: Iterable[Alarm], now: int) -> list[Alarm]:
    """The active alarms that count: nobody has acknowledged them, or the acknowledgement has run out."""
    return [alarm for alarm in alarms if alarm.is_active and not alarm.is_acknowledged(now)]


def _place(alarm: Alarm) -> tuple[int, str]:
    return alarm.since, alarm.id


def _place_in(cursor: str | None) -> tuple[int, str] | None:
    position = decode_cursor(cursor)
    if position is None:
        return None
    since, bar, alarm_id = position.partition("|")
    if not bar or not re.fullmatch(r"[0-9]{1,20}", since):
        raise InvalidCursorError("the cursor is not one of ours; leave it out to begin")
    return int(since), alarm_id


def _masked(alarm: Alarm) -> Alarm:
    """An alarm as it may be shown: its summary may quote an address, above all one that an earlier version raised."""
    return replace(alarm, summary=masked(alarm.summary_text))


def _sorted(alarms: Iterable[Alarm]) -> list[Alarm]:
    return sorted((_masked(alarm) for alarm in alarms), key=_place, reverse=True)
