"""Deliveries on a real store to a real endpoint: who is told, how often, and what becomes of those who cannot be."""

import asyncio
import time
from dataclasses import replace

import pytest
from standardwebhooks.webhooks import Webhook

from tests.support.deliverer_factory import RETENTION_S, told_as
from tests.support.delivery_harness import WITHIN_S
from tests.support.web_client import ROOM, fold_all
from webhook_app.access.subscriber_secrets import new_secret
from webhook_app.domain.delivery.delivery import (
    IN_FLIGHT_MAX,
    RETRY_MS,
    SLOW_DOWN_MS,
    Delivery,
    DeliveryState,
    OldSecret,
    Ordering,
)
from webhook_app.domain.events import Source
from webhook_app.domain.rules.rule import RoomName
from webhook_app.store import codec, keys, measures
from webhook_app.store.clients import StoreUnavailable
from webhook_app.store.delivery_records import DeliveryRecords
from webhook_app.store.journal import Journal, entry
from workers.channels.webhook import Reply
from workers.deliver import deliverer as deliver
from workers.deliver.transitions import after_attempt


def test_a_notice_is_delivered_to_who_asked_for_it(office):
    known = office.subscribe("tv")
    notice = office.tell("stream.playable", because="rule:x", stream={"state": "playable"})
    office.deliver()
    [post] = office.endpoint.posts
    assert post.id == notice.notice_id
    assert set(post.json) == {"type", "timestamp", "data"}
    assert post.json["type"] == "stream.playable"
    told = {"room_id": ROOM, "room_name": None, "sequence": 1, "because": "rule:x", "stream": {"state": "playable"}}
    assert post.json["data"] == told
    assert Webhook(told_as(known)).verify(post.body, post.headers) == post.json
    one = office.only()
    assert (one.state, one.next_attempt_at, one.notice_id) == (DeliveryState.DELIVERED, None, notice.notice_id)
    [attempt] = one.attempts
    assert (attempt.status, attempt.error) == (204, None)
    assert (office.index("delivered"), office.index("pending")) == ({one.delivery_id}, set())
    assert 0 < office.client.ttl(keys.delivery(one.delivery_id)) <= RETENTION_S


def test_after_a_500_it_is_sent_again_at_its_due_moment_and_not_before(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500, 200]
    office.tell()
    office.deliver()
    one = office.only()
    assert (one.state, len(one.attempts), one.attempts[0].error) == (DeliveryState.PENDING, 1, "status")
    wait = one.next_attempt_at - one.attempts[0].at
    assert 0.8 * RETRY_MS[0] <= wait <= 1.2 * RETRY_MS[0] + 1_000
    office.deliver()
    assert len(office.endpoint.posts) == 1
    office.make_due()
    office.deliver()
    one = office.only()
    assert (one.state, [attempt.status for attempt in one.attempts]) == (DeliveryState.DELIVERED, [500, 200])


def test_the_way_from_a_notice_to_its_delivery_is_measured_once_it_is_delivered(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500, 200]
    office.tell()
    office.deliver()
    assert sum(_measured(office).buckets.values()) == 0
    office.make_due()
    office.deliver()
    assert sum(_measured(office).buckets.values()) == 1


def _measured(office):
    return measures.histogram(measures.read(office.client), measures.NOTICE_TO_DELIVERED)


def test_every_attempt_has_the_same_id_and_body_and_its_own_time(office):
    known = office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500]
    office.tell("stream.playable", stream={"state": "playable"})
    office.deliver()
    for _ in range(3):
        office.make_due()
        time.sleep(0.4)
        office.deliver()
    posts = office.endpoint.posts
    assert len({post.id for post in posts}) == 1
    assert len({post.body for post in posts}) == 1
    assert len(posts) == 4
    times = [int(post.headers["webhook-timestamp"]) for post in posts]
    assert times == sorted(times)
    assert times[-1] > times[0]
    for post in posts:
        Webhook(told_as(known)).verify(post.body, post.headers)


