"""A circuit breaker for the store, for one event loop: while the store does not answer, callers fail at once."""

from collections.abc import Awaitable, Callable
from time import monotonic

import redis

from webhook_app.store.connection.clients import Client, StoreUnavailableError

RETRY_AFTER_S = 0.5

Probe = Callable[[], Awaitable[None]]


class CircuitBreaker:
    """Opens when the store does not answer in time; while it is open, one caller at a time probes the store.

    Any answer closes it, also a refusal: refusals are quick.
    """

    def __init__(self, probe: Probe, *, now: Callable[[], float] = monotonic) -> None:
        self._probe = probe
        self._now = now
        self._open = False
        self._probing = False
        self._probe_at = 0.0

    async def admit(self) -> None:
        """Let a caller pass, after a probe if one is due; StoreUnavailableError while the store does not answer."""
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
        """Refuse callers until a probe is answered."""
        self._open = True
        self._probe_at = self._now() + RETRY_AFTER_S


def probe_with(client: Client) -> Probe:
    """A probe that sends TIME, which a store answers whatever else it refuses."""

    async def probe() -> None:
        await client.time()

    return probe
