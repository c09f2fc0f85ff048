"""The alarms: what is raised, since when, what to do about it; and what was."""

from typing import Any

from flask import Blueprint, Response

from webhook_app.api.alarms import known_alarms
from webhook_app.console.advice import advice_for
from webhook_app.console.desk import Desk, live_part, page

HISTORY_SHOWN = 100


def add(blueprint: Blueprint, desk: Desk) -> None:
    """The page, and the part of it that changes."""

    @blueprint.get("/alarms")
    def alarms() -> str:
        return page("alarms.html", here="alarms", **_seen(desk))

    @blueprint.get("/page/live/alarms")
    def alarms_live() -> Response:
        return live_part("alarms_live.html", **_seen(desk))


def _seen(desk: Desk) -> dict[str, Any]:
    known = sorted(known_alarms(desk.context), key=lambda alarm: alarm.severity != "critical")
    active = [(alarm, advice_for(alarm.name)) for alarm in known if alarm.cleared_at is None]
    cleared = sorted(
        (alarm for alarm in known if alarm.cleared_at is not None), key=lambda one: one.cleared_at or 0, reverse=True
    )
    return {"active": active, "cleared": cleared[:HISTORY_SHOWN]}