def test_after_the_last_attempt_it_is_dead_and_sent_no_more(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500]
    office.tell()
    for _ in range(len(RETRY_MS) + 1):
        assert not office.deliveries() or office.only().state is DeliveryState.PENDING
        office.make_due()
        office.deliver()
    one = office.only()
    assert (one.state, one.next_attempt_at, len(one.attempts)) == (DeliveryState.DEAD, None, len(RETRY_MS) + 1)
    office.make_due()
    office.deliver()
    assert len(office.endpoint.posts) == len(RETRY_MS) + 1
    assert (office.index("dead"), office.index("pending")) == ({one.delivery_id}, set())


def test_a_dead_delivery_can_be_retried_by_hand(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500]
    office.tell()
    for _ in range(len(RETRY_MS) + 1):
        office.make_due()
        office.deliver()
    office.endpoint.answers["/tv"] = [200]
    dead = office.only()
    assert DeliveryRecords(office.client).retry(dead, now=1)
    assert not DeliveryRecords(office.client).retry(dead, now=1)  # it is in line
    office.deliver()
    assert office.only().state is DeliveryState.DELIVERED
    assert (office.index("dead"), office.index("delivered")) == (set(), {dead.delivery_id})


def test_retries_are_sent_by_a_deliverer_that_has_just_started(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500, 200]
    office.tell()
    office.deliver()
    office.make_due()
    office.deliver()  # a new one, with an outbox that has nothing new
    assert office.only().state is DeliveryState.DELIVERED


def test_a_410_disables_the_subscriber_and_is_journaled(office):
    office.subscribe("gone")
    office.subscribe("tv", types=["subscriber.*"])
    office.endpoint.answers["/gone"] = [410]
    office.tell()
    office.deliver()
    one = office.only("gone")
    assert (one.state, len(one.attempts), one.next_attempt_at) == (DeliveryState.DEAD, 1, None)
    known = office.subscribers.get("sub_gone")
    assert known.enabled is False
    assert "410" in known.disabled_because
    fold_all(office.client)
    office.deliver()
    [told] = office.endpoint.at("/tv")
    assert told.json["type"] == "subscriber.disabled"
    assert told.json["data"]["subscriber_id"] == "sub_gone"
    office.tell()
    office.deliver()
    assert len(office.endpoint.at("/gone")) == 1


def test_a_410_to_several_at_once_is_journaled_once(office):
    office.subscribe("gone")
    office.endpoint.answers["/gone"] = [410]
    for _ in range(20):
        office.tell()
    office.deliver()
    assert office.client.xlen(keys.JOURNAL) == 1
    assert {one.state for one in office.deliveries()} == {DeliveryState.DEAD}


