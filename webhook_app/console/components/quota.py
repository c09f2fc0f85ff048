"""Overlapping windows that exceed MAX_STREAMS, for the schedule page."""

from dataclasses import dataclass

from webhook_app.domain.rules.config import Config
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.occurrences import over_quota
from webhook_app.domain.schedules.schedule import RoomWindow
from webhook_app.domain.times import MINUTE


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Times within the next 35 days, in ms, at which more windows are open than allowed, each with their number."""

    limit: int
    moments: tuple[tuple[int, int], ...]

    @property
    def peak(self) -> tuple[int, int] | None:
        """The first time with the most windows, and their number."""
        return max(self.moments, key=lambda pair: (pair[1], -pair[0]), default=None)

    def during(self, window: RoomWindow) -> int | None:
        """Return the highest number of windows open during a window, None if the limit is not exceeded."""
        counts = [count for moment, count in self.moments if window.opens_at <= moment < window.closes_at]
        return max(counts, default=None)


class Quota:
    """Computes the overlaps at most once per minute and configuration, since pages refresh at every event."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._cached: tuple[tuple[int, list[str], Config], Overlaps | None] | None = None

    def overlaps(self, config: Config, room_ids: list[str], now: int) -> Overlaps | None:
        """Return when windows of these rooms exceed MAX_STREAMS; None without a limit or with too many windows."""
        if self._limit is None:
            return None
        key = (now // MINUTE, room_ids, config)
        if self._cached is None or self._cached[0] != key:
            self._cached = (key, _overlaps(config, room_ids, now, self._limit))
        return self._cached[1]


def _overlaps(config: Config, room_ids: list[str], now: int, limit: int) -> Overlaps | None:
    try:
        return Overlaps(limit, tuple(over_quota(config, room_ids, at=now, limit=limit)))
    except ScheduleError:
        return None
