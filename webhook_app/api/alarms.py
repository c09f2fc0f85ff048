"""Alarms: what is raised, since when, and what was."""

from collections.abc import Iterable
from typing import Any

from marshmallow import fields

from webhook_app.api.bodies import Blueprint
from webhook_app.api.context import Context
from webhook_app.api.shapes import AlarmSchema, PageQuery, page_of
from webhook_app.domain.alarms import Alarm, alarm_view
from webhook_app.store import codec, keys
from webhook_app.store.listing import decode_cursor, encode_cursor

HALTED = "reducing-halted"


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
        position = decode_cursor(query["cursor"]) or "0"
        start = int(position) if position.isdecimal() else 0
        page = found[start : start + query["limit"]]
        more = start + len(page) < len(found)
        return {
            "items": [alarm_view(alarm) for alarm in page],
            "next": encode_cursor(str(start + len(page))) if more else None,
        }

    return blp


def known_alarms(context: Context) -> list[Alarm]:
    """Every alarm, raised or cleared, the newest first; that reducing is halted cannot be folded and counts too."""
    past = context.client.zrevrange(keys.ALARMS_PAST, 0, -1)
    return _sorted(_with_halted(context, dict.fromkeys([*context.client.hvals(keys.ALARMS), *past])))


def raised_alarms(context: Context) -> list[Alarm]:
    """Those that are raised now, the newest first."""
    found = _with_halted(context, context.client.hvals(keys.ALARMS))
    return _sorted(alarm for alarm in found if alarm.cleared_at is None)


def _with_halted(context: Context, raws: Iterable[bytes]) -> list[Alarm]:
    found = [codec.alarm_of(raw) for raw in raws]
    halted = context.client.get(keys.HALTED)
    if halted is not None:
        found.append(Alarm(HALTED, "critical", f"reducing is halted: {halted.decode()}", context.now()))
    return found


def _sorted(found: Iterable[Alarm]) -> list[Alarm]:
    return sorted(found, key=lambda alarm: (alarm.since, alarm.name), reverse=True)