def test_a_429_is_answered_with_patience(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [429]
    office.endpoint.headers["Retry-After"] = "100"
    office.tell()
    office.deliver()
    one = office.only()
    assert 100_000 <= one.next_attempt_at - one.attempts[0].at <= 102_000


@pytest.mark.parametrize(
    ("asked", "types"),
    [
        (("stream.*",), ["stream.failed", "stream.playable"]),
        (("stream.playable",), ["stream.playable"]),
        (("*",), ["call.refused", "rule.sunday", "session.started", "stream.failed", "stream.playable"]),
        (("*.started", "rule.*"), ["rule.sunday", "session.started"]),
        (("videosdk.*",), ["videosdk.hls-playable"]),
        (
            ("videosdk.hls-*", "*"),
            "call.refused rule.sunday session.started stream.failed stream.playable videosdk.hls-playable".split(),
        ),
        (("videosdk.recording-*",), []),
        (("broadcast.*",), []),
    ],
)
def test_a_subscriber_is_told_the_types_it_asked_for(office, asked, types):
    office.subscribe("tv", types=asked)
    for kind in (
        "stream.playable",
        "stream.failed",
        "session.started",
        "rule.sunday",
        "call.refused",
        "videosdk.hls-playable",
    ):
        office.tell(kind)
    office.deliver()
    assert office.endpoint.types("/tv") == types


@pytest.mark.parametrize(
    ("rooms", "told"),
    [
        (("*",), ["abcd-1", "abcd-2", "wxyz-1", None]),
        (("abcd-*",), ["abcd-1", "abcd-2"]),
        (("abcd-1", "wxyz-1"), ["abcd-1", "wxyz-1"]),
        (("main-hall",), ["wxyz-1"]),
        (("group:webinar",), ["abcd-2", "wxyz-1"]),
        (("group:nobody",), []),
        (("ABCD-*",), []),
    ],
)
def test_a_subscriber_is_told_of_the_rooms_it_asked_for(office, rooms, told):
    names = {
        "main-hall": RoomName("main-hall", "wxyz-1", ("webinar",)),
        "foyer": RoomName("foyer", "abcd-2", ("webinar",)),
    }
    office.client.set(keys.NAMES, codec.encode(names))
    office.subscribe("tv", rooms=rooms)
    for room in ("abcd-1", "abcd-2", "wxyz-1", None):
        office.tell("alarm.raised", room=room)
    office.deliver()
    found = [post.json["data"]["room_id"] for post in office.endpoint.at("/tv")]
    assert sorted(found, key=str) == sorted(told, key=str)


@pytest.mark.parametrize(
    ("because", "told"),
    [
        (("*",), ["operator", "rule:sunday-late", "rule:x", None]),
        (("operator",), ["operator"]),
        (("rule:*",), ["rule:sunday-late", "rule:x"]),
        (("rule:sunday-*", "operator"), ["operator", "rule:sunday-late"]),
        (("rule:y",), []),
    ],
)
def test_a_subscriber_is_told_what_happened_because_of_what_it_asked_for(office, because, told):
    office.subscribe("tv", because=because)
    for why in ("operator", "rule:sunday-late", "rule:x", None):
        office.tell(because=why)
    office.deliver()
    found = [post.json["data"]["because"] for post in office.endpoint.at("/tv")]
    assert sorted(found, key=str) == sorted(told, key=str)


def test_what_nobody_asked_for_leaves_nothing_behind(office):
    office.subscribe("tv", types=["alarm.*"])
    for _ in range(5):
        office.tell("stream.started")
    office.deliver()
    assert office.deliveries() == []
    assert office.client.get(keys.OUTBOX_CURSOR) == office.client.xrevrange(keys.OUTBOX, count=1)[0][0]


def test_without_subscribers_the_outbox_is_passed_on(office):
    office.tell()
    office.deliver()
    office.subscribe("tv")
    office.tell("stream.stopped")
    office.deliver()
    assert office.endpoint.types("/tv") == ["stream.stopped"]


def test_a_subscriber_that_is_new_is_told_by_a_deliverer_that_runs_already(office):
    office.subscribe("first")

    async def run():
        async with office.open() as [deliverer]:
            office.tell("stream.started")
            await deliverer.run()
            office.subscribe("second", url=f"http://127.0.0.1:{office.port}/second")
            office.tell("stream.stopped")
            await deliverer.run()

    asyncio.run(run())
    assert office.endpoint.types("/first") == ["stream.started", "stream.stopped"]
    assert office.endpoint.types("/second") == ["stream.stopped"]


def test_a_subscriber_that_was_deleted_meanwhile_is_not_told(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500]
    office.tell()
    office.deliver()
    office.subscribers.delete("sub_tv")
    office.make_due()
    office.deliver()
    assert len(office.endpoint.posts) == 1
    assert not office.client.exists(keys.subscriber_due("sub_tv"))


def test_a_subscriber_that_is_deleted_while_it_is_told_is_told_no_more(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500]
    office.endpoint.on_post = lambda: office.subscribers.delete("sub_tv")
    office.tell()
    office.deliver()
    for _ in range(3):
        office.make_due()
        office.deliver()
    assert len(office.endpoint.posts) == 1
    assert office.only().state is DeliveryState.DEAD
    assert not office.client.exists(keys.subscriber_due("sub_tv"))


def test_a_subscriber_that_was_disabled_meanwhile_is_not_told(office):
    known = office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500]
    office.tell()
    office.deliver()
    office.subscribers.put(replace(known, enabled=False))
    office.make_due()
    office.tell()
    office.deliver()
    assert len(office.endpoint.posts) == 1
    assert office.only().state is DeliveryState.DEAD


