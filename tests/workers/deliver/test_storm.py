"""A storm over deliver hands: faults, hands that die at any moment, and people who change things meanwhile.

When the air is clear again every notice has reached everybody it was for, or is visibly dead, and no index remembers
anything else.
"""

import asyncio
import random
import time
from dataclasses import replace

import pytest

from tests.support.deliverer_factory import deliverer
from tests.support.polling import patient
from webhook_app.domain.delivery.delivery import DeliveryState, Ordering
from webhook_app.store import keys
from webhook_app.store.delivery_records import DeliveryRecords

ROOMS = ("a", "b", "c")
ANSWERS = (200, 200, 200, 200, 500, 503, 429)
TURNS = 20
CLEAR_WITHIN_S = patient(25.0)


class Storm:
    """What may happen, drawn from a seed."""

    def __init__(self, office, seed):
        self.office, self.draw = office, random.Random(seed)
        self.steady = {"plain": {}, "order": {"ordering": Ordering.ROOM}, "paced": {"rate_limit": 200}}
        office.endpoint.on_take = self.dawdle
        self.fickle = ("deleted", "disabled", "turned")
        for name, more in self.steady.items():
            office.subscribe(name, **more)
        for name in self.fickle:
            office.subscribe(name, ordering=self.draw.choice(list(Ordering)))

    async def blow(self):
        """Hands that live for a moment each, two at a time, while everything else happens."""
        hands = []
        for _ in range(TURNS):
            for _ in range(self.draw.randrange(8)):
                self.office.tell(room=self.draw.choice(ROOMS))
            for path in ("/plain", "/order", "/paced", "/deleted", "/disabled", "/turned"):
                self.office.endpoint.answers[path] = [self.draw.choice(ANSWERS) for _ in range(3)] + [200]
            self.happen()
            while len(hands) < 2:
                hands.append(asyncio.create_task(self.live_and_die()))
            await asyncio.sleep(self.draw.random() * 0.06)
            hands = [one for one in hands if not one.done()]
        await asyncio.gather(*hands)

    async def dawdle(self):
        """Answers take a while, so that what is made due again meanwhile is in the hands of two."""
        await asyncio.sleep(self.draw.random() ** 3 * 0.1)

    async def live_and_die(self):
        """A process that is killed: whatever it holds is gone, and settles nothing."""
        async with deliverer(self.office.client, self.office.store_url) as hand:
            run = asyncio.create_task(hand.run())
            await asyncio.wait([run], timeout=self.draw.random() * 0.15)
            run.cancel()
            for lane in list(hand._lines._lanes):
                lane.cancel()
            hand._settled.clear()
            hand._tallies.clear()
            await asyncio.gather(run, *hand._lines._lanes, return_exceptions=True)

    def happen(self):
        """One thing that a person, the clock or bad luck does."""
        office, draw = self.office, self.draw
        act = draw.choice(("due", "due", "retry", "retry", "delete", "toggle", "turn", "break", "enable"))
        if act == "due":
            office.make_due()
        elif act == "retry" and (known := office.deliveries()):
            one, records = draw.choice(known), DeliveryRecords(office.client)
            act = records.hasten if one.state is DeliveryState.PENDING else records.retry
            act(one, now=int(time.time() * 1000))
        elif act == "delete":
            office.subscribers.delete("sub_deleted")
        elif act == "toggle":
            office.subscribers.change("sub_disabled", lambda one: replace(one, enabled=not one.enabled))
        elif act == "turn":
            other = draw.choice(list(Ordering))
            office.subscribers.change("sub_turned", lambda one: replace(one, ordering=other))
        elif act == "break":
            name = draw.choice([*self.steady, *self.fickle])
            office.client.hset(keys.SUBSCRIBERS_OPEN, f"sub_{name}", int(time.time() * 1000) + draw.randrange(2_000))
        elif act == "enable":
            office.subscribers.forgive(f"sub_{draw.choice([*self.steady, *self.fickle])}")

    async def clear(self):
        """Everybody answers and one hand lives, until nothing is in line."""
        office, until = self.office, time.monotonic() + CLEAR_WITHIN_S
        office.endpoint.answers.clear()
        office.endpoint.on_take = None
        async with deliverer(office.client, office.store_url) as hand:
            while time.monotonic() < until:
                office.make_due()  # leases of the dead run out, retries are due
                await hand.run()
                if not office.client.exists(keys.SUBSCRIBERS_DUE) and not office.client.exists(keys.RECOVERIES):
                    return


@pytest.mark.parametrize("seed", range(2))
def test_after_a_storm_everybody_was_told_and_nothing_is_left_in_line(office, seed):
    storm = Storm(office, seed)

    async def run():
        async with office.open(0):
            await storm.blow()
            await storm.clear()

    asyncio.run(run())
    told = set(range(1, office.told + 1))
    for name in storm.steady:
        assert {post.json["data"]["sequence"] for post in office.endpoint.at(f"/{name}")} == told, name
        assert {one.state for one in office.deliveries(name)} == {DeliveryState.DELIVERED}
    for room in ROOMS:
        first = list(
            dict.fromkeys(
                post.json["data"]["sequence"]
                for post in office.endpoint.at("/order")
                if post.json["data"]["room_id"] == room
            )
        )
        assert first == sorted(first)
    assert {one.state for one in office.deliveries()} <= {DeliveryState.DELIVERED, DeliveryState.DEAD}
    for state in DeliveryState:
        assert office.index(state.value) == {one.delivery_id for one in office.deliveries() if one.state == state}
    left = {
        key.decode()
        for pattern in ("tally:subscriber:*:queue:*", "tally:subscriber:*:due", keys.SUBSCRIBERS_DUE, keys.RECOVERIES)
        for key in office.client.scan_iter(pattern)
    }
    assert left == set()
