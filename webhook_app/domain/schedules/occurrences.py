"""Occurrences: the next windows of a rule by output, merged with those of other rules, with skips marked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from webhook_app.domain.outputs import Output
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.rules.triggers import ScheduleTrigger
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.faults import ScheduleFault
from webhook_app.domain.schedules.schedule import DAY_MS, LOOK_AHEAD_MS, RoomWindow, Window, merge_windows, next_windows
from webhook_app.domain.schedules.skips import skips_of

COUNT_MAX = 500
OPENINGS_MAX = 50
QUOTA_AHEAD_MS = 35 * DAY_MS
WINDOWS_OF_ALL_ROOMS_MAX = 500_000


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A future window of one output of a room, or a skipped one.

    `openings` are the rule's own openings in it, ms: several where windows touch, or where other rules' come first.
    `endless`: further windows follow without a gap beyond those that were computed, so that no close is known.
    """

    room_id: str
    window: RoomWindow
    skipped: bool = False
    warning: str | None = None
    openings: tuple[int, ...] = ()
    endless: bool = False
    output: Output = Output.HLS


def occurrences(config: Config, rule: Rule, rooms: Iterable[str], *, at: int, count: int) -> list[Occurrence]:
    """The next windows of a rule in its rooms, soonest first, merged with the windows of other rules there.

    Each output of the rule has windows of its own, merged with those of rules for that output.

    ScheduleError when the rule's windows cannot be computed. Other rules whose windows cannot be computed are left out.
    """
    trigger = rule.schedule_trigger
    assert trigger is not None
    own = next_windows(trigger.schedule, at, at + LOOK_AHEAD_MS, config.calendars, count)
    selected: list[Occurrence] = []
    if not own:
        return selected
    others: dict[str, list[Window]] = {}
    last_close = max(window.closes_at for window in own)
    further = [
        window
        for window in next_windows(trigger.schedule, last_close, last_close + 1, config.calendars, COUNT_MAX)
        if window.opens_at not in trigger.skipped
    ]

    def goes_on(closes_at: int) -> bool:
        """Whether another window follows the computed ones without a gap."""
        return closes_at == last_close and bool(further)

    counted = 0
    for room_id in sorted(rooms):
        for output in trigger.outputs:
            requested = _of_others(config, rule, output, own, room_id, at, others)
            counted += len(own) + len(requested)
            if counted > WINDOWS_OF_ALL_ROOMS_MAX:
                raise ScheduleError(ScheduleFault.TOO_MANY_WINDOWS, limit=WINDOWS_OF_ALL_ROOMS_MAX)
            selected += _of_output(rule, output, own, requested, room_id, at, count, goes_on)
    selected.sort(key=lambda occurrence: (occurrence.window.opens_at, occurrence.room_id))
    return selected[:count]


def over_quota(config: Config, room_ids: Iterable[str], *, at: int, limit: int) -> list[tuple[int, int]]:
    """The moments at which more than `limit` HLS windows open at once, as (ms, number of windows).

    The quota is about HLS streams: windows of recordings and RTMP streams do not count.

    ScheduleError when there are too many windows to count. Rules whose windows cannot be computed are left out.
    """
    edges: list[tuple[int, int]] = []
    windows_of: dict[str, list[Window]] = {}
    counted = 0
    for room_id in room_ids:
        requested = []
        for rule in config.about(room_id):
            trigger = rule.schedule_trigger
            if trigger is None or Output.HLS not in trigger.outputs:
                continue
            if rule.name not in windows_of:
                windows_of[rule.name] = _unskipped_windows(config, trigger, at, at + QUOTA_AHEAD_MS)
            requested += [(rule.name, rule.start, window) for window in windows_of[rule.name]]
        counted += len(requested)
        if counted > WINDOWS_OF_ALL_ROOMS_MAX:
            raise ScheduleError(ScheduleFault.TOO_MANY_WINDOWS_IN_ALL, limit=WINDOWS_OF_ALL_ROOMS_MAX)
        for room_window in merge_windows(requested):
            edges += [(room_window.opens_at, 1), (room_window.closes_at, -1)]
    open_now = 0
    crowded: dict[int, int] = {}
    for moment, change in sorted(edges):  # at one moment windows close before others open
        open_now += change
        if change > 0 and open_now > limit:
            crowded[moment] = open_now
    return list(crowded.items())


RequestedWindow = tuple[str, Mapping[str, Any], Window]


def _of_others(
    config: Config,
    rule: Rule,
    output: Output,
    own: list[Window],
    room_id: str,
    at: int,
    windows_by_rule: dict[str, list[Window]],
) -> list[RequestedWindow]:
    """The windows of an output by a room's other rules near a rule's own; `windows_by_rule` caches them."""
    # From the opening of the window that is open now: one that is over may have cut it short.
    since, until = min(at, own[0].opens_at), max(window.closes_at for window in own) + 1
    requested: list[RequestedWindow] = []
    for other in config.about(room_id):
        trigger = other.schedule_trigger
        if trigger is None or other.name == rule.name or output not in trigger.outputs:
            continue
        if other.name not in windows_by_rule:
            windows_by_rule[other.name] = _unskipped_windows(config, trigger, since, until)
        requested += [(other.name, other.body_of(output), window) for window in windows_by_rule[other.name]]
    return requested


def _of_output(
    rule: Rule,
    output: Output,
    own: list[Window],
    others: list[RequestedWindow],
    room_id: str,
    at: int,
    count: int,
    goes_on: Callable[[int], bool],
) -> list[Occurrence]:
    skips = skips_of(rule)
    skipped = [window for window in own if window.opens_at in skips]
    unskipped = [window for window in own if window.opens_at not in skips]
    requested = [(rule.name, rule.body_of(output), window) for window in unskipped] + others
    room_windows = [room_window for room_window in merge_windows(requested) if room_window.closes_at > at]
    begins = {room_window.opens_at for room_window in room_windows}
    merged = [
        Occurrence(
            room_id,
            room_window,
            openings=_openings_in(unskipped, room_window),
            endless=room_window.closes_at not in begins and goes_on(room_window.closes_at),
            output=output,
        )
        for room_window in room_windows
        if rule.name in room_window.rules
    ]
    skipped_ones = [
        Occurrence(
            room_id,
            RoomWindow(window.opens_at, window.closes_at, (rule.name,)),
            skipped=True,
            openings=(window.opens_at,),
            output=output,
        )
        for window in skipped
    ]
    return sorted(merged + skipped_ones, key=lambda occurrence: occurrence.window.opens_at)[:count]


def _openings_in(windows: Iterable[Window], room_window: RoomWindow) -> tuple[int, ...]:
    inside = (
        window.opens_at
        for window in windows
        if window.opens_at < room_window.closes_at and window.closes_at > room_window.opens_at
    )
    return tuple(islice(inside, OPENINGS_MAX))


def _unskipped_windows(config: Config, trigger: ScheduleTrigger, after: int, until: int) -> list[Window]:
    """The windows of a rule that open; none when they cannot be computed, which the rule's own page shows."""
    try:
        windows = next_windows(trigger.schedule, after, until, config.calendars, COUNT_MAX)
    except ScheduleError:
        return []
    return [window for window in windows if window.opens_at not in trigger.skipped]
