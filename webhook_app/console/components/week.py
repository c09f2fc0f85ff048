"""A room's week: the windows of its schedules, and when it actually was on air."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from webhook_app.console.components.lamps import ON_AIR_OUTPUTS
from webhook_app.domain.outputs import OTHER_OUTPUTS, Output
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.schedules.broadcast_results import WindowNotice, match_notices
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.schedule import RoomWindow, Window, merge_windows, next_windows
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.times import DAY, HOUR, from_rfc3339
from webhook_app.store import codec
from webhook_app.store.queries.streams import newest_streams
from webhook_app.store.state import outline
from webhook_app.usecases.context import AppContext

PAST_MS, AHEAD_MS = 24 * HOUR, 7 * DAY
WINDOWS_MAX = 300
STREAMS_MAX = 60
ENTRIES_MAX = 1_000


class WindowStatus(StrEnum):
    """The status of a window."""

    PLANNED = "planned"
    OPEN = "open"
    DONE = "completed"
    LATE = "late"
    MISSED = "missed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"
    PAUSED = "paused"
    NO_DATA = "no data"


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """A window of one or several outputs with its status; `late` when it started late and has another status.

    `openings` are the occurrences in it that can be skipped or unskipped: pairs of a rule's name and a time in ms.
    """

    room_id: str
    window: RoomWindow
    status: WindowStatus
    late: bool = False
    openings: Sequence[tuple[str, int]] = ()
    outputs: tuple[Output, ...] = (Output.HLS,)


@dataclass(frozen=True, slots=True)
class OnAirSpan:
    """A period on air, in ms; `ended` is false while it is ongoing."""

    started_at: int
    until: int
    ended: bool
    because: str | None


@dataclass(frozen=True, slots=True)
class Week:
    """A room from one day ago to one week ahead."""

    room_id: str
    name: str
    planned: Sequence[PlannedWindow]
    on_air: Sequence[OnAirSpan]


def week(context: AppContext, config: Config, room_id: str, rules: Iterable[Rule], now: int) -> Week:
    """Build a room's week. Past windows are those of the current rules; their status comes from recorded notices."""
    since, until = now - PAST_MS, now + AHEAD_MS
    requested: dict[Output, list[tuple[str, Mapping[str, Any], Window]]] = {}
    unmerged: list[PlannedWindow] = []
    for rule in rules:
        trigger = rule.schedule_trigger
        assert trigger is not None
        try:
            windows = next_windows(trigger.schedule, since, until, config.calendars, WINDOWS_MAX)
        except ScheduleError:
            continue  # shown as an alarm and on the rule's page
        for window in windows:
            own = RoomWindow(window.opens_at, window.closes_at, (rule.name,))
            if window.opens_at in trigger.skipped:
                openings = [(rule.name, window.opens_at)] if window.closes_at > now else []
                skipped = PlannedWindow(room_id, own, WindowStatus.SKIPPED, False, openings, rule.window_outputs)
                unmerged.append(skipped)
            elif rule.paused:
                if window.closes_at > now:
                    unmerged.append(PlannedWindow(room_id, own, WindowStatus.PAUSED, outputs=rule.window_outputs))
            else:
                for output in rule.window_outputs:
                    requested.setdefault(output, []).append((rule.name, rule.body_of(output), window))
    notices = _window_notices(context, room_id, now)
    planned = list(unmerged)
    for output, windows_of_output in sorted(requested.items()):
        merged = merge_windows(windows_of_output)
        types_by_window = match_notices(merged, [notice for notice in notices if notice.output is output])
        openings_in = _openings(merged, [(name, window.opens_at) for name, _, window in windows_of_output])
        planned += [
            replace(_with_status(room_id, window, notice_types, now, inside), outputs=(output,))
            for window, notice_types, inside in zip(merged, types_by_window, openings_in, strict=True)
        ]
    return Week(
        room_id=room_id,
        name=config.room_name(room_id) or room_id,
        planned=sorted(_united(planned), key=lambda window: window.window.opens_at),
        on_air=[_on_air(stream, now) for stream in _streams(context, room_id) if _seen_since(stream, since)],
    )


def _united(planned: Iterable[PlannedWindow]) -> list[PlannedWindow]:
    """The windows with those of several outputs that are alike in one."""
    united: dict[tuple[Any, ...], PlannedWindow] = {}
    for item in planned:
        window = item.window
        key = (window.opens_at, window.closes_at, window.rules, item.status, item.late)
        same = united.get(key)
        united[key] = item if same is None else replace(same, outputs=(*same.outputs, *item.outputs))
    return list(united.values())


def _openings(merged: Sequence[RoomWindow], requested: Sequence[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    """The occurrences in each merged window, soonest first."""
    begins = [window.opens_at for window in merged]
    openings: list[list[tuple[str, int]]] = [[] for _ in merged]
    for name, opens_at in sorted(requested, key=lambda pair: (pair[1], pair[0])):
        at = bisect_right(begins, opens_at) - 1
        if at >= 0 and opens_at < merged[at].closes_at:
            openings[at].append((name, opens_at))
    return openings


def _with_status(
    room_id: str, window: RoomWindow, types: frozenset[str], now: int, openings: Sequence[tuple[str, int]]
) -> PlannedWindow:
    """A window with its status. An open window has no final status, whatever was notified under an earlier plan."""
    if window.opens_at > now:
        return PlannedWindow(room_id, window, WindowStatus.PLANNED, openings=openings)
    late = "broadcast.late" in types
    if "broadcast.interrupted" in types:
        return PlannedWindow(room_id, window, WindowStatus.INTERRUPTED, late)
    if window.closes_at > now:
        return PlannedWindow(room_id, window, WindowStatus.LATE if late else WindowStatus.OPEN, late)
    if "broadcast.missed" in types:
        return PlannedWindow(room_id, window, WindowStatus.MISSED)
    if "broadcast.completed" in types:
        return PlannedWindow(room_id, window, WindowStatus.LATE if late else WindowStatus.DONE, late)
    return PlannedWindow(room_id, window, WindowStatus.LATE if late else WindowStatus.NO_DATA, late)


def _window_notices(context: AppContext, room_id: str, now: int) -> list[WindowNotice]:
    """The room's `broadcast.*` notices of the shown period, from its timeline."""
    since = str(now - PAST_MS - HOUR)
    notices = []
    for entry in outline.read(context.client, room_id, before=None, count=ENTRIES_MAX, since=since):
        at = int(entry.event_id.partition("-")[0])
        for _, kind, *window in codec.decode(entry.notices) if entry.notices else ():
            if kind.startswith("broadcast."):
                opens_at = from_rfc3339(window[0]) if window else None
                output = Output(window[1]) if len(window) > 1 and window[1] in OTHER_OUTPUTS else Output.HLS
                notices.append(WindowNotice(at, kind, opens_at, output))
    return notices


def _streams(context: AppContext, room_id: str) -> list[Stream]:
    newest = newest_streams(context.client, room_id, STREAMS_MAX)
    return [stream for stream in reversed(newest) if stream.output in ON_AIR_OUTPUTS]


def _seen_since(stream: Stream, since: int) -> bool:
    return stream.started_at is not None and (stream.live or (stream.ended_at or 0) > since)


def _on_air(stream: Stream, now: int) -> OnAirSpan:
    started_at = stream.started_at or stream.opened_at
    until = now if stream.live else (stream.ended_at or started_at)
    return OnAirSpan(started_at, max(started_at, until), not stream.live, stream.because)
