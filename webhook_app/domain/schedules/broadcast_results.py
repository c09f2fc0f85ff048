"""Matches the `broadcast.*` notices of a room to the windows that they are about."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.outputs import Output
from webhook_app.domain.schedules.schedule import RoomWindow

# A close is announced when its timer fires, or later if a process was down: this long after a close, a notice is its.
NOTICE_DELAY_MAX_MS = 120_000
ENDINGS = frozenset({NoticeType.BROADCAST_MISSED, NoticeType.BROADCAST_COMPLETED})


@dataclass(frozen=True, slots=True)
class WindowNotice:
    """A `broadcast.*` notice: when it was made (ms), its type, and when the window that it names opens (ms), of which
    output.

    `opens_at` is None in what earlier versions stored.
    """

    at: int
    type: str
    opens_at: int | None = None
    output: Output = Output.HLS


def match_notices(windows: Sequence[RoomWindow], notices: Iterable[WindowNotice]) -> list[frozenset[str]]:
    """Return the types of the notices about each window; `windows` do not overlap and stand in order of opening.

    1. A notice that names its window belongs to the window that is open at that opening. Windows that touch share
       no moment, so what is announced at a close is never taken for the window that opens then.
    2. One that names an earlier opening than any here belongs to the first window if that began before the notice:
       only a part of a window that lasts for days may be passed in.
    3. A notice of an earlier version names no window: the end of a window is announced at its close, all else inside.
    """
    openings = [window.opens_at for window in windows]
    types: list[set[str]] = [set() for _ in windows]
    for notice in notices:
        index = _index_of(windows, openings, notice)
        if index is not None:
            types[index].add(notice.type)
    return [frozenset(window_types) for window_types in types]


def _index_of(windows: Sequence[RoomWindow], openings: Sequence[int], notice: WindowNotice) -> int | None:
    if notice.opens_at is None:
        return _by_time(windows, openings, notice)
    index = bisect_right(openings, notice.opens_at) - 1
    if index >= 0:
        return index if notice.opens_at < windows[index].closes_at else None
    return 0 if windows and windows[0].opens_at < notice.at <= windows[0].closes_at + NOTICE_DELAY_MAX_MS else None


def _by_time(windows: Sequence[RoomWindow], openings: Sequence[int], notice: WindowNotice) -> int | None:
    if notice.type in ENDINGS:
        near = [
            index for index, window in enumerate(windows) if abs(notice.at - window.closes_at) < NOTICE_DELAY_MAX_MS
        ]
        return min(near, key=lambda index: abs(notice.at - windows[index].closes_at), default=None)
    index = bisect_right(openings, notice.at) - 1
    return index if index >= 0 and notice.at < windows[index].closes_at else None
