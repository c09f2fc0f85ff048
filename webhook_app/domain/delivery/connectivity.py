"""Tells failures of our own network from failures of endpoints."""

from collections import OrderedDict

from webhook_app.domain.delivery.delivery import AttemptError
from webhook_app.domain.times import SECOND

OFFLINE_HOSTS = 2
OFFLINE_WINDOW_MS = 60 * SECOND
HOSTS_MAX = 1_000
NETWORK_ERRORS = frozenset(
    {AttemptError.DNS, AttemptError.REFUSED, AttemptError.TIMEOUT, AttemptError.TLS, AttemptError.NOT_HTTP}
)


def shows_connectivity(error: AttemptError | None) -> bool:
    """Whether an attempt that ended this way reached a host. A blocked address shows nothing about the network."""
    return error not in NETWORK_ERRORS and error != AttemptError.BLOCKED


class ConnectivityMonitor:
    """Offline: attempts at unrelated hosts failed and none succeeded since. Such failures count against no endpoint."""

    def __init__(self) -> None:
        self._is_offline = False
        self._connected_at: int | None = None
        self._failed_at: OrderedDict[str, int] = OrderedDict()  # by host

    def record(self, host: str, error: AttemptError | None, at: int) -> bool:
        """Record how an attempt at a host ended; returns whether we are offline now."""
        if shows_connectivity(error):
            self._connected_at, self._is_offline = at, False
            self._failed_at.clear()
            return False
        if error == AttemptError.BLOCKED:
            return self.is_offline(at)
        self._failed_at[host] = at
        self._failed_at.move_to_end(host)
        if len(self._failed_at) > HOSTS_MAX:
            self._failed_at.popitem(last=False)
        self._is_offline = self.is_offline(at)
        return self._is_offline

    def is_offline(self, at: int) -> bool:
        """Whether `OFFLINE_HOSTS` hosts failed within the window, and no attempt succeeded meanwhile."""
        if self._is_offline:
            return True
        if self._connected_at is not None and at - self._connected_at < OFFLINE_WINDOW_MS:
            return False
        recent = sum(1 for moment in self._failed_at.values() if at - moment < OFFLINE_WINDOW_MS)
        return recent >= OFFLINE_HOSTS
