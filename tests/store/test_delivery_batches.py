"""Deliveries made and settled in one batch: as many as there are, and each once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.support.deliverer_factory import RETENTION_S
from webhook_app.domain.delivery.delivery import Delivery, DeliveryState
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client, connect_async
from webhook_app.store.deliveries.outbox import ExpandResult, Expansion, Outbox
from webhook_app.store.deliveries.queue import Deliveries

COUNT = 1_234  # more than one command of a script takes
SUBSCRIBER = "sub_1"
T = TypeVar("T")


def deliveries(count: int) -> list[Delivery]:
    """Deliveries to one subscriber, each of another notice."""
    return [Delivery(f"dlv_{at}", f"msg_{at}", SUBSCRIBER, created_at=at + 1, entry=f"{at}-0") for at in range(count)]


def expand(store_url: str, created: Sequence[Delivery], free_slots: int = 0) -> Sequence[ExpandResult]:
    """Make these deliveries in the store."""
    latest = {f"room-{at}|stream": at for at in range(len(created))}
    expansion = Expansion("0-0", "1-0", latest, {}, {SUBSCRIBER: free_slots}, created)

    async def work(client: Client) -> Sequence[ExpandResult]:
        results = await Outbox(client).expand(expansion)
        assert results is not None
        return results

    return on_store(store_url, work)


def settle(store_url: str, settled: Sequence[Delivery]) -> None:
    """Write these outcomes in one batch."""

    async def work(client: Client) -> None:
        await Deliveries(client, retention_s=RETENTION_S).settle(settled, {})

    on_store(store_url, work)


def on_store(store_url: str, work: Callable[[Client], Awaitable[T]]) -> T:
    """Run a coroutine with an event loop's client."""

    async def run() -> T:
        client = connect_async(store_url)
        try:
            return await work(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def with_state(delivery: Delivery, state: DeliveryState) -> Delivery:
    """The delivery after its attempt."""
    return replace(delivery, state=state, next_attempt_at=5 if state is DeliveryState.PENDING else None)


def test_a_batch_of_more_than_a_thousand_deliveries_is_made_whole(client: Client, store_url: str) -> None:
    results = expand(store_url, deliveries(COUNT), free_slots=10)
    assert results == [ExpandResult.LEASED] * 10 + [ExpandResult.WAITING] * (COUNT - 10)
    due = keys.subscriber_due(SUBSCRIBER)
    for index in (keys.DELIVERIES_PENDING, keys.DELIVERIES, keys.subscriber_deliveries(SUBSCRIBER), due):
        assert client.zcard(index) == COUNT
    assert client.zscore(keys.DELIVERIES_PENDING, f"dlv_{COUNT - 1}") == COUNT
    assert client.hlen(keys.OUTBOX_LATEST) == COUNT


def test_a_batch_of_more_than_a_thousand_outcomes_is_written_whole(client: Client, store_url: str) -> None:
    created = deliveries(COUNT)
    expand(store_url, created)
    settle(store_url, [with_state(delivery, DeliveryState.DELIVERED) for delivery in created])
    assert client.zcard(keys.DELIVERIES_PENDING) == client.zcard(keys.subscriber_due(SUBSCRIBER)) == 0
    assert client.zscore(keys.SUBSCRIBERS_DUE, SUBSCRIBER) is None


def test_of_two_outcomes_of_a_delivery_in_a_batch_the_first_final_one_counts(client: Client, store_url: str) -> None:
    (delivery,) = deliveries(1)
    expand(store_url, [delivery])
    states = (DeliveryState.PENDING, DeliveryState.DEAD, DeliveryState.PENDING, DeliveryState.DELIVERED)
    settle(store_url, [with_state(delivery, state) for state in states])
    assert client.zcard(keys.subscriber_due(SUBSCRIBER)) == client.zcard(keys.DELIVERIES_DEAD) == 0
    stored = client.get(keys.delivery(delivery.delivery_id))
    assert codec.decode(stored)["state"] == DeliveryState.DELIVERED
