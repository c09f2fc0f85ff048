"""Throttles wrong tokens in the API and at the log-in of the console.

Valid tokens are never throttled, so an attacker cannot lock anyone out. Tokens have at least 16 characters, so the
throttle is not what prevents successful guesses: it keeps guessing cheap to handle, and visible in the log.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from time import monotonic

from webhook_app.access.client_address import client_network
from webhook_app.runtime.logs import logger
from webhook_app.store.access.login_failures import LoginFailures
from webhook_app.store.connection.clients import STORE_ERRORS

WINDOW_S = 60.0
FAILURES_MAX = 10  # of one network in a window
NETWORKS_MAX = 4_096
STORE_TIMEOUT_S = 0.5
STORE_WAITERS_MAX = 4  # further requests are counted by this process only
STORE_PAUSE_S = 5.0  # after an error
LOG_EVERY_S = 1.0  # at most, however many addresses try
log = logger()


@dataclass
class _LocalCount:
    """A network in this process: failures since the window began, and until when it is throttled."""

    began_at: float
    failures: int = 0
    throttled_until: float = 0.0


class FailedLogins:
    """Counts wrong tokens by client network: in the store for all processes, and in memory while it is unavailable."""

    def __init__(self, shared: LoginFailures, *, clock: Callable[[], float] = monotonic) -> None:
        self._shared = shared
        self._clock = clock
        self._lock = threading.Lock()
        self._local: OrderedDict[str, _LocalCount] = OrderedDict()
        self._waiters = threading.BoundedSemaphore(STORE_WAITERS_MAX)
        self._store_again_at = 0.0
        self._log_again_at = 0.0

    def failed(self, address: str) -> int:
        """Count a wrong token from an address; return the seconds to wait, 0 while below the limit."""
        network, now = client_network(address), self._clock()
        local = self._count_here(network, now)
        if local.throttled_until > now:
            return max(1, ceil(local.throttled_until - now))
        shared = self._count_in_store(network)
        failures, left_s = shared or (local.failures, local.began_at + WINDOW_S - now)
        if failures <= FAILURES_MAX:
            return 0
        local.throttled_until = now + left_s
        if now >= self._log_again_at:
            self._log_again_at = now + LOG_EVERY_S
            log.warning("wrong tokens are throttled", address=address, failures=failures, seconds=round(left_s))
        return max(1, ceil(left_s))

    def _count_here(self, network: str, now: float) -> _LocalCount:
        with self._lock:
            local = self._local.get(network)
            if local is None or now - local.began_at >= WINDOW_S:
                local = self._local[network] = _LocalCount(now)
            local.failures += 1
            self._local.move_to_end(network)
            while len(self._local) > NETWORKS_MAX:
                self._local.popitem(last=False)
            return local

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
