"""MAX_STREAMS on the pages: how many streams are on air, and when more windows are open at once than it allows."""

from dataclasses import dataclass

from webhook_app.api.context import Context
from webhook_app.api.rule_warnings import rooms_with_windows
from webhook_app.domain.occurrences import over_quota
from webhook_app.domain.rules import Config
from webhook_app.domain.schedule import RoomWindow
from webhook_app.domain.schedules.openings import ScheduleError
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
    """Computes the crowded moments once a minute and configuration, as pages refresh more often than that."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: tuple[tuple[str, int], Crowded] | None = None

    def crowded(self, config: Config, now: int) -> Crowded | None:
        """When windows exceed MAX_STREAMS; None without the setting, or when there are too many to count."""
        limit = self._context.max_streams
        if limit is None:
            return None
        key = (self._context.state.cursor(), now // MINUTE)
        if self._known is not None and self._known[0] == key:
            return self._known[1]
        try:
            moments = tuple(over_quota(config, rooms_with_windows(self._context, config), at=now, limit=limit))
        except ScheduleError:
            return None
        found = Crowded(limit, moments)
        self._known = (key, found)
        return found
