"""MAX_STREAMS on the pages: how many streams are on air, and when more windows are open at once than it allows."""

from dataclasses import dataclass

from webhook_app.domain.rules.rule import Config
from webhook_app.domain.schedules.errors import ScheduleError
from webhook_app.domain.schedules.occurrences import over_quota
from webhook_app.domain.schedules.schedule import RoomWindow
from webhook_app.domain.times import MINUTE


@dataclass(frozen=True, slots=True)
class Crowded:
    """The moments of the next 35 days (ms) at which more windows are open than allowed, with how many."""

    limit: int
    moments: tuple[tuple[int, int], ...]

    @property
    def peak(self) -> tuple[int, int] | None:
        """The moment with the most windows, the soonest of them, and how many."""
        return max(self.moments, key=lambda pair: (pair[1], -pair[0]), default=None)

    def during(self, window: RoomWindow) -> int | None:
        """The most windows that are open at once during one that takes part in it, or None."""
        counts = [count for moment, count in self.moments if window.opens_at <= moment < window.closes_at]
        return max(counts, default=None)


class Quota:
    """Computes the crowded moments once a minute and configuration: pages refresh at each event."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._known: tuple[tuple[int, list[str], Config], Crowded | None] | None = None

    def crowded(self, config: Config, room_ids: list[str], now: int) -> Crowded | None:
        """When the windows of these rooms exceed MAX_STREAMS; None without it, or when they are too many to count."""
        if self._limit is None:
            return None
        key = (now // MINUTE, room_ids, config)
        if self._known is None or self._known[0] != key:
            self._known = (key, _crowded(config, room_ids, now, self._limit))
        return self._known[1]


def _crowded(config: Config, room_ids: list[str], now: int, limit: int) -> Crowded | None:
    try:
        return Crowded(limit, tuple(over_quota(config, room_ids, at=now, limit=limit)))
    except ScheduleError:
        return None
