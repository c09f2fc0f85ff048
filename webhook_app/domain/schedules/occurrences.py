"""Occurrences: the windows that are to come, with merges, skips and warnings applied."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from webhook_app.domain.rules.rule import Config, Rule
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.faults import ScheduleFault
from webhook_app.domain.schedules.schedule import DAY_MS, RoomWindow, Window, merge_windows, next_windows

LOOK_AHEAD_MS = 5 * 366 * DAY_MS
COUNT_MAX = 500
OPENINGS_MAX = 50
QUOTA_AHEAD_MS = 35 * DAY_MS
WINDOWS_OF_ALL_ROOMS_MAX = 500_000


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One window of a room that is to come, or that was skipped.

    `openings` are the rule's own openings in it, ms: several where windows touch, or where other rules' come first.
    `endless`: windows follow one another beyond those looked at, so that no close is known.
    """

    room_id: str
    window: RoomWindow
    skipped: bool = False
    warning: str | None = None
    openings: tuple[int, ...] = ()
    endless: bool = False


def occurrences(config: Config, rule: Rule, rooms: Iterable[str], *, at: int, count: int) -> list[Occurrence]:
    """The next windows of a rule in each of its rooms, soonest first: merged with what other rules ask for there.

    ScheduleError when the rule's windows cannot be computed; other rules whose cannot are left out.
    """
    assert rule.schedule is not None
    own = next_windows(rule.schedule, at, at + LOOK_AHEAD_MS, config.calendars, count)
    found: list[Occurrence] = []
    if not own:
        return found
    others: dict[str, list[Window]] = {}
    last_close = max(window.closes_at for window in own)
    further = [
        window
        for window in next_windows(rule.schedule, last_close, last_close + 1, config.calendars, COUNT_MAX)
        if window.opens_at not in rule.skipped
    ]

    def goes_on(closes_at: int) -> bool:
        """Whether the rule's own windows, as many as were looked at, are followed by another without a gap."""
        return closes_at == last_close and bool(further)

    counted = 0
    for room_id in sorted(rooms):
        asked = _of_others(config, rule, own, room_id, at, others)
        counted += len(own) + len(asked)
        if counted > WINDOWS_OF_ALL_ROOMS_MAX:
            raise ScheduleError(ScheduleFault.TOO_MANY_WINDOWS, limit=WINDOWS_OF_ALL_ROOMS_MAX)
        found += _of_room(rule, own, asked, room_id, at, count, goes_on)
    found.sort(key=lambda one: (one.window.opens_at, one.room_id))
    return found[:count]


def over_quota(config: Config, room_ids: Iterable[str], *, at: int, limit: int) -> list[tuple[int, int]]:
    """When more windows are open at once than the account allows: (moment, how many), each moment once.

    ScheduleError when there are too many windows to count. Rules whose own cannot be computed are left out.
    """
    edges: list[tuple[int, int]] = []
    windows_of: dict[str, list[Window]] = {}
    counted = 0
    for room_id in room_ids:
        asked = []
        for rule in config.about(room_id):
            if rule.schedule is None:
                continue
            if rule.name not in windows_of:
                windows = _windows_or_none(config, rule, at, at + QUOTA_AHEAD_MS)
                windows_of[rule.name] = [window for window in windows if window.opens_at not in rule.skipped]
            asked += [(rule.name, rule.start, window) for window in windows_of[rule.name]]
        counted += len(asked)
        if counted > WINDOWS_OF_ALL_ROOMS_MAX:
            raise ScheduleError(ScheduleFault.TOO_MANY_WINDOWS_IN_ALL, limit=WINDOWS_OF_ALL_ROOMS_MAX)
        for stretch in merge_windows(asked):
            edges += [(stretch.opens_at, 1), (stretch.closes_at, -1)]
    open_now = 0
    crowded: dict[int, int] = {}
    for moment, change in sorted(edges):  # at one moment windows close before others open
        open_now += change
        if change > 0 and open_now > limit:
            crowded[moment] = open_now
    return list(crowded.items())


RequestedWindow = tuple[str, Mapping[str, Any], Window]


def _of_others(
    config: Config, rule: Rule, own: list[Window], room_id: str, at: int, known: dict[str, list[Window]]
) -> list[RequestedWindow]:
    """What a room's other rules ask for near a rule's windows; `known` are those looked up for other rooms."""
    # From the opening of what is open now: a window that is over may have cut it short.
    since, until = min(at, own[0].opens_at), max(window.closes_at for window in own) + 1
    asked: list[RequestedWindow] = []
    for other in config.about(room_id):
        if other.schedule is None or other.name == rule.name:
            continue
        if other.name not in known:
            windows = _windows_or_none(config, other, since, until)
            known[other.name] = [window for window in windows if window.opens_at not in other.skipped]
        asked += [(other.name, other.start, window) for window in known[other.name]]
    return asked


def _of_room(
    rule: Rule,
    own: list[Window],
    others: list[RequestedWindow],
    room_id: str,
    at: int,
    count: int,
    goes_on: Callable[[int], bool],
) -> list[Occurrence]:
    skipped = [window for window in own if window.opens_at in rule.skipped]
    kept = [window for window in own if window.opens_at not in rule.skipped]
    asked = [(rule.name, rule.start, window) for window in kept] + others
    stretches = [stretch for stretch in merge_windows(asked) if stretch.closes_at > at]
    begins = {stretch.opens_at for stretch in stretches}
    merged = [
        Occurrence(
            room_id,
            stretch,
            openings=_openings_in(kept, stretch),
            endless=stretch.closes_at not in begins and goes_on(stretch.closes_at),
        )
        for stretch in stretches
        if rule.name in stretch.rules
    ]
    passed = [
        Occurrence(
            room_id,
            RoomWindow(window.opens_at, window.closes_at, (rule.name,)),
            skipped=True,
            openings=(window.opens_at,),
        )
        for window in skipped
    ]
    return sorted(merged + passed, key=lambda one: one.window.opens_at)[:count]


def _openings_in(windows: Iterable[Window], stretch: RoomWindow) -> tuple[int, ...]:
    inside = (
        window.opens_at
        for window in windows
        if window.opens_at < stretch.closes_at and window.closes_at > stretch.opens_at
    )
    return tuple(islice(inside, OPENINGS_MAX))


def _windows_or_none(config: Config, rule: Rule, after: int, until: int) -> list[Window]:
    """The windows of one rule among others; none when they cannot be computed, which the rule itself shows."""
    assert rule.schedule is not None
    try:
        return next_windows(rule.schedule, after, until, config.calendars, COUNT_MAX)
    except ScheduleError:
        return []
