"""An endpoint's health: how much it is trusted with at once, and whether a failure is its own or ours."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from webhook_app.domain.times import DAY, MINUTE, SECOND

INITIAL_LIMIT = 2
BREAKER_THRESHOLD = 10
FAILURE_SCORES = {"timeout": 3}
BREAKER_FIRST_PAUSE_MS = 30 * SECOND
BREAKER_MAX_PAUSE_MS = 10 * MINUTE
BREAKER_PROBE_MS = 20 * SECOND
GIVE_UP_AFTER_MS = 5 * DAY
GIVE_UP_FAILURES = 10
OFFLINE_HOSTS = 2
OFFLINE_WINDOW_MS = 60 * SECOND
HOSTS_MAX = 1_000
NETWORK_ERRORS = frozenset({"dns", "refused", "timeout", "tls", "not-http"})


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """How many attempts may be in flight to one endpoint: few at first, more with each success, one after a time-out.

    `proven` says that the last attempt was answered; the others share a part of the room, so that a thousand
    endpoints that hang leave the healthy ones theirs.
    """

    limit: int = INITIAL_LIMIT
    healthy: bool = False

    def after(self, error: str | None, *, at_most: int) -> "ConcurrencyLimit":
        """The pace after an attempt that ended this way."""
        if error is None:
            return (
                self
                if self.healthy and self.limit >= at_most
                else ConcurrencyLimit(min(self.limit + 1, at_most), healthy=True)
            )
        if error == "timeout":
            return ConcurrencyLimit(1, healthy=False)
        return replace(self, limit=max(1, self.limit // 2))


def failure_score(error: str | None) -> int:
    """How much a failure counts towards opening the breaker at `TRIP_POINTS`."""
    return FAILURE_SCORES.get(error or "", 1)


def shows_connectivity(error: str | None) -> bool:
    """Whether somebody outside has answered: an address that we refuse to reach shows nothing about the network."""
    return error not in NETWORK_ERRORS and error != "blocked"


class ConnectivityMonitor:
    """Whether we can reach anybody at all: failures of unrelated hosts, with no answer from any, are ours."""

    def __init__(self) -> None:
        self._lost = False
        self._answered_at: int | None = None
        self._failed: OrderedDict[str, int] = OrderedDict()

    def note(self, host: str, error: str | None, at: int) -> bool:
        """An attempt at a host ended this way; whether we are cut off now. Any answer shows the network is there."""
        if shows_connectivity(error):
            self._answered_at, self._lost = at, False
            self._failed.clear()
            return False
        if error == "blocked":
            return self.cut_off(at)
        self._failed[host] = at
        self._failed.move_to_end(host)
        if len(self._failed) > HOSTS_MAX:
            self._failed.popitem(last=False)
        self._lost = self.cut_off(at)
        return self._lost

    def cut_off(self, at: int) -> bool:
        """Whether all that were tried within a minute, hosts that share nothing, failed, and nobody answered since."""
        if self._lost:
            return True
        if self._answered_at is not None and at - self._answered_at < OFFLINE_WINDOW_MS:
            return False
        lately = sum(1 for moment in self._failed.values() if at - moment < OFFLINE_WINDOW_MS)
        return lately >= OFFLINE_HOSTS
