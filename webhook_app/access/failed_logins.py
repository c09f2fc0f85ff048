"""Throttles wrong tokens, at the console's log-in and in the API alike.

A right token is never throttled, so nobody can lock anybody out; tokens have 16 characters or more, so this is not what
keeps guessing from succeeding. It keeps guessing from costing much, and makes it visible.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from time import monotonic

from webhook_app.access.client_address import client_network
from webhook_app.ops.logs import logger
from webhook_app.store.access.login_failures import LoginFailures
from webhook_app.store.connection.clients import STORE_ERRORS

WINDOW_S = 60.0
FAILURES_MAX = 10  # of one network in a window
NETWORKS_MAX = 4_096
STORE_TIMEOUT_S = 0.5
STORE_WAITERS_MAX = 4  # further requests are counted in this process alone
STORE_PAUSE_S = 5.0  # after it did not answer
LOG_EVERY_S = 1.0  # at most, however many addresses try
log = logger()


@dataclass
class _Local:
    """What this process knows of a network: failures since the window began, and until when it is throttled."""

    began_at: float
    failures: int = 0
    throttled_until: float = 0.0


class FailedLogins:
    """Counts wrong tokens by client network, in the store for all processes, and here while the store is away."""

    def __init__(self, shared: LoginFailures, *, clock: Callable[[], float] = monotonic) -> None:
        self._shared = shared
        self._clock = clock
        self._lock = threading.Lock()
        self._local: OrderedDict[str, _Local] = OrderedDict()
        self._waiters = threading.BoundedSemaphore(STORE_WAITERS_MAX)
        self._store_again_at = 0.0
        self._log_again_at = 0.0

    def failed(self, address: str) -> int:
        """Count a wrong token from an address; the seconds to wait before the next, 0 when it may come at once."""
        network, now = client_network(address), self._clock()
        known = self._count_here(network, now)
        if known.throttled_until > now:
            return max(1, ceil(known.throttled_until - now))
        shared = self._count_in_store(network)
        failures, left_s = shared or (known.failures, known.began_at + WINDOW_S - now)
        if failures <= FAILURES_MAX:
            return 0
        known.throttled_until = now + left_s
        if now >= self._log_again_at:
            self._log_again_at = now + LOG_EVERY_S
            log.warning("wrong tokens are throttled", address=address, failures=failures, seconds=round(left_s))
        return max(1, ceil(left_s))

    def _count_here(self, network: str, now: float) -> _Local:
        with self._lock:
            known = self._local.get(network)
            if known is None or now - known.began_at >= WINDOW_S:
                known = self._local[network] = _Local(now)
            known.failures += 1
            self._local.move_to_end(network)
            while len(self._local) > NETWORKS_MAX:
                self._local.popitem(last=False)
            return known

    def _count_in_store(self, network: str) -> tuple[int, float] | None:
        if self._clock() < self._store_again_at or not self._waiters.acquire(blocking=False):
            return None
        try:
            failures, left_ms = self._shared.count(network)
        except (*STORE_ERRORS, OSError):
            self._store_again_at = self._clock() + STORE_PAUSE_S
            return None
        finally:
            self._waiters.release()
        return failures, left_ms / 1000
