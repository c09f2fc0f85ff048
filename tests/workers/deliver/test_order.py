"""Order and freshness: a room's notices in their order whatever fails, and a late word that says it is late."""

import asyncio
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from webhook_app.domain.delivery.delivery import RETRY_MS, DeliveryState, Ordering
from webhook_app.store import keys


def sequences(office, path="/tv", room=None):
    told = [post.json["data"] for post in office.endpoint.at(path)]
    return [data["sequence"] for data in told if room is None or data["room_id"] == room]


def test_a_rooms_notices_come_in_order_though_the_first_fails(office):
    office.subscribe("tv", ordering=Ordering.ROOM)
    office.endpoint.answers["/tv"] = [500, 200]
    for _ in range(5):
        office.tell()
    office.deliver()
    assert sequences(office) == [1]
    office.make_due()
    office.deliver()
    assert sequences(office) == [1, 1, 2, 3, 4, 5]
    assert {one.state for one in office.deliveries()} == {DeliveryState.DELIVERED}
    assert list(office.client.scan_iter("tally:subscriber:*:queue:*")) == []


def test_a_room_that_is_stuck_holds_up_no_other(office):
    office.subscribe("tv", ordering=Ordering.ROOM)

    office.endpoint.refuses = "stuck"
    for _ in range(4):
        for room in ("stuck", "free"):
            office.tell(room=room)
    office.deliver()
    assert sequences(office, room="stuck") == [1]
    assert sequences(office, room="free") == [2, 4, 6, 8]
    office.endpoint.refuses = None
    office.make_due()
    office.deliver()
    assert sequences(office, room="stuck") == [1, 1, 3, 5, 7]


def test_a_notice_that_is_dead_lets_the_next_of_its_room_pass(office):
    office.subscribe("tv", ordering=Ordering.ROOM)
    office.endpoint.answers["/tv"] = [500] * (len(RETRY_MS) + 1) + [200]
    office.tell()
    office.tell()
    for _ in range(len(RETRY_MS) + 2):
        office.make_due()
        office.deliver()
    assert sequences(office) == [1] * (len(RETRY_MS) + 1) + [2]
    assert [one.state for one in office.deliveries()].count(DeliveryState.DEAD) == 1


def test_without_an_order_one_that_fails_holds_up_nothing(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500, 200]
    for _ in range(5):
        office.tell()
    office.deliver()
    assert sorted(sequences(office)) == [1, 2, 3, 4, 5]


SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
@given(
    rooms=some.lists(some.sampled_from(["a", "b", "c"]), min_size=1, max_size=25),
    answers=some.lists(some.sampled_from([200, 200, 500]), max_size=20),
    hands=some.integers(1, 2),
)
def test_each_rooms_first_arrivals_are_in_order_whatever_is_answered(office, rooms, answers, hands):
    office.client.flushall()
    office.endpoint.posts.clear()
    office.subscribe("tv", ordering=Ordering.ROOM, max_in_flight=8)
    office.endpoint.answers["/tv"] = [*answers, 200]
    notices = [office.tell(room=room) for room in rooms]
    for _ in range(len(answers) + 2):
        office.make_due()
        office.deliver(deliverers=hands)
    for room in set(rooms):
        firsts = list(dict.fromkeys(sequences(office, room=room)))
        assert firsts == [one.data["sequence"] for one in notices if one.room_id == room]
    assert {one.state for one in office.deliveries()} == {DeliveryState.DELIVERED}


def test_a_retry_that_was_overtaken_says_so_and_the_others_do_not(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500, 200]
    old = office.tell("stream.started")
    office.deliver()
    new = office.tell("stream.playable")
    office.deliver()
    office.make_due()
    office.deliver()
    first, fresh, retry = office.endpoint.at("/tv")
    assert [post.id for post in (first, fresh, retry)] == [old.notice_id, new.notice_id, old.notice_id]
    assert ["stale" in post.json for post in (first, fresh, retry)] == [False, False, True]
    assert retry.json["stale"] is True
    assert {key: value for key, value in retry.json.items() if key != "stale"} == first.json


def test_what_is_of_another_room_or_family_overtakes_nothing(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500, 200]
    office.tell("stream.started", room="a")
    office.deliver()
    office.tell("stream.playable", room="b")
    office.tell("participant.joined", room="a")
    office.deliver()
    office.make_due()
    office.deliver()
    assert not any("stale" in post.json for post in office.endpoint.at("/tv"))


def test_a_subscriber_that_stops_asking_for_order_is_told_what_still_waited(office):
    known = office.subscribe("tv", ordering=Ordering.ROOM)
    office.endpoint.answers["/tv"] = [500, 200]
    for _ in range(3):
        office.tell()
    office.deliver()
    office.subscribers.put(replace(office.subscribers.get(known.subscriber_id), ordering=Ordering.NONE))
    office.make_due()
    office.deliver()
    assert sequences(office) == [1, 1, 2, 3]


def test_two_hands_never_have_two_of_one_room_in_flight(office):
    office.subscribe("tv", ordering=Ordering.ROOM)
    in_flight, most = 0, 0

    async def run():
        nonlocal in_flight, most

        async def slowly():
            nonlocal in_flight, most
            in_flight += 1
            most = max(most, in_flight)
            await asyncio.sleep(0.01)
            in_flight -= 1

        office.endpoint.on_take = slowly
        async with office.open(2) as made:
            await asyncio.gather(*(one.run() for one in made))

    for _ in range(12):
        office.tell()
    asyncio.run(run())
    assert most == 1
    assert sequences(office) == list(range(1, 13))
    assert not office.client.exists(keys.subscriber_due("sub_tv"))
