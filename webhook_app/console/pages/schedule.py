"""The schedule: one day back and one week ahead by room, and the list of windows with their actions."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from flask import Blueprint, Response

from webhook_app.console.components.lamps import BADGE_NAMES
from webhook_app.console.components.quota import Overlaps, Quota
from webhook_app.console.components.week import AHEAD_MS, PAST_MS, PlannedWindow, WindowStatus, week
from webhook_app.console.components.week_picture import picture, scale
from webhook_app.console.context import ConsoleContext, live_part, page, page_of
from webhook_app.console.formatting import day, moment_of
from webhook_app.console.pages.skips import skip_choices
from webhook_app.console.pages.wall import read_list_filter
from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.times import MINUTE
from webhook_app.usecases.rule_rooms import rooms_of_rules

ROOMS_SHOWN = 20
WINDOWS_LISTED = 40
TAKES_A_STREAM = frozenset({WindowStatus.PLANNED, WindowStatus.OPEN, WindowStatus.LATE, WindowStatus.INTERRUPTED})


def add(blueprint: Blueprint, console: ConsoleContext) -> None:
    """Add the page and its live part."""
    quota = Quota(console.context.max_streams)

    @blueprint.get("/schedule")
    def schedule() -> str:
        return page("schedule.html", section="schedule", **_page_values(console, quota))

    @blueprint.get("/page/live/schedule")
    def schedule_live() -> Response:
        return live_part("schedule_live.html", **_page_values(console, quota))


def _page_values(console: ConsoleContext, quota: Quota) -> dict[str, Any]:
    context = console.context
    config, now = context.state.config(), context.now()
    drawn_at = now // MINUTE * MINUTE  # so that the picture, and with it the page's ETag, changes once a minute
    by_room = _rules_by_room(console, config)
    list_filter = read_list_filter()
    q = list_filter.q
    late = {room_id for room_id, room in console.rooms.all().items() if room.late_since is not None}
    room_ids = [room_id for room_id in by_room if _matches(config, room_id, q)]
    room_ids.sort(key=lambda room_id: (room_id not in late, _sort_key(config, room_id)))
    page_room_ids, number, pages = page_of(room_ids, list_filter.number, ROOMS_SHOWN)
    weeks = [week(context, config, room_id, by_room[room_id], now) for room_id in page_room_ids]
    names = {room_week.room_id: room_week.name for room_week in weeks}
    overlaps = quota.overlaps(config, sorted(by_room), now)
    windows = _by_opening(planned for room_week in weeks for planned in room_week.planned)
    upcoming = [planned for planned in windows if planned.window.closes_at > now]
    closed = [planned for planned in reversed(windows) if planned.window.closes_at <= now]
    past = [planned for planned in closed if planned.status is not WindowStatus.NO_DATA]
    return {
        "weeks": [(room_week, picture(room_week, drawn_at)) for room_week in weeks],
        "scale": scale(drawn_at),
        "upcoming": _by_day([_line(planned, names, now, overlaps) for planned in upcoming[:WINDOWS_LISTED]]),
        "overlaps": overlaps,
        "max_streams": context.max_streams,
        "more": max(0, len(upcoming) - WINDOWS_LISTED),
        "past": _by_day([_line(planned, names, now, None) for planned in past[:WINDOWS_LISTED]]),
        "without_data": len(closed) - len(past),
        "counts": {
            status: sum(planned.status is status for planned in past)
            for status in (WindowStatus.MISSED, WindowStatus.LATE)
        },
        "rooms": len(room_ids),
        "number": number,
        "pages": pages,
        "q": q,
        "query": {"q": q} if q else {},
        "scheduled": len(by_room),
    }


def _rules_by_room(console: ConsoleContext, config: Config) -> dict[str, list[Rule]]:
    rules: dict[str, list[Rule]] = {}
    scheduled = [rule for _, rule in sorted(config.rules.items()) if rule.schedule_trigger is not None]
    for name, room_ids in rooms_of_rules(console.context, config, scheduled).items():
        for room_id in room_ids:
            rules.setdefault(room_id, []).append(config.rules[name])
    return rules


def _by_opening(windows: Iterable[PlannedWindow]) -> list[PlannedWindow]:
    return sorted(windows, key=lambda planned: planned.window.opens_at)


def _by_day(lines: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(heading, list(group)) for heading, group in groupby(lines, key=lambda line: str(line["day"]))]


def _line(planned: PlannedWindow, names: dict[str, str], now: int, overlaps: Overlaps | None) -> dict[str, Any]:
    window, status = planned.window, planned.status
    outputs = set(planned.outputs)
    takes_a_stream = status in TAKES_A_STREAM and Output.HLS in outputs
    heading, hours = _heading_and_hours(planned, now)
    return {
        "day": heading,
        "hours": hours,
        "room_id": planned.room_id,
        "name": names[planned.room_id],
        "rules": window.rules,
        "status": status,
        "late": planned.late,
        "outputs": [] if outputs <= {Output.HLS} else [BADGE_NAMES[output] for output in Output if output in outputs],
        "overlapping": overlaps.during(window) if overlaps is not None and takes_a_stream else None,
        "skips": skip_choices(planned.openings, now, skipped=status is WindowStatus.SKIPPED),
    }


def _heading_and_hours(planned: PlannedWindow, now: int) -> tuple[str, str]:
    """The day, or `Open now`, under which a window is listed, and its hours."""
    window = planned.window
    opens, closes = moment_of(window.opens_at), moment_of(window.closes_at)
    if window.opens_at <= now < window.closes_at:
        heading, begin = "Open now", f"{'' if _is_today(opens, now) else day(opens) + ' '}{opens:%H:%M}"
    else:
        heading, begin = day(opens), f"{opens:%H:%M}"
    if window.closes_at >= now + AHEAD_MS:  # closes beyond the computed range
        hours = "always" if window.opens_at <= now - PAST_MS else f"since {begin}"
    elif heading == "Open now":
        hours = f"{begin}–{'' if _is_today(closes, now) else day(closes) + ' '}{closes:%H:%M}"
    else:
        hours = f"{begin}–{closes:%H:%M}" + ("" if opens.date() == closes.date() else f" {day(closes)}")
    return heading, hours


def _is_today(at: datetime, now: int) -> bool:
    return at.date() == moment_of(now).date()


def _sort_key(config: Config, room_id: str) -> tuple[bool, str]:
    """Named rooms first, each group by name or id."""
    name = config.room_name(room_id)
    return (name is None, (name or room_id).lower())


def _matches(config: Config, room_id: str, q: str) -> bool:
    return not q or q.lower() in f"{room_id} {config.room_name(room_id) or ''}".lower()
