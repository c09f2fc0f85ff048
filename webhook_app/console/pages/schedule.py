"""The schedule: a day back and a week ahead, room by room, and the list of windows with what can be done about them."""

from datetime import datetime
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, request

from webhook_app.console.components.quota import Crowded, Quota
from webhook_app.console.components.week import AHEAD_MS, PAST_MS, Fate, Planned, week
from webhook_app.console.components.week_picture import picture, scale
from webhook_app.console.context import ConsoleContext, live_part, page, page_of
from webhook_app.console.formatting import day, moment_of
from webhook_app.console.pages.skips import skip_choices
from webhook_app.console.pages.wall import read_list_filter
from webhook_app.domain.rules.rule import Config, Rule
from webhook_app.domain.times import MINUTE
from webhook_app.usecases.rule_rooms import rooms_of_rules

ROOMS_SHOWN = 20
LISTED_MAX = 40
COUNTED = frozenset({Fate.PLANNED, Fate.OPEN, Fate.LATE, Fate.INTERRUPTED})  # windows that take a stream


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """The page, and the part of it that changes."""
    quota = Quota(console.context.max_streams)

    @blueprint.get("/schedule")
    def schedule() -> str:
        return page("schedule.html", here="schedule", **_seen(console, quota))

    @blueprint.get("/page/live/schedule")
    def schedule_live() -> Response:
        return live_part("schedule_live.html", **_seen(console, quota))


def _seen(console: ConsoleContext, quota: Quota) -> dict[str, Any]:
    context = console.context
    config, now = context.state.config(), context.now()
    drawn_at = now // MINUTE * MINUTE  # so that the picture is another one once a minute, and not at each look
    by_room = _rules_by_room(console, config)
    q = read_list_filter().q
    late = {room_id for room_id, room in console.rooms.all().items() if room.late_since is not None}
    wanted = [room_id for room_id in by_room if _named(config, room_id, q)]
    wanted.sort(key=lambda room_id: (room_id not in late, _title(config, room_id)))
    shown, number, pages = page_of(wanted, read_list_filter().number, ROOMS_SHOWN)
    weeks = [week(context, config, room_id, by_room[room_id], now) for room_id in shown]
    names = {one.room_id: one.name for one in weeks}
    crowded = quota.crowded(config, sorted(by_room), now)
    everything = sorted((one for found in weeks for one in found.planned), key=lambda one: one.window.opens_at)
    coming = [one for one in everything if one.window.closes_at > now]
    over = [one for one in reversed(everything) if one.window.closes_at <= now]
    past = [one for one in over if one.fate is not Fate.UNTOLD]
    return {
        "weeks": [(one, picture(one, drawn_at)) for one in weeks],
        "scale": scale(drawn_at),
        "coming": _by_day([_line(one, names, now, crowded) for one in coming[:LISTED_MAX]]),
        "crowded": crowded,
        "max_streams": console.context.max_streams,
        "more": max(0, len(coming) - LISTED_MAX),
        "past": _by_day([_line(one, names, now, None) for one in past[:LISTED_MAX]]),
        "unrecorded": len(over) - len(past),
        "counts": {fate: sum(one.fate is fate for one in past) for fate in (Fate.MISSED, Fate.LATE)},
        "rooms": len(wanted),
        "number": number,
        "pages": pages,
        "q": q,
        "query": {"q": q} if q else {},
        "scheduled": len(by_room),
        "address": request.full_path.rstrip("?"),
    }


def _rules_by_room(console: ConsoleContext, config: Config) -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = {}
    scheduled = [rule for _, rule in sorted(config.rules.items()) if rule.schedule is not None]
    for name, room_ids in rooms_of_rules(console.context, config, scheduled).items():
        for room_id in room_ids:
            found.setdefault(room_id, []).append(config.rules[name])
    return found


def _by_day(lines: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(of_day, list(some)) for of_day, some in groupby(lines, key=lambda line: str(line["day"]))]


def _line(one: Planned, names: dict[str, str], now: int, crowded: Crowded | None) -> dict[str, Any]:
    opens, closes = moment_of(one.window.opens_at), moment_of(one.window.closes_at)
    if one.window.opens_at <= now < one.window.closes_at:
        heading, begin = "Open now", f"{'' if _same_day(opens, now) else day(opens) + ' '}{opens:%H:%M}"
    else:
        heading, begin = day(opens), f"{opens:%H:%M}"
    if one.window.closes_at >= now + AHEAD_MS:  # as far as anybody looked
        hours = "always" if one.window.opens_at <= now - PAST_MS else f"since {begin}"
    elif heading == "Open now":
        hours = f"{begin}–{'' if _same_day(closes, now) else day(closes) + ' '}{closes:%H:%M}"
    else:
        hours = f"{begin}–{closes:%H:%M}" + ("" if opens.date() == closes.date() else f" {day(closes)}")
    return {
        "day": heading,
        "hours": hours,
        "room_id": one.room_id,
        "name": names[one.room_id],
        "rules": one.window.rules,
        "fate": one.fate,
        "late": one.late,
        "crowded": crowded.during(one.window) if crowded is not None and one.fate in COUNTED else None,
        "skips": skip_choices(one.openings, now, skipped=one.fate is Fate.SKIPPED),
    }


def _same_day(at: datetime, now: int) -> bool:
    return at.date() == moment_of(now).date()


def _title(config: Config, room_id: str) -> tuple[bool, str]:
    name = config.room_name(room_id)
    return (name is None, (name or room_id).lower())


def _named(config: Config, room_id: str, q: str) -> bool:
    return not q or q.lower() in f"{room_id} {config.room_name(room_id) or ''}".lower()
