"""Refuse at once while the store is silent, instead of letting every caller wait for it."""

import threading
from collections.abc import Callable
from time import monotonic

import redis

from webhook_app.store.clients import Client, StoreUnavailable

RETRY_AFTER_S = 0.5


class Circuit:
    """Opens when the store did not answer in time. While it is open one caller at a time probes the store.

    A store that answers anything, a refusal too, closes it: refusals are quick.
    """

    def __init__(self, probe: Callable[[], None], *, now: Callable[[], float] = monotonic) -> None:
        self._probe = probe
        self._now = now
        self._lock = threading.Lock()
        self._open = False
        self._probing = False
        self._probe_at = 0.0

    def admit(self) -> bool:
        """Let a caller pass; returns whether it must call `probe` first. StoreUnavailable while the store is silent."""
        with self._lock:
            if not self._open:
                return False
            if self._probing or self._now() < self._probe_at:
                raise StoreUnavailable("the store does not answer")
            self._probing = True
            return True

    def probe(self) -> None:
        """Close the circuit if the store answers; StoreUnavailable when it does not."""
        silent = True
        try:
            self._probe()
            silent = False
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise StoreUnavailable(str(error)) from error
        except redis.RedisError:
            silent = False
        finally:
            with self._lock:
                self._probing = False
                self._open = silent
                self._probe_at = self._now() + RETRY_AFTER_S

    def open(self) -> None:
        """Have callers refused until a probe is answered."""
        with self._lock:
            self._open = True
            self._probe_at = self._now() + RETRY_AFTER_S


def probe_with(client: Client) -> Callable[[], None]:
    """A probe that asks the store for its time, which it tells whatever else it refuses."""

    def probe() -> None:
        client.time()

    return probe
