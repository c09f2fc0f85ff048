"""Alarms: active ones with advice, acknowledged ones, past ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.wrappers import Response as BaseResponse

from webhook_app.console.auth import run_action
from webhook_app.console.components.alarm_advice import advice_for, title_of
from webhook_app.console.context import ConsoleContext, live_part, page
from webhook_app.domain.alarms.alarm import Alarm
from webhook_app.domain.rules.config import Config
from webhook_app.domain.times import MINUTE
from webhook_app.ops.health import WORKERS
from webhook_app.store.operations.health import StoreHealth, read_health
from webhook_app.usecases.alarms import acknowledge, all_active_alarms, all_alarms, unacknowledged
from webhook_app.usecases.context import AppContext

PAST_SHOWN = 50
ACTIVE_SHOWN = 200
MUTE_MIN = (15, 60)


@dataclass(frozen=True, slots=True)
class ShownAlarm:
    """An alarm with its title, advice, and the names of the room and subscriber it concerns."""

    alarm: Alarm
    title: str
    advice: str
    room_name: str | None
    subscriber_name: str | None


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the page, its live part, and the action."""

    @blueprint.get("/alarms")
    def alarms() -> str:
        return page("alarms.html", section="alarms", **_view(console))

    @blueprint.get("/page/live/alarms")
    def alarms_live() -> Response:
        return live_part("alarms_live.html", **_view(console))

    @blueprint.post("/alarms/<alarm_id>/acknowledge")
    def acknowledge_alarm(alarm_id: str) -> BaseResponse:
        def run() -> str:
            minutes = request.form.get("mute", "")
            until = None
            if minutes.isdecimal() and int(minutes) in MUTE_MIN:
                until = console.context.now() + int(minutes) * MINUTE
            console.context.wait_until_processed(acknowledge(console.context, alarm_id, by="console", until=until))
            return "Acknowledged." if until is None else f"Muted for {minutes} minutes."

        return run_action(run, "/alarms")


def counted_alarms(context: AppContext) -> list[Alarm]:
    """Return the unacknowledged active alarms, critical ones first; read once per request."""
    if "counted_alarms" not in g:
        g.counted_alarms = worst_first(unacknowledged(all_active_alarms(context), context.now()))
    alarms: list[Alarm] = g.counted_alarms
    return alarms


def worst_first(alarms: Iterable[Alarm]) -> list[Alarm]:
    """Sort critical alarms first, keeping the order otherwise."""
    return sorted(alarms, key=lambda alarm: alarm.severity != "critical")


def _view(console: ConsoleContext) -> dict[str, Any]:
    context = console.context
    every_alarm, now = all_alarms(context), context.now()
    counted = worst_first(unacknowledged(every_alarm, now))
    acknowledged = worst_first(alarm for alarm in every_alarm if alarm.is_active and alarm.is_acknowledged(now))
    cleared = [alarm for alarm in every_alarm if not alarm.is_active]
    cleared.sort(key=lambda alarm: alarm.cleared_at or 0, reverse=True)
    subscribers = {
        subscriber.subscriber_id: subscriber.name or subscriber.shown_url for subscriber in context.subscribers.all()
    }
    config = context.state.names()
    return {
        "counted": _shown_alarms(counted[:ACTIVE_SHOWN], config, subscribers),
        "acknowledged": _shown_alarms(acknowledged[:ACTIVE_SHOWN], config, subscribers),
        "cleared": _shown_alarms(cleared[:PAST_SHOWN], config, subscribers),
        "count": len(counted),
        "acknowledged_count": len(acknowledged),
        "problems": _problems(read_health(context.client)),
        "mute_min": MUTE_MIN,
    }


def _shown_alarms(alarms: Sequence[Alarm], config: Config, subscribers: dict[str, str]) -> list[ShownAlarm]:
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


def _problems(health: StoreHealth) -> list[str]:
    """Problems that raise no alarm: the store, missing processes, failing loops."""
    if health.problem is not None:
        return [f"Store problem: {health.problem}."]
    missing = [name for name in (*WORKERS, "clock") if not health.live.alive.get(name)]
    problems = [f"No {name} process is running." for name in missing]
    return problems + [f"{process}: {error}." for process, error in sorted(health.live.failing.items())]
