"""Occurrences: the windows that are to come, with merges, skips and warnings applied."""

from collections.abc import Iterable
from dataclasses import dataclass

from webhook_app.domain.rules import Config, Rule
from webhook_app.domain.schedule import DAY_MS, RoomWindow, Window, combine, windows

LOOK_AHEAD_MS = 5 * 366 * DAY_MS
COUNT_MAX = 500
QUOTA_AHEAD_MS = 35 * DAY_MS


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One window of a room that is to come, or that was skipped."""

    room_id: str
    window: RoomWindow
    skipped: bool = False
    warning: str | None = None


def occurrences(config: Config, rule: Rule, rooms: Iterable[str], *, at: int, count: int) -> list[Occurrence]:
    """The next windows of a rule in each of its rooms, soonest first: merged with what other rules ask for there."""
    found: list[Occurrence] = []
    for room_id in sorted(rooms):
        found += _of_room(config, rule, room_id, at, count)
    found.sort(key=lambda one: (one.window.opens_at, one.room_id))
    return found[:count]


def over_quota(config: Config, room_ids: Iterable[str], *, at: int, limit: int) -> list[tuple[int, int]]:
    """When more windows are open at once than the account allows: (moment, how many), each time it begins."""
    edges: list[tuple[int, int]] = []
    for room_id in room_ids:
        asked = [
            (rule.name, rule.start, window)
            for rule in config.about(room_id)
            if rule.schedule is not None
            for window in _taken(windows(rule.schedule, at, at + QUOTA_AHEAD_MS, config.calendars), COUNT_MAX)
            if window.opens_at not in rule.skipped
        ]
        for stretch in combine(asked):
            edges += [(stretch.opens_at, 1), (stretch.closes_at, -1)]
    open_now = 0
    found: list[tuple[int, int]] = []
    for moment, change in sorted(edges):
        open_now += change
        if change > 0 and open_now > limit:
            found.append((moment, open_now))
    return found


def _of_room(config: Config, rule: Rule, room_id: str, at: int, count: int) -> list[Occurrence]:
    assert rule.schedule is not None
    own = _taken(windows(rule.schedule, at, at + LOOK_AHEAD_MS, config.calendars), count)
    if not own:
        return []
    # From the opening of what is open now: a window that is over may have cut it short.
    since, until = min(at, own[0].opens_at), max(window.closes_at for window in own) + 1
    skipped = [window for window in own if window.opens_at in rule.skipped]
    asked = [(rule.name, rule.start, window) for window in own if window.opens_at not in rule.skipped]
    for other in config.about(room_id):
        if other.schedule is None or other.name == rule.name:
            continue
        near = _taken(windows(other.schedule, since, until, config.calendars), COUNT_MAX)
        asked += [(other.name, other.start, window) for window in near if window.opens_at not in other.skipped]
    merged = [
        Occurrence(room_id, stretch)
        for stretch in combine(asked)
        if rule.name in stretch.rules and stretch.closes_at > at
    ]
    passed = [
        Occurrence(room_id, RoomWindow(window.opens_at, window.closes_at, (rule.name,)), skipped=True)
        for window in skipped
    ]
    return sorted(merged + passed, key=lambda one: one.window.opens_at)[:count]


def _taken(found: Iterable[Window], at_most: int) -> list[Window]:
    return [window for _, window in zip(range(at_most), found, strict=False)]
