"""A room's week: the windows that its calendars ask for, beside what was really on air."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.rules.rule import Config, Rule
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
RUNS_MAX = 60
ENTRIES_MAX = 1_000


class Fate(StrEnum):
    """What became of a window, or will."""

    PLANNED = "planned"
    OPEN = "open"
    DONE = "completed"
    LATE = "late"
    MISSED = "missed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"
    PAUSED = "paused"
    UNTOLD = "no record"


@dataclass(frozen=True, slots=True)
class Planned:
    """A window with its fate; `late` beside another fate when it began late.

    `openings` are the rules' own openings in it that can be skipped, or were: a rule's name and ms.
    """

    room_id: str
    window: RoomWindow
    fate: Fate
    late: bool = False
    openings: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class OnAir:
    """A stretch that really was on air, in ms; `ended` is false while it still is."""

    began: int
    until: int
    ended: bool
    because: str | None


@dataclass(frozen=True, slots=True)
class Week:
    """A room from a day ago until a week ahead."""

    room_id: str
    name: str
    planned: Sequence[Planned]
    on_air: Sequence[OnAir]


def week(context: AppContext, config: Config, room_id: str, rules: Iterable[Rule], now: int) -> Week:
    """What was and what is to come. Past windows are those of today's rules; their fate is what was told of them."""
    since, until = now - PAST_MS, now + AHEAD_MS
    asked = []
    apart: list[Planned] = []
    for rule in rules:
        assert rule.schedule is not None
        try:
            windows = next_windows(rule.schedule, since, until, config.calendars, WINDOWS_MAX)
        except ScheduleError:
            continue  # an alarm and the rule's page say so
        for window in windows:
            own = RoomWindow(window.opens_at, window.closes_at, (rule.name,))
            if window.opens_at in rule.skipped:
                openings = [(rule.name, window.opens_at)] if window.closes_at > now else []
                apart.append(Planned(room_id, own, Fate.SKIPPED, openings=openings))
            elif rule.paused:
                if window.closes_at > now:
                    apart.append(Planned(room_id, own, Fate.PAUSED))
            else:
                asked.append((rule.name, rule.start, window))
    stretches = merge_windows(asked)
    types = match_notices(stretches, _window_notices(context, room_id, now))
    openings_in = _openings(stretches, [(name, one.opens_at) for name, _, one in asked])
    planned = apart + [
        _with_fate(room_id, window, told, now, inside)
        for window, told, inside in zip(stretches, types, openings_in, strict=True)
    ]
    return Week(
        room_id=room_id,
        name=config.room_name(room_id) or room_id,
        planned=sorted(planned, key=lambda one: one.window.opens_at),
        on_air=[_on_air(run, now) for run in _runs(context, room_id) if _seen_since(run, since)],
    )


def _openings(stretches: Sequence[RoomWindow], asked: Sequence[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    """The rules' own openings in each stretch, soonest first."""
    begins = [stretch.opens_at for stretch in stretches]
    found: list[list[tuple[str, int]]] = [[] for _ in stretches]
    for name, opens_at in sorted(asked, key=lambda pair: (pair[1], pair[0])):
        at = bisect_right(begins, opens_at) - 1
        if at >= 0 and opens_at < stretches[at].closes_at:
            found[at].append((name, opens_at))
    return found


def _with_fate(
    room_id: str, window: RoomWindow, types: frozenset[str], now: int, openings: Sequence[tuple[str, int]]
) -> Planned:
    """A window with what was told of it. One that is still open has no end yet, whatever an earlier plan said."""
    if window.opens_at > now:
        return Planned(room_id, window, Fate.PLANNED, openings=openings)
    late = "broadcast.late" in types
    if "broadcast.interrupted" in types:
        return Planned(room_id, window, Fate.INTERRUPTED, late)
    if window.closes_at > now:
        return Planned(room_id, window, Fate.LATE if late else Fate.OPEN, late)
    if "broadcast.missed" in types:
        return Planned(room_id, window, Fate.MISSED)
    if "broadcast.completed" in types:
        return Planned(room_id, window, Fate.LATE if late else Fate.DONE, late)
    return Planned(room_id, window, Fate.LATE if late else Fate.UNTOLD, late)


def _window_notices(context: AppContext, room_id: str, now: int) -> list[WindowNotice]:
    """The room's `broadcast.*` notices of the span that is shown, as its timeline has them."""
    since = str(now - PAST_MS - HOUR)
    notices = []
    for entry in outline.read(context.client, room_id, before=None, count=ENTRIES_MAX, since=since):
        at = int(entry.event_id.partition("-")[0])
        for _, kind, *opens_at in codec.decode(entry.notices) if entry.notices else ():
            if kind.startswith("broadcast."):
                notices.append(WindowNotice(at, kind, from_rfc3339(opens_at[0]) if opens_at else None))
    return notices


def _runs(context: AppContext, room_id: str) -> list[Stream]:
    return newest_streams(context.client, room_id, RUNS_MAX)[::-1]


def _seen_since(run: Stream, since: int) -> bool:
    return run.started_at is not None and (run.live or (run.ended_at or 0) > since)


def _on_air(run: Stream, now: int) -> OnAir:
    began = run.started_at or run.opened_at
    until = now if run.live else (run.ended_at or began)
    return OnAir(began, max(began, until), not run.live, run.because)