def one_of_many_answers(office, monkeypatch):
    """A notice for one who answers, and for so many who do not that he is told first, once that is known."""
    monkeypatch.setattr(deliver, "NEWS_MAX", 3)
    for at in range(12):
        office.subscribe(f"mute{at}")
        office.endpoint.answers[f"/mute{at}"] = [500]
    office.subscribe("tv")
    office.tell()


def test_a_few_who_answer_are_told_before_many_who_do_not(office, monkeypatch):
    one_of_many_answers(office, monkeypatch)

    async def run():
        async with office.open() as [deliverer]:
            await deliverer.run()
            expand, pieces = deliverer._outbox.expand, []

            async def seen(what):
                pieces.append(({one.subscriber_id for one in what.deliveries}, what.before != what.after))
                return await expand(what)

            monkeypatch.setattr(deliverer._outbox, "expand", seen)
            office.tell()
            await deliverer.run()
            return pieces

    first, second = asyncio.run(run())
    assert first == ({"sub_tv"}, False)
    assert second == ({f"sub_mute{at}" for at in range(12)}, True)
    assert len(office.endpoint.at("/tv")) == 2
    assert len(office.deliveries()) == 26


def test_who_was_told_before_a_hand_died_in_the_middle_of_a_notice_is_not_told_twice(office, monkeypatch):
    one_of_many_answers(office, monkeypatch)

    async def run():
        async with office.open() as [deliverer]:
            await deliverer.run()
            expand = deliverer._outbox.expand

            async def dying(what):
                if what.before != what.after:
                    raise ConnectionError("died in between")
                return await expand(what)

            monkeypatch.setattr(deliverer._outbox, "expand", dying)
            office.tell()
            with pytest.raises(ConnectionError):
                await deliverer.run()
            monkeypatch.setattr(deliverer._outbox, "expand", expand)
            await deliverer.run()

    asyncio.run(run())
    assert len(office.endpoint.at("/tv")) == 2
    assert len(office.deliveries()) == 26
    assert {len(office.deliveries(f"mute{at}")) for at in range(12)} == {2}


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_what_waits_in_hand_for_one_that_is_disabled_or_deleted_is_not_sent(office, how):
    known = office.subscribe("tv", max_in_flight=1)
    office.subscribe("other", types=["session.*"])
    first = asyncio.Event()
    office.endpoint.holds["/tv"] = first
    for _ in range(3):
        office.tell()

    async def run():
        async with office.open() as [deliverer]:
            running = asyncio.create_task(deliverer.run())
            while not office.endpoint.at("/tv"):
                await asyncio.sleep(0.01)
            line = deliverer._lines.of(deliverer._known.subscribers["sub_tv"])
            if how == "disabled":
                office.subscribers.put(replace(known, url=f"http://127.0.0.1:{office.port}/tv", enabled=False))
            else:
                office.subscribers.delete("sub_tv")
            office.tell("session.started")
            while not office.endpoint.at("/other") or line.waiting:
                await asyncio.sleep(0.01)
            first.set()
            await asyncio.wait_for(running, WITHIN_S)

    asyncio.run(run())
    assert len(office.endpoint.at("/tv")) == 1
    assert sorted(one.state.value for one in office.deliveries("tv")) == ["dead", "dead", "delivered"]


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_retries_of_the_next_days_are_dead_as_soon_as_nobody_wants_them(office, how):
    known = office.subscribe("tv", ordering=Ordering.ROOM)
    office.subscribe("other")
    office.endpoint.answers["/tv"] = office.endpoint.answers["/other"] = [503]
    office.endpoint.headers["Retry-After"] = "10"
    for room in ("hall", "hall", "studio"):
        office.tell(room=room)
    office.deliver()
    assert {one.state for one in office.deliveries()} == {DeliveryState.PENDING}
    if how == "disabled":
        office.subscribers.put(replace(known, enabled=False))
    else:
        office.subscribers.delete("sub_tv")
    office.deliver()
    assert {one.state for one in office.deliveries("tv")} == {DeliveryState.DEAD}
    assert {one.state for one in office.deliveries("other")} == {DeliveryState.PENDING}
    assert len(office.endpoint.at("/tv")) == 2


