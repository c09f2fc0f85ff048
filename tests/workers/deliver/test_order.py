"""Order and freshness: a room's notices in their order whatever fails, and a late word that says it is late."""

import asyncio
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.support.delivery_harness import DeliveryHarness
from tests.support.pauses import slow_answer_async
from tests.support.values import present
from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.domain.delivery.retry import RETRY_SCHEDULE_MS
from webhook_app.domain.delivery.subscriber import Ordering
from webhook_app.store import keys


def sequences(harness: Any, path: str = "/tv", room: Any = None) -> Any:
    sent = [post.json["data"] for post in harness.endpoint.at(path)]
    return [data["sequence"] for data in sent if room is None or data["room_id"] == room]


def test_a_rooms_notices_come_in_order_though_the_first_fails(harness: DeliveryHarness) -> None:
    harness.subscribe("tv", ordering=Ordering.ROOM)
    harness.endpoint.answers["/tv"] = [500, 200]
    for _ in range(5):
        harness.announce()
    harness.deliver()
    assert sequences(harness) == [1]
    harness.make_due()
    harness.deliver()
    assert sequences(harness) == [1, 1, 2, 3, 4, 5]
    assert {delivery.state for delivery in harness.deliveries()} == {DeliveryState.DELIVERED}
    assert list(harness.client.scan_iter("tally:subscriber:*:queue:*")) == []


def test_a_room_that_is_stuck_holds_up_no_other(harness: DeliveryHarness) -> None:
    harness.subscribe("tv", ordering=Ordering.ROOM)

    harness.endpoint.refuses = "stuck"
    for _ in range(4):
        for room in ("stuck", "free"):
            harness.announce(room=room)
    harness.deliver()
    assert sequences(harness, room="stuck") == [1]
    assert sequences(harness, room="free") == [2, 4, 6, 8]
    harness.endpoint.refuses = None
    harness.make_due()
    harness.deliver()
    assert sequences(harness, room="stuck") == [1, 1, 3, 5, 7]


def test_a_notice_that_is_dead_lets_the_next_of_its_room_pass(harness: DeliveryHarness) -> None:
    harness.subscribe("tv", ordering=Ordering.ROOM)
    harness.endpoint.answers["/tv"] = [500] * (len(RETRY_SCHEDULE_MS) + 1) + [200]
    harness.announce()
    harness.announce()
    for _ in range(len(RETRY_SCHEDULE_MS) + 2):
        harness.make_due()
        harness.deliver()
    assert sequences(harness) == [1] * (len(RETRY_SCHEDULE_MS) + 1) + [2]
    assert [delivery.state for delivery in harness.deliveries()].count(DeliveryState.DEAD) == 1


def test_without_ordering_a_failing_delivery_delays_no_other(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500, 200]
    for _ in range(5):
        harness.announce()
    harness.deliver()
    assert sorted(sequences(harness)) == [1, 2, 3, 4, 5]


SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
@given(
    rooms=some.lists(some.sampled_from(["a", "b", "c"]), min_size=1, max_size=25),
    answers=some.lists(some.sampled_from([200, 200, 500]), max_size=20),
    deliverers=some.integers(1, 2),
)
def test_each_rooms_first_arrivals_are_in_order_whatever_is_answered(
    harness: DeliveryHarness, rooms: Any, answers: Any, deliverers: Any
) -> None:
    harness.client.flushall()
    harness.endpoint.posts.clear()
    harness.subscribe("tv", ordering=Ordering.ROOM, max_in_flight=8)
    harness.endpoint.answers["/tv"] = [*answers, 200]
    notices = [harness.announce(room=room) for room in rooms]
    for _ in range(len(answers) + 2):
        harness.make_due()
        harness.deliver(deliverers=deliverers)
    for room in set(rooms):
        firsts = list(dict.fromkeys(sequences(harness, room=room)))
        assert firsts == [notice.data["sequence"] for notice in notices if notice.room_id == room]
    assert {delivery.state for delivery in harness.deliveries()} == {DeliveryState.DELIVERED}


def test_a_retry_that_was_overtaken_says_so_and_the_others_do_not(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500, 200]
    old = harness.announce("stream.started")
    harness.deliver()
    new = harness.announce("stream.playable")
    harness.deliver()
    harness.make_due()
    harness.deliver()
    first, fresh, retry = harness.endpoint.at("/tv")
    assert [post.id for post in (first, fresh, retry)] == [old.notice_id, new.notice_id, old.notice_id]
    assert ["stale" in post.json for post in (first, fresh, retry)] == [False, False, True]
    assert retry.json["stale"] is True
    assert {key: value for key, value in retry.json.items() if key != "stale"} == first.json


def test_what_is_of_another_room_or_family_overtakes_nothing(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500, 200]
    harness.announce("stream.started", room="a")
    harness.deliver()
    harness.announce("stream.playable", room="b")
    harness.announce("participant.joined", room="a")
    harness.deliver()
    harness.make_due()
    harness.deliver()
    assert not any("stale" in post.json for post in harness.endpoint.at("/tv"))


def test_a_subscriber_that_turns_ordering_off_receives_what_still_waited(harness: DeliveryHarness) -> None:
    subscriber = harness.subscribe("tv", ordering=Ordering.ROOM)
    harness.endpoint.answers["/tv"] = [500, 200]
    for _ in range(3):
        harness.announce()
    harness.deliver()
    harness.subscribers.put(replace(present(harness.subscribers.get(subscriber.subscriber_id)), ordering=Ordering.NONE))
    harness.make_due()
    harness.deliver()
    assert sequences(harness) == [1, 1, 2, 3]


def test_two_workers_never_have_two_deliveries_of_one_room_in_flight(harness: DeliveryHarness) -> None:
    harness.subscribe("tv", ordering=Ordering.ROOM)
    in_flight, most = 0, 0

    async def run() -> None:
        nonlocal in_flight, most

        async def slowly() -> None:
            nonlocal in_flight, most
            in_flight += 1
            most = max(most, in_flight)
            await slow_answer_async(0.01)
            in_flight -= 1

        harness.endpoint.on_take = slowly
        async with harness.open(2) as opened:
            await asyncio.gather(*(deliverer.run() for deliverer in opened))

    for _ in range(12):
        harness.announce()
    asyncio.run(run())
    assert most == 1
    assert sequences(harness) == list(range(1, 13))
    assert not harness.client.exists(keys.subscriber_due("sub_tv"))
