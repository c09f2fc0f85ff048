"""Concurrent work on one delivery, by two workers or an operator: indexes stay correct, no delivery waits too long."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.deliverer_factory import RETENTION_S
from tests.support.delivery_harness import DeliveryHarness
from tests.support.values import present
from webhook_app.domain.delivery.breaker import BREAKER_THRESHOLD
from webhook_app.domain.delivery.delivery import Delivery, DeliveryState
from webhook_app.domain.delivery.subscriber import Ordering
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client, connect_async
from webhook_app.store.deliveries.outbox import Expansion, Outbox
from webhook_app.store.deliveries.queue import AttemptStats, Deliveries
from webhook_app.store.deliveries.records import DeliveryRecords

HOUR_MS = 3_600_000
KEPT_S = RETENTION_S


def now_ms() -> Any:
    return int(time.time() * 1000)


def on(store_url: str, act: Any) -> Any:
    """What `act` answers, given a client of its own."""

    async def run() -> Any:
        client = connect_async(store_url)
        try:
            return await act(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def settle(store_url: str, delivery: Any, **stats: Any) -> Any:
    stats_by_subscriber = {delivery.subscriber_id: AttemptStats(**stats)} if stats else {}
    return on(store_url, lambda client: Deliveries(client, retention_s=KEPT_S).settle([delivery], stats_by_subscriber))


def claim(store_url: str, count: int = 10) -> Any:
    return on(
        store_url,
        lambda client: Deliveries(client, retention_s=KEPT_S).claim(
            count, healthy_limit=8, failing_limit=2, backlogged={}, limits={}
        ),
    )


def indexes_are_true(harness: Any) -> None:
    """Every delivery is in the indexes of its state, and what is due is pending and will be looked at."""
    by_state = {
        state: {delivery.delivery_id for delivery in harness.deliveries() if delivery.state == state}
        for state in DeliveryState
    }
    for state in DeliveryState:
        assert harness.index(state.value) == by_state[state]
    due_at = {raw.decode(): score for raw, score in harness.client.zrange(keys.SUBSCRIBERS_DUE, 0, -1, withscores=True)}
    for key in harness.client.scan_iter(keys.subscriber_due("*")):
        due = harness.client.zrange(key, 0, -1, withscores=True)
        assert {raw.decode() for raw, _ in due} <= by_state[DeliveryState.PENDING]
        assert key.decode().split(":")[2] in due_at


@pytest.mark.parametrize("late", [DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.DEAD])
@pytest.mark.parametrize("first", [DeliveryState.DELIVERED, DeliveryState.DEAD])
def test_who_settles_after_his_lease_ran_out_brings_nothing_back(
    harness: DeliveryHarness, store_url: str, first: Any, late: Any
) -> None:
    harness.subscribe("tv")
    harness.announce()
    harness.endpoint.answers["/tv"] = [500]
    harness.deliver()
    delivery = harness.only()
    settle(store_url, replace(delivery, state=first, next_attempt_at=None))
    due = now_ms() + 5_000 if late is DeliveryState.PENDING else None
    settle(store_url, replace(delivery, state=late, next_attempt_at=due))
    indexes_are_true(harness)
    settled = harness.only().state
    assert settled is (DeliveryState.DELIVERED if DeliveryState.DELIVERED in (first, late) else DeliveryState.DEAD)
    assert not harness.client.exists(keys.subscriber_due("sub_tv"))
    assert harness.client.ttl(keys.delivery(delivery.delivery_id)) > 0


@pytest.mark.parametrize("held_back_by", ["an open breaker", "full hands"])
def test_a_new_delivery_waits_for_no_later_retry_though_the_worker_that_expanded_it_dies(
    harness: DeliveryHarness, store_url: str, held_back_by: str
) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500]
    harness.announce()
    harness.deliver()
    in_five_hours, at_most = now_ms() + 5 * HOUR_MS, now_ms() + 30_000
    [member] = harness.client.zrange(keys.subscriber_due("sub_tv"), 0, -1)
    harness.client.zadd(keys.subscriber_due("sub_tv"), {member: in_five_hours})
    harness.client.zadd(keys.SUBSCRIBERS_DUE, {"sub_tv": in_five_hours})
    if held_back_by == "an open breaker":
        harness.client.hset(keys.BREAKERS_OPEN_UNTIL, "sub_tv", at_most)
    delivery = Delivery("dlv_new", "msg_new", "sub_tv", now_ms(), entry="1-1", next_attempt_at=now_ms())
    free_slots = {"sub_tv": -1 if held_back_by == "full hands" else 1}

    async def expand(client: Client) -> Any:
        outbox = Outbox(client)
        at = await outbox.cursor()
        return await outbox.expand(
            Expansion(before=at, after=at, latest={}, recoveries={}, free_slots=free_slots, deliveries=[delivery])
        )

    assert on(store_url, expand) == [1]
    assert harness.client.zscore(keys.SUBSCRIBERS_DUE, "sub_tv") <= at_most


@pytest.mark.parametrize("gone", ["disabled", "deleted"])
def test_a_breaker_that_opens_for_a_subscriber_without_deliveries_holds_nothing_back(
    harness: DeliveryHarness, store_url: str, gone: str
) -> None:
    harness.subscribe("tv", max_in_flight=1)
    harness.endpoint.answers["/tv"] = [500]
    for _ in range(5):
        harness.announce()
    harness.deliver()
    [delivery, *_] = harness.deliveries()
    if gone == "disabled":
        harness.subscribers.put(replace(present(harness.subscribers.get("sub_tv")), enabled=False))
    else:
        harness.subscribers.delete("sub_tv")
    settle(
        store_url, delivery, failed=4, failure_score=BREAKER_THRESHOLD, error="timeout"
    )  # they were in flight meanwhile
    harness.make_due()
    harness.deliver()
    assert {each.state for each in harness.deliveries()} == {DeliveryState.DEAD}
    assert not harness.client.exists(keys.BREAKERS_OPEN_UNTIL, keys.subscriber_health("sub_tv"))


def test_a_manual_retry_of_a_delivery_in_flight_ends_as_one_delivery(harness: DeliveryHarness, store_url: str) -> None:
    harness.subscribe("tv", ordering=Ordering.ROOM)
    harness.endpoint.answers["/tv"] = [500]
    harness.announce()
    harness.announce()
    harness.deliver()
    harness.make_due()
    [first] = claim(store_url).claims
    DeliveryRecords(harness.client).make_due_now(first.delivery, now=now_ms())
    [second] = claim(store_url).claims
    assert first.delivery == second.delivery
    settle(store_url, replace(second.delivery, state=DeliveryState.DELIVERED, next_attempt_at=None), succeeded=1)
    settle(store_url, replace(first.delivery, next_attempt_at=now_ms() + 5_000), failed=1, failure_score=1)
    indexes_are_true(harness)
    harness.endpoint.answers["/tv"] = [200]
    harness.deliver()
    assert {each.state for each in harness.deliveries()} == {DeliveryState.DELIVERED}
    assert list(harness.client.scan_iter("tally:subscriber:*:queue:*")) == []


def test_a_delivery_queued_again_while_its_last_attempt_is_settled_stays_queued(
    harness: DeliveryHarness, store_url: str
) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [410]
    harness.announce()
    harness.deliver()
    dead = harness.only()
    assert DeliveryRecords(harness.client).retry(dead, now=now_ms())
    assert not DeliveryRecords(harness.client).retry(dead, now=now_ms())
    settle(store_url, replace(dead, state=DeliveryState.PENDING, next_attempt_at=now_ms() + 5_000))
    indexes_are_true(harness)