def test_who_is_disabled_by_us_is_so_only_together_with_the_news_of_it(office):
    known = office.subscribe("gone")

    def die(pipe):
        raise StoreUnavailable("died in between")

    with pytest.raises(StoreUnavailable):
        office.subscribers.change("sub_gone", lambda known: replace(known, enabled=False), with_it=die)
    assert office.subscribers.get("sub_gone") == known
    news = entry(Source.SYSTEM, "subscriber-disabled", None, {"subscriber_id": "sub_gone", "reason": "gone"})
    journal = Journal(office.client)
    for _ in range(2):
        office.subscribers.change(
            "sub_gone",
            lambda known: replace(known, enabled=False),
            with_it=lambda pipe: journal.append_with(pipe, [news]),
        )
    assert [(event.type, event.data["reason"]) for event in journal.scan()] == [("subscriber-disabled", "gone")]


def test_a_retry_goes_where_the_subscriber_now_is_and_is_signed_with_its_newest_secret(office):
    known = office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500]
    office.tell()
    new = new_secret()

    async def run():
        async with office.open() as [deliverer]:
            await deliverer.run()
            moved = replace(known, url=f"http://127.0.0.1:{office.port}/moved", secret=new)
            office.subscribers.put(moved)
            office.make_due()
            await deliverer.run()
            office.subscribers.put(replace(moved, enabled=False))
            office.make_due()
            await deliverer.run()

    asyncio.run(run())
    [post] = office.endpoint.at("/moved")
    Webhook("whsec_" + new).verify(post.body, post.headers)
    assert len(office.endpoint.at("/tv")) == 1


def test_an_endpoint_inside_is_blocked_and_tried_again(office):
    office.subscribe("inside", url="http://10.0.0.1/")
    office.tell()
    office.deliver()
    one = office.only()
    assert (one.state, one.attempts[0].error) == (DeliveryState.PENDING, "blocked")


def test_a_delivery_whose_deliverer_died_comes_back_when_its_lease_runs_out(office):
    office.subscribe("tv")
    office.tell()
    hold = None

    async def die():
        nonlocal hold
        hold = office.endpoint.holds["/tv"] = asyncio.Event()
        async with office.open() as [deliverer]:
            run = asyncio.create_task(deliverer.run())
            while not office.endpoint.posts:
                await asyncio.sleep(0.01)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            for lane in list(deliverer._lines._lanes):
                lane.cancel()
            hold.set()

    asyncio.run(die())
    office.endpoint.holds.clear()
    office.deliver()
    assert len(office.endpoint.posts) == 1  # the lease holds
    office.make_due()
    office.deliver()
    assert [post.id for post in office.endpoint.posts] == [office.endpoint.posts[0].id] * 2
    assert office.only().state is DeliveryState.DELIVERED


def test_two_deliverers_tell_everybody_once(office):
    for name in ("a", "b", "c"):
        office.subscribe(name)
    for _ in range(60):
        office.tell()
    office.deliver(deliverers=2)
    found = [(post.path, post.id) for post in office.endpoint.posts]
    assert len(found) == len(set(found)) == 180
    assert {one.state for one in office.deliveries()} == {DeliveryState.DELIVERED}


def test_three_hundred_notices_reach_each_of_five_subscribers_once(office):
    names = ["a", "b", "c", "d", "e"]
    for name in names:
        office.subscribe(name)
    notices = {office.tell("participant.joined", participant={"name": str(at)}).notice_id for at in range(300)}
    office.deliver()
    for name in names:
        told = [post.id for post in office.endpoint.at(f"/{name}")]
        assert len(told) == 300
        assert set(told) == notices
    assert len(office.index("delivered")) == 1_500
    assert office.index("pending") == set()
    assert list(office.client.scan_iter(keys.subscriber_due("*"))) == []


