"""Refuse at once while the store is silent, instead of letting every caller wait for it. For one event loop."""

from collections.abc import Awaitable, Callable
from time import monotonic

import redis

from webhook_app.store.connection.clients import Client, StoreUnavailableError

RETRY_AFTER_S = 0.5

Probe = Callable[[], Awaitable[None]]


class CircuitBreaker:
    """Opens when the store did not answer in time. While it is open one caller at a time probes the store.

    A store that answers anything, a refusal too, closes it: refusals are quick.
    """

    def __init__(self, probe: Probe, *, now: Callable[[], float] = monotonic) -> None:
        self._probe = probe
        self._now = now
        self._open = False
        self._probing = False
        self._probe_at = 0.0

    async def admit(self) -> None:
        """Let a caller pass, after a probe if one is due; StoreUnavailable while the store is silent."""
        if not self._open:
            return
        if self._probing or self._now() < self._probe_at:
            raise StoreUnavailableError("the store does not answer")
        self._probing = True
        try:
            await self._probe()
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise StoreUnavailableError(str(error)) from error
        except redis.RedisError:
            self._open = False
        else:
            self._open = False
        finally:
            self._probing = False
            self._probe_at = self._now() + RETRY_AFTER_S

    def open(self) -> None:
        """Have callers refused until a probe is answered."""
        self._open = True
        self._probe_at = self._now() + RETRY_AFTER_S


def probe_with(client: Client) -> Probe:
    """A probe that asks the store for its time, which it tells whatever else it refuses."""

    async def probe() -> None:
        await client.time()

    return probe
