"""A room's week: the windows of its schedules, and when it actually was on air."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from webhook_app.console.components.lamps import ON_AIR_OUTPUTS
from webhook_app.domain.rules.config import Config
from webhook_app.domain.rules.rule import Rule
from webhook_app.domain.schedules.broadcast_results import WindowNotice, match_notices
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.schedule import RoomWindow, merge_windows, next_windows
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
    """A window with its status; `late` when it started late and has another status.

    `openings` are the occurrences in it that can be skipped or unskipped: pairs of a rule's name and a time in ms.
    """

    room_id: str
    window: RoomWindow
    status: WindowStatus
    late: bool = False
    openings: Sequence[tuple[str, int]] = ()


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
    requested = []
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
                unmerged.append(PlannedWindow(room_id, own, WindowStatus.SKIPPED, openings=openings))
            elif rule.paused:
                if window.closes_at > now:
                    unmerged.append(PlannedWindow(room_id, own, WindowStatus.PAUSED))
            else:
                requested.append((rule.name, rule.start, window))
    merged = merge_windows(requested)
    types_by_window = match_notices(merged, _window_notices(context, room_id, now))
    openings_in = _openings(merged, [(name, window.opens_at) for name, _, window in requested])
    planned = unmerged + [
        _with_status(room_id, window, notice_types, now, inside)
        for window, notice_types, inside in zip(merged, types_by_window, openings_in, strict=True)
    ]
    return Week(
        room_id=room_id,
        name=config.room_name(room_id) or room_id,
        planned=sorted(planned, key=lambda window: window.window.opens_at),
        on_air=[_on_air(stream, now) for stream in _streams(context, room_id) if _seen_since(stream, since)],
    )


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
        for _, kind, *opens_at in codec.decode(entry.notices) if entry.notices else ():
            if kind.startswith("broadcast."):
                notices.append(WindowNotice(at, kind, from_rfc3339(opens_at[0]) if opens_at else None))
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