def test_one_who_is_slow_holds_up_nobody_else(office):
    office.subscribe("slow")
    office.subscribe("quick")
    for _ in range(100):
        office.tell()

    async def run():
        office.endpoint.holds["/slow"] = asyncio.Event()
        async with office.open() as [deliverer]:
            running = asyncio.create_task(deliverer.run())
            async with asyncio.timeout(WITHIN_S):
                while len(office.endpoint.at("/quick")) < 100:
                    await asyncio.sleep(0.01)
            at_once = len(office.endpoint.at("/slow"))
            office.endpoint.holds["/slow"].set()
            await asyncio.wait_for(running, WITHIN_S)
            return at_once

    assert asyncio.run(run()) <= IN_FLIGHT_MAX
    assert len(office.endpoint.at("/slow")) == 100


def test_a_deliverer_that_is_asked_to_stop_finishes_what_it_has_begun(office):
    office.subscribe("tv")
    office.tell()
    stop = asyncio.Event()

    async def run():
        async with office.open() as [deliverer]:
            office.endpoint.on_post = stop.set
            await asyncio.wait_for(deliverer.run(stopping=stop.is_set), WITHIN_S)

    asyncio.run(run())
    assert office.only().state is DeliveryState.DELIVERED


def test_a_secret_in_rotation_signs_beside_the_new_one(office):
    old, new = new_secret(), new_secret()
    tomorrow = int(time.time() * 1000) + 86_400_000
    office.subscribe("tv", secret=new, old_secrets=(OldSecret(old, tomorrow),))
    office.tell()
    office.deliver()
    [post] = office.endpoint.posts
    for secret in (old, new):
        Webhook("whsec_" + secret).verify(post.body, post.headers)


def delivery(attempts=0):
    one = Delivery("dlv_x", "msg_x", "sub_x", 1)
    for _ in range(attempts):
        one = after_attempt(one, Reply(500, "status", 1), at=1, now=1)
    return one


@pytest.mark.parametrize("made", range(len(RETRY_MS)))
def test_the_waits_between_attempts_are_those_of_the_table_give_or_take_a_fifth(made):
    one = after_attempt(delivery(made), Reply(500, "status", 1), at=1_000, now=2_000)
    assert one.state is DeliveryState.PENDING
    assert 0.8 * RETRY_MS[made] <= one.next_attempt_at - 2_000 <= 1.2 * RETRY_MS[made]


@pytest.mark.parametrize("reply", [Reply(429, "status", 1), Reply(None, "timeout", 1)])
def test_who_is_overrun_is_left_alone_for_a_minute(reply):
    one = after_attempt(delivery(), reply, at=1_000, now=2_000)
    assert one.next_attempt_at - 2_000 >= 0.8 * SLOW_DOWN_MS


def test_a_retry_after_is_honoured_up_to_twice_the_wait():
    for asked, waited in ((7_000, 7_000), (3_600_000, 2 * RETRY_MS[0])):
        one = after_attempt(delivery(), Reply(503, "status", 1, retry_after_ms=asked), at=1, now=1)
        assert one.next_attempt_at - 1 == waited


def test_a_410_is_never_tried_again():
    one = after_attempt(delivery(), Reply(410, "status", 1), at=1, now=1)
    assert (one.state, one.next_attempt_at) == (DeliveryState.DEAD, None)


def test_an_answer_that_quotes_the_secret_path_is_kept_without_it(office):
    office.subscribe("tv", url="http://127.0.0.1:{port}/in/aB3dE5fG7hI9jK1lM3nO?token=opensesame&room=a")
    office.endpoint.answers["/in/aB3dE5fG7hI9jK1lM3nO"] = [404]
    office.endpoint.quotes_paths = True
    office.tell()
    office.deliver()
    [attempt] = office.only().attempts
    assert (attempt.status, attempt.response) == (404, "Cannot POST /in/****?token=****&room=a")
