"""What two hands, or a hand and a person, do to one delivery at once: indexes stay true, nobody waits too long."""

import asyncio
import time
from dataclasses import replace

import pytest

from tests.support.deliverer_factory import RETENTION_S
from webhook_app.domain.delivery.concurrency import TRIP_POINTS
from webhook_app.domain.delivery.delivery import Delivery, DeliveryState, Ordering
from webhook_app.store import keys
from webhook_app.store.clients import connect_async
from webhook_app.store.deliveries import Deliveries, Tally
from webhook_app.store.delivery_records import DeliveryRecords
from webhook_app.store.outbox import Expansion, Outbox

HOUR_MS = 3_600_000
KEPT_S = RETENTION_S


def now_ms():
    return int(time.time() * 1000)


def on(store_url, act):
    """What `act` answers, given a client of its own."""

    async def run():
        client = connect_async(store_url)
        try:
            return await act(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def settle(store_url, one, **tally):
    tallies = {one.subscriber_id: Tally(**tally)} if tally else {}
    return on(store_url, lambda client: Deliveries(client, retention_s=KEPT_S).settle([one], tallies))


def claim(store_url, count=10):
    return on(
        store_url,
        lambda client: Deliveries(client, retention_s=KEPT_S).claim(count, good=8, bad=2, wanting={}, caps={}),
    )


def indexes_are_true(office):
    """Every delivery is in the indexes of its state, and what is due is pending and will be looked at."""
    by_state = {
        state: {one.delivery_id for one in office.deliveries() if one.state == state} for state in DeliveryState
    }
    for state in DeliveryState:
        assert office.index(state.value) == by_state[state]
    line = {one.decode(): score for one, score in office.client.zrange(keys.SUBSCRIBERS_DUE, 0, -1, withscores=True)}
    for key in office.client.scan_iter(keys.subscriber_due("*")):
        due = office.client.zrange(key, 0, -1, withscores=True)
        assert {one.decode() for one, _ in due} <= by_state[DeliveryState.PENDING]
        assert key.decode().split(":")[2] in line


@pytest.mark.parametrize("late", [DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.DEAD])
@pytest.mark.parametrize("first", [DeliveryState.DELIVERED, DeliveryState.DEAD])
def test_who_settles_after_his_lease_ran_out_brings_nothing_back(office, store_url, first, late):
    office.subscribe("tv")
    office.tell()
    office.endpoint.answers["/tv"] = [500]
    office.deliver()
    one = office.only()
    settle(store_url, replace(one, state=first, next_attempt_at=None))
    due = now_ms() + 5_000 if late is DeliveryState.PENDING else None
    settle(store_url, replace(one, state=late, next_attempt_at=due))
    indexes_are_true(office)
    settled = office.only().state
    assert settled is (DeliveryState.DELIVERED if DeliveryState.DELIVERED in (first, late) else DeliveryState.DEAD)
    assert not office.client.exists(keys.subscriber_due("sub_tv"))
    assert office.client.ttl(keys.delivery(one.delivery_id)) > 0


@pytest.mark.parametrize("held_back_by", ["an open breaker", "full hands"])
def test_what_is_new_waits_for_no_later_retry_though_the_hand_that_expanded_it_dies(office, store_url, held_back_by):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500]
    office.tell()
    office.deliver()
    in_five_hours, at_most = now_ms() + 5 * HOUR_MS, now_ms() + 30_000
    [member] = office.client.zrange(keys.subscriber_due("sub_tv"), 0, -1)
    office.client.zadd(keys.subscriber_due("sub_tv"), {member: in_five_hours})
    office.client.zadd(keys.SUBSCRIBERS_DUE, {"sub_tv": in_five_hours})
    if held_back_by == "an open breaker":
        office.client.hset(keys.SUBSCRIBERS_OPEN, "sub_tv", at_most)
    one = Delivery("dlv_new", "msg_new", "sub_tv", now_ms(), entry="1-1", next_attempt_at=now_ms())
    hands = {"sub_tv": -1 if held_back_by == "full hands" else 1}

    async def expand(client):
        outbox = Outbox(client)
        at = await outbox.cursor()
        return await outbox.expand(
            Expansion(before=at, after=at, latest={}, recoveries={}, hands=hands, deliveries=[one])
        )

    assert on(store_url, expand) == [1]
    assert office.client.zscore(keys.SUBSCRIBERS_DUE, "sub_tv") <= at_most


@pytest.mark.parametrize("gone", ["disabled", "deleted"])
def test_a_breaker_that_opens_for_one_that_is_not_told_any_more_holds_nothing_back(office, store_url, gone):
    office.subscribe("tv", max_in_flight=1)
    office.endpoint.answers["/tv"] = [500]
    for _ in range(5):
        office.tell()
    office.deliver()
    [one, *_] = office.deliveries()
    if gone == "disabled":
        office.subscribers.put(replace(office.subscribers.get("sub_tv"), enabled=False))
    else:
        office.subscribers.delete("sub_tv")
    settle(store_url, one, failed=4, points=TRIP_POINTS, error="timeout")  # they were in flight meanwhile
    office.make_due()
    office.deliver()
    assert {each.state for each in office.deliveries()} == {DeliveryState.DEAD}
    assert not office.client.exists(keys.SUBSCRIBERS_OPEN, keys.subscriber_health("sub_tv"))


def test_a_retry_by_hand_of_one_that_is_in_flight_ends_as_one_delivery(office, store_url):
    office.subscribe("tv", ordering=Ordering.ROOM)
    office.endpoint.answers["/tv"] = [500]
    office.tell()
    office.tell()
    office.deliver()
    office.make_due()
    [first] = claim(store_url).claims
    DeliveryRecords(office.client).hasten(first.delivery, now=now_ms())
    [second] = claim(store_url).claims
    assert first.delivery == second.delivery
    settle(store_url, replace(second.delivery, state=DeliveryState.DELIVERED, next_attempt_at=None), answered=1)
    settle(store_url, replace(first.delivery, next_attempt_at=now_ms() + 5_000), failed=1, points=1)
    indexes_are_true(office)
    office.endpoint.answers["/tv"] = [200]
    office.deliver()
    assert {each.state for each in office.deliveries()} == {DeliveryState.DELIVERED}
    assert list(office.client.scan_iter("tally:subscriber:*:queue:*")) == []


def test_one_put_in_line_again_while_its_last_attempt_is_settled_stays_in_line(office, store_url):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [410]
    office.tell()
    office.deliver()
    dead = office.only()
    assert DeliveryRecords(office.client).retry(dead, now=now_ms())
    assert not DeliveryRecords(office.client).retry(dead, now=now_ms())
    settle(store_url, replace(dead, state=DeliveryState.PENDING, next_attempt_at=now_ms() + 5_000))
    indexes_are_true(office)
