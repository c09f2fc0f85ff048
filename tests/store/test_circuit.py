"""The circuit before a silent store: one caller probes, the others are refused at once."""

import asyncio

import pytest
import redis

from webhook_app.store.connection.circuit_breaker import RETRY_AFTER_S, CircuitBreaker
from webhook_app.store.connection.clients import StoreUnavailableError


class World:
    """A store that is silent or not, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.error: Exception | None = None
        self.probes = 0
        self.circuit = CircuitBreaker(self._probe, now=lambda: self.now)

    async def _probe(self) -> None:
        self.probes += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error

    def refused(self, callers: int) -> int:
        """How many of so many callers at once are refused."""

        async def call() -> int:
            calls = (self.circuit.admit() for _ in range(callers))
            results = await asyncio.gather(*calls, return_exceptions=True)
            return sum(isinstance(result, StoreUnavailableError) for result in results)

        return asyncio.run(call())


def test_a_store_that_answers_lets_everybody_pass() -> None:
    world = World()
    assert world.refused(100) == 0
    assert world.probes == 0


@pytest.mark.parametrize("silence", [redis.TimeoutError("silent"), redis.ConnectionError("refused")])
def test_while_the_store_is_silent_one_caller_at_a_time_probes(silence: Exception) -> None:
    world = World()
    world.error = silence
    world.circuit.open()
    for probes in range(3):
        assert world.refused(10) == 10
        assert world.probes == probes
        world.now += RETRY_AFTER_S
        assert world.refused(10) == 10
        assert world.probes == probes + 1


@pytest.mark.parametrize("error", [None, redis.ReadOnlyError("READONLY"), redis.ResponseError("MISCONF")])
def test_any_answer_closes_it(error: Exception | None) -> None:
    world = World()
    world.error = error
    world.circuit.open()
    world.now += RETRY_AFTER_S
    assert world.refused(1) == 0
    assert world.refused(10) == 0
    assert world.probes == 1


def test_a_probe_that_breaks_leaves_the_next_one_possible() -> None:
    world = World()
    world.error = RuntimeError("broken")
    world.circuit.open()
    world.now += RETRY_AFTER_S
    assert world.refused(1) == 0  # it raised what the probe raised
    world.now += RETRY_AFTER_S
    world.error = None
    assert world.refused(1) == 0
    assert world.probes == 2
