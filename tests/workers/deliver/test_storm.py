"""Random failures around deliver workers: faults, workers killed at any moment, concurrent changes by operators.

When the air is clear again every notice has reached everybody it was for, or is visibly dead, and no index remembers
anything else.
"""

import asyncio
import random
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.deliverer_factory import deliverer
from tests.support.delivery_harness import DeliveryHarness
from tests.support.pauses import pace_async, slow_answer_async
from tests.support.polling import scaled_limit
from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.domain.delivery.subscriber import Ordering
from webhook_app.store import keys
from webhook_app.store.deliveries.records import DeliveryRecords

ROOMS = ("a", "b", "c")
ANSWERS = (200, 200, 200, 200, 500, 503, 429)
TURNS = 20
CLEAR_WITHIN_S = scaled_limit(25.0)


class Storm:
    """What may happen, drawn from a seed."""

    def __init__(self, harness: Any, seed: Any) -> None:
        self.harness, self.draw = harness, random.Random(seed)
        self.steady: dict[str, dict[str, Any]] = {
            "plain": {},
            "order": {"ordering": Ordering.ROOM},
            "paced": {"rate_limit": 200},
        }
        harness.endpoint.on_take = self.dawdle
        self.fickle = ("deleted", "disabled", "turned")
        for name, more in self.steady.items():
            harness.subscribe(name, **more)
        for name in self.fickle:
            harness.subscribe(name, ordering=self.draw.choice(list(Ordering)))

    async def blow(self) -> None:
        """Run short-lived workers, two at a time, while the rest happens."""
        lives: list[asyncio.Task[None]] = []
        for _ in range(TURNS):
            for _ in range(self.draw.randrange(8)):
                self.harness.announce(room=self.draw.choice(ROOMS))
            for path in ("/plain", "/order", "/paced", "/deleted", "/disabled", "/turned"):
                self.harness.endpoint.answers[path] = [self.draw.choice(ANSWERS) for _ in range(3)] + [200]
            self.happen()
            while len(lives) < 2:
                lives.append(asyncio.create_task(self.live_and_die()))
            await pace_async(self.draw.random() * 0.06)
            lives = [current for current in lives if not current.done()]
        await asyncio.gather(*lives)

    async def dawdle(self) -> None:
        """Delay the response, so that a delivery made due again meanwhile is leased by two workers."""
        await slow_answer_async(self.draw.random() ** 3 * 0.1)

    async def live_and_die(self) -> None:
        """A process that is killed: whatever it holds is gone, and settles nothing."""
        async with deliverer(self.harness.client, self.harness.store_url) as current:
            run = asyncio.create_task(current.run())
            await asyncio.wait([run], timeout=self.draw.random() * 0.15)
            run.cancel()
            await current.abandon()
            await asyncio.gather(run, return_exceptions=True)

    def happen(self) -> None:
        """One thing that a person, the clock or bad luck does."""
        harness, draw = self.harness, self.draw
        act = draw.choice(("due", "due", "retry", "retry", "delete", "toggle", "turn", "break", "enable"))
        if act == "due":
            harness.make_due()
        elif act == "retry" and (deliveries := harness.deliveries()):
            delivery, records = draw.choice(deliveries), DeliveryRecords(harness.client)
            now = int(time.time() * 1000)
            if delivery.state is DeliveryState.PENDING:
                records.make_due_now(delivery, now=now)
            else:
                records.retry(delivery, now=now)
        elif act == "delete":
            harness.subscribers.delete("sub_deleted")
        elif act == "toggle":
            harness.subscribers.change(
                "sub_disabled", lambda subscriber: replace(subscriber, enabled=not subscriber.enabled)
            )
        elif act == "turn":
            other = draw.choice(list(Ordering))
            harness.subscribers.change("sub_turned", lambda subscriber: replace(subscriber, ordering=other))
        elif act == "break":
            name = draw.choice([*self.steady, *self.fickle])
            harness.client.hset(
                keys.BREAKERS_OPEN_UNTIL, f"sub_{name}", int(time.time() * 1000) + draw.randrange(2_000)
            )
        elif act == "enable":
            harness.subscribers.reset_health(f"sub_{draw.choice([*self.steady, *self.fickle])}")

    async def clear(self) -> None:
        """Let every endpoint answer and one worker run until no delivery is queued."""
        harness, until = self.harness, time.monotonic() + CLEAR_WITHIN_S
        harness.endpoint.answers.clear()
        harness.endpoint.on_take = None
        async with deliverer(harness.client, harness.store_url) as current:
            while time.monotonic() < until:
                harness.make_due()  # leases of the dead run out, retries are due
                await current.run()
                if not harness.client.exists(keys.SUBSCRIBERS_DUE) and not harness.client.exists(keys.RECOVERIES):
                    return


@pytest.mark.parametrize("seed", range(2))
def test_after_random_failures_every_notice_was_delivered_and_no_queue_has_leftovers(
    harness: DeliveryHarness, seed: int
) -> None:
    storm = Storm(harness, seed)

    async def run() -> None:
        async with harness.open(0):
            await storm.blow()
            await storm.clear()

    asyncio.run(run())
    expected = set(range(1, harness.notice_count + 1))
    for name in storm.steady:
        assert {post.json["data"]["sequence"] for post in harness.endpoint.at(f"/{name}")} == expected, name
        assert {delivery.state for delivery in harness.deliveries(name)} == {DeliveryState.DELIVERED}
    for room in ROOMS:
        first = list(
            dict.fromkeys(
                post.json["data"]["sequence"]
                for post in harness.endpoint.at("/order")
                if post.json["data"]["room_id"] == room
            )
        )
        assert first == sorted(first)
    assert {delivery.state for delivery in harness.deliveries()} <= {DeliveryState.DELIVERED, DeliveryState.DEAD}
    for state in DeliveryState:
        assert harness.index(state.value) == {
            delivery.delivery_id for delivery in harness.deliveries() if delivery.state == state
        }
    left = {
        key.decode()
        for pattern in ("tally:subscriber:*:queue:*", "tally:subscriber:*:due", keys.SUBSCRIBERS_DUE, keys.RECOVERIES)
        for key in harness.client.scan_iter(pattern)
    }
    assert left == set()
