"""The alarms: what is raised, about what, since when and what to do; what somebody has acknowledged; and what was."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.api.alarms import acknowledge, all_active_alarms, all_alarms, unacknowledged
from webhook_app.console.auth import run_action
from webhook_app.console.components.alarm_advice import advice_for, title_of
from webhook_app.console.context import ConsoleContext, live_part, page
from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.domain.rules.rule import Config
from webhook_app.domain.times import MINUTE
from webhook_app.ops.health import WORKERS
from webhook_app.store.operations.health import StoreHealth, read_health
from webhook_app.usecases.context import AppContext

PAST_SHOWN = 50
ACTIVE_SHOWN = 200
MUTE_MIN = (15, 60)


@dataclass(frozen=True, slots=True)
class ShownAlarm:
    """An alarm with its title, what to do, and the names of what it is about."""

    alarm: Alarm
    title: str
    advice: str
    room_name: str | None
    subscriber_name: str | None


def add(blueprint: Blueprint, desk: ConsoleContext) -> None:
    """The page, the part of it that changes, and the button."""

    @blueprint.get("/alarms")
    def alarms() -> str:
        return page("alarms.html", here="alarms", **_view(desk))

    @blueprint.get("/page/live/alarms")
    def alarms_live() -> Response:
        return live_part("alarms_live.html", **_view(desk))

    @blueprint.post("/alarms/<alarm_id>/acknowledge")
    def acknowledge_alarm(alarm_id: str) -> BaseResponse:
        def give() -> str:
            minutes = request.form.get("mute", "")
            until = None
            if minutes.isdecimal() and int(minutes) in MUTE_MIN:
                until = desk.context.now() + int(minutes) * MINUTE
            desk.context.wait_until_processed(acknowledge(desk.context, alarm_id, by="console", until=until))
            return "Acknowledged." if until is None else f"Acknowledged for {minutes} minutes; then it counts again."

        return run_action(give, "/alarms")


def counted_alarms(context: AppContext) -> list[Alarm]:
    """The active alarms that nobody has acknowledged, the worst first; read once for a page."""
    if "counted_alarms" not in g:
        g.counted_alarms = worst_first(unacknowledged(all_active_alarms(context), context.now()))
    alarms: list[Alarm] = g.counted_alarms
    return alarms


def worst_first(alarms: Iterable[Alarm]) -> list[Alarm]:
    """Critical ones first, each kind in the order given."""
    return sorted(alarms, key=lambda alarm: alarm.severity != "critical")


def _view(desk: ConsoleContext) -> dict[str, Any]:
    context = desk.context
    known, now = all_alarms(context), context.now()
    counted = worst_first(unacknowledged(known, now))
    acknowledged = worst_first(alarm for alarm in known if alarm.is_active and alarm.is_acknowledged(now))
    cleared = [alarm for alarm in known if not alarm.is_active]
    cleared.sort(key=lambda alarm: alarm.cleared_at or 0, reverse=True)
    subscribers = {one.subscriber_id: one.name or one.shown_url for one in context.subscribers.all()}
    config = context.state.names()
    return {
        "counted": _shown(counted[:ACTIVE_SHOWN], config, subscribers),
        "acknowledged": _shown(acknowledged[:ACTIVE_SHOWN], config, subscribers),
        "cleared": _shown(cleared[:PAST_SHOWN], config, subscribers),
        "count": len(counted),
        "acknowledged_count": len(acknowledged),
        "troubles": _troubles(read_health(context.client)),
        "mute_min": MUTE_MIN,
    }


def _shown(alarms: Sequence[Alarm], config: Config, subscribers: dict[str, str]) -> list[ShownAlarm]:
    return [
        ShownAlarm(
            alarm,
            title_of(alarm),
            advice_for(alarm.name),
            config.room_name(alarm.room_id),
            subscribers.get(alarm.subscriber_id or ""),
        )
        for alarm in alarms
    ]


def _troubles(health: StoreHealth) -> list[str]:
    """What is wrong beside the alarms: whoever sees none of it and no alarm may rest."""
    if health.problem is not None:
        return [f"The store has a problem: {health.problem}."]
    missing = [name for name in (*WORKERS, "clock") if not health.live.alive.get(name)]
    troubles = [f"No {name} process has been seen lately." for name in missing]
    return troubles + [f"In {where}: {why}." for where, why in sorted(health.live.failing.items())]
