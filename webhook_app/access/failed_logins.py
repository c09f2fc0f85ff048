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

log = logger()


@dataclass(frozen=True, slots=True)
class ThrottleLimits:
    """When a client network is throttled, and what counting its failures may take.

    `store_waiters` is how many requests count in the store at once; further ones are counted by this process only.
    `store_pause_s` is how long the store is not used after an error.
    """

    window_s: float = 60.0
    failures: int = 10  # of one network in a window
    networks: int = 4_096
    store_timeout_s: float = 0.5
    store_waiters: int = 4
    store_pause_s: float = 5.0
    log_every_s: float = 1.0


@dataclass
class _LocalCount:
    """A network in this process: failures since the window began, and until when it is throttled."""

    started_at: float
    failures: int = 0
    throttled_until: float = 0.0


class FailedLogins:
    """Counts wrong tokens by client network: in the store for all processes, and in memory while it is unavailable."""

    def __init__(
        self,
        shared: LoginFailures,
        limits: ThrottleLimits = ThrottleLimits(),
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._shared = shared
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._local: OrderedDict[str, _LocalCount] = OrderedDict()
        self._waiters = threading.BoundedSemaphore(limits.store_waiters)
        self._store_again_at = 0.0
        self._log_again_at = 0.0

    def failed(self, address: str) -> int:
        """Count a wrong token from an address; return the seconds to wait, 0 while below the limit."""
        network, now = client_network(address), self._clock()
        local = self._count_here(network, now)
        if local.throttled_until > now:
            return max(1, ceil(local.throttled_until - now))
        shared = self._count_in_store(network)
        failures, left_s = shared or (local.failures, local.started_at + self._limits.window_s - now)
        if failures <= self._limits.failures:
            return 0
        local.throttled_until = now + left_s
        if now >= self._log_again_at:
            self._log_again_at = now + self._limits.log_every_s
            log.warning("wrong tokens are throttled", address=address, failures=failures, seconds=round(left_s))
        return max(1, ceil(left_s))

    def _count_here(self, network: str, now: float) -> _LocalCount:
        with self._lock:
            local = self._local.get(network)
            if local is None or now - local.started_at >= self._limits.window_s:
                local = self._local[network] = _LocalCount(now)
            local.failures += 1
            self._local.move_to_end(network)
            while len(self._local) > self._limits.networks:
                self._local.popitem(last=False)
            return local

    def _count_in_store(self, network: str) -> tuple[int, float] | None:
        if self._clock() < self._store_again_at or not self._waiters.acquire(blocking=False):
            return None
        try:
            failures, left_ms = self._shared.count(network)
        except (*STORE_ERRORS, OSError):
            self._store_again_at = self._clock() + self._limits.store_pause_s
            return None
        finally:
            self._waiters.release()
        return failures, left_ms / 1000
