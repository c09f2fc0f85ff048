"""Alarms: what is raised, since when, and what was."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from marshmallow import fields

from webhook_app.api.bodies import Blueprint
from webhook_app.api.context import Context
from webhook_app.api.shapes import AlarmSchema, PageQuery, page_of
from webhook_app.domain.alarms import Alarm, alarm_view
from webhook_app.masking import masked
from webhook_app.store import codec, keys
from webhook_app.store.listing import BadCursorError, decode_cursor, encode_cursor
from webhook_app.store.system_alarms import raised_system_alarms


class AlarmsQuery(PageQuery):
    """Which alarms."""

    active = fields.Boolean(load_default=None)


def alarms(context: Context) -> Blueprint:
    """The resource."""
    blp = Blueprint("alarms", __name__, url_prefix="/api/v1/alarms", description=__doc__)

    @blp.route("")
    @blp.arguments(AlarmsQuery, location="query")
    @blp.response(200, page_of(AlarmSchema))
    def list_alarms(query: dict[str, Any]) -> dict[str, Any]:
        """Alarms, the newest first."""
        found = known_alarms(context)
        if query["active"] is not None:
            found = [alarm for alarm in found if (alarm.cleared_at is None) == query["active"]]
        after = _place_in(query["cursor"])
        rest = [alarm for alarm in found if after is None or _place(alarm) < after]
        page = rest[: query["limit"]]
        more = len(rest) > len(page)
        return {
            "items": [alarm_view(alarm) for alarm in page],
            "next": encode_cursor(f"{page[-1].since}|{page[-1].name}") if more else None,
        }

    return blp


def known_alarms(context: Context) -> list[Alarm]:
    """Every alarm, raised or cleared, the newest first; those on the reducer itself too."""
    raws = [*context.client.hvals(keys.ALARMS), *context.client.zrevrange(keys.ALARMS_PAST, 0, -1)]
    folded = [codec.alarm_of(raw) for raw in dict.fromkeys(raws)]
    return _sorted(_masked(alarm) for alarm in (*folded, *raised_system_alarms(context.client)))


def raised_alarms(context: Context) -> list[Alarm]:
    """The alarms that are raised now, the newest first."""
    folded = [codec.alarm_of(raw) for raw in context.client.hvals(keys.ALARMS)]
    raised = [alarm for alarm in folded if alarm.cleared_at is None]
    return _sorted(_masked(alarm) for alarm in (*raised, *raised_system_alarms(context.client)))


def _place(alarm: Alarm) -> tuple[int, str]:
    return alarm.since, alarm.name


def _place_in(cursor: str | None) -> tuple[int, str] | None:
    position = decode_cursor(cursor)
    if position is None:
        return None
    since, bar, name = position.partition("|")
    if not bar or not re.fullmatch(r"[0-9]{1,20}", since):
        raise BadCursorError("the cursor is not one of ours; leave it out to begin")
    return int(since), name


def _masked(alarm: Alarm) -> Alarm:
    """An alarm as it may be shown: its summary may quote an address, above all one that an earlier version raised."""
    return replace(alarm, summary=masked(alarm.summary))


def _sorted(found: Iterable[Alarm]) -> list[Alarm]:
    return sorted(found, key=_place, reverse=True)
