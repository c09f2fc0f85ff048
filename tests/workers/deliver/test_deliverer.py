"""Deliveries on a real store to a real endpoint: recipients, attempts, and deliveries that fail."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.support.deliverer_factory import RETENTION_S, signing_secret_of
from tests.support.delivery_harness import QUICK_LIMITS, WITHIN_S, DeliveryHarness
from tests.support.pauses import let_clock_advance
from tests.support.polling import wait_until_async
from tests.support.values import present
from tests.support.web_client import ROOM, fold_all
from webhook_app.domain.delivery.delivery import AttemptError, Delivery, DeliveryState
from webhook_app.domain.delivery.retry import RETRY_SCHEDULE_MS, SLOW_DOWN_MIN_MS
from webhook_app.domain.delivery.subscriber import IN_FLIGHT_MAX, OldSecret, Ordering
from webhook_app.domain.events import Source
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.secrets.subscriber_secrets import new_secret
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import StoreUnavailableError
from webhook_app.store.deliveries.outbox import Outbox
from webhook_app.store.deliveries.records import DeliveryRecords
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.store.operations import metrics
from workers.channels.port import AttemptResult
from workers.deliver.transitions import after_attempt


def test_a_notice_is_delivered_to_its_subscribers(harness: DeliveryHarness) -> None:
    subscriber = harness.subscribe("tv")
    notice = harness.announce("stream.playable", because="rule:x", stream={"state": "playable"})
    harness.deliver()
    [post] = harness.endpoint.posts
    assert post.id == notice.notice_id
    assert set(post.json) == {"type", "timestamp", "data"}
    assert post.json["type"] == "stream.playable"
    expected = {"room_id": ROOM, "room_name": None, "sequence": 1, "because": "rule:x", "stream": {"state": "playable"}}
    assert post.json["data"] == expected
    assert Webhook(signing_secret_of(subscriber)).verify(post.body, post.headers) == post.json
    delivery = harness.only()
    assert (delivery.state, delivery.next_attempt_at, delivery.notice_id) == (
        DeliveryState.DELIVERED,
        None,
        notice.notice_id,
    )
    [attempt] = delivery.attempts
    assert (attempt.status, attempt.error) == (204, None)
    assert (harness.index("delivered"), harness.index("pending")) == ({delivery.delivery_id}, set())
    assert 0 < harness.client.ttl(keys.delivery(delivery.delivery_id)) <= RETENTION_S


def test_after_a_500_it_is_sent_again_at_its_due_moment_and_not_before(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500, 200]
    harness.announce()
    harness.deliver()
    delivery = harness.only()
    assert (delivery.state, len(delivery.attempts), delivery.attempts[0].error) == (DeliveryState.PENDING, 1, "status")
    wait = present(delivery.next_attempt_at) - delivery.attempts[0].at
    assert 0.8 * RETRY_SCHEDULE_MS[0] <= wait <= 1.2 * RETRY_SCHEDULE_MS[0] + 1_000
    harness.deliver()
    assert len(harness.endpoint.posts) == 1
    harness.make_due()
    harness.deliver()
    delivery = harness.only()
    assert (delivery.state, [attempt.status for attempt in delivery.attempts]) == (DeliveryState.DELIVERED, [500, 200])


def test_the_way_from_a_notice_to_its_delivery_is_measured_once_it_is_delivered(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500, 200]
    harness.announce()
    harness.deliver()
    assert sum(_measured(harness).buckets.values()) == 0
    harness.make_due()
    harness.deliver()
    assert sum(_measured(harness).buckets.values()) == 1


def _measured(harness: Any) -> Any:
    return metrics.histogram(metrics.read(harness.client), metrics.NOTICE_TO_DELIVERED)


def test_every_attempt_has_the_same_id_and_body_and_its_own_time(harness: DeliveryHarness) -> None:
    subscriber = harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500]
    harness.announce("stream.playable", stream={"state": "playable"})
    harness.deliver()
    for _ in range(2):
        harness.make_due()
        harness.deliver()
    let_clock_advance(1_000)
    harness.make_due()
    harness.deliver()
    posts = harness.endpoint.posts
    assert len({post.id for post in posts}) == 1
    assert len({post.body for post in posts}) == 1
    assert len(posts) == 4
    times = [int(post.headers["webhook-timestamp"]) for post in posts]
    assert times == sorted(times)
    assert times[-1] > times[0]
    for post in posts:
        Webhook(signing_secret_of(subscriber)).verify(post.body, post.headers)


def test_after_the_last_attempt_it_is_dead_and_sent_no_more(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500]
    harness.announce()
    for _ in range(len(RETRY_SCHEDULE_MS) + 1):
        assert not harness.deliveries() or harness.only().state is DeliveryState.PENDING
        harness.make_due()
        harness.deliver()
    delivery = harness.only()
    assert (delivery.state, delivery.next_attempt_at, len(delivery.attempts)) == (
        DeliveryState.DEAD,
        None,
        len(RETRY_SCHEDULE_MS) + 1,
    )
    harness.make_due()
    harness.deliver()
    assert len(harness.endpoint.posts) == len(RETRY_SCHEDULE_MS) + 1
    assert (harness.index("dead"), harness.index("pending")) == ({delivery.delivery_id}, set())


def test_a_dead_delivery_can_be_retried_by_an_operator(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500]
    harness.announce()
    for _ in range(len(RETRY_SCHEDULE_MS) + 1):
        harness.make_due()
        harness.deliver()
    harness.endpoint.answers["/tv"] = [200]
    dead = harness.only()
    assert DeliveryRecords(harness.client).retry(dead, now=1)
    assert not DeliveryRecords(harness.client).retry(dead, now=1)  # it is in line
    harness.deliver()
    assert harness.only().state is DeliveryState.DELIVERED
    assert (harness.index("dead"), harness.index("delivered")) == (set(), {dead.delivery_id})


def test_retries_are_sent_by_a_deliverer_that_has_just_started(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500, 200]
    harness.announce()
    harness.deliver()
    harness.make_due()
    harness.deliver()  # a new one, with an outbox that has nothing new
    assert harness.only().state is DeliveryState.DELIVERED


def test_a_410_disables_the_subscriber_and_is_journaled(harness: DeliveryHarness) -> None:
    harness.subscribe("gone")
    harness.subscribe("tv", types=["subscriber.*"])
    harness.endpoint.answers["/gone"] = [410]
    harness.announce()
    harness.deliver()
    delivery = harness.only("gone")
    assert (delivery.state, len(delivery.attempts), delivery.next_attempt_at) == (DeliveryState.DEAD, 1, None)
    subscriber = present(harness.subscribers.get("sub_gone"))
    assert subscriber.enabled is False
    assert "410" in present(subscriber.disabled_text)
    fold_all(harness.client)
    harness.deliver()
    [post] = harness.endpoint.at("/tv")
    assert post.json["type"] == "subscriber.disabled"
    assert post.json["data"]["subscriber_id"] == "sub_gone"
    harness.announce()
    harness.deliver()
    assert len(harness.endpoint.at("/gone")) == 1


def test_a_410_to_several_at_once_is_journaled_once(harness: DeliveryHarness) -> None:
    harness.subscribe("gone")
    harness.endpoint.answers["/gone"] = [410]
    for _ in range(20):
        harness.announce()
    harness.deliver()
    assert harness.client.xlen(keys.JOURNAL) == 1
    assert {delivery.state for delivery in harness.deliveries()} == {DeliveryState.DEAD}


def test_a_429_is_retried_after_its_retry_after(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [429]
    harness.endpoint.headers["Retry-After"] = "100"
    harness.announce()
    harness.deliver()
    delivery = harness.only()
    assert 100_000 <= present(delivery.next_attempt_at) - delivery.attempts[0].at <= 102_000


@pytest.mark.parametrize(
    ("patterns", "types"),
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
def test_a_subscriber_receives_the_types_it_selects(harness: DeliveryHarness, patterns: Any, types: Any) -> None:
    harness.subscribe("tv", types=patterns)
    for kind in (
        "stream.playable",
        "stream.failed",
        "session.started",
        "rule.sunday",
        "call.refused",
        "videosdk.hls-playable",
    ):
        harness.announce(kind)
    harness.deliver()
    assert harness.endpoint.types("/tv") == types


@pytest.mark.parametrize(
    ("rooms", "expected"),
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
def test_a_subscriber_receives_notices_of_the_rooms_it_selects(
    harness: DeliveryHarness, rooms: Any, expected: Any
) -> None:
    names = {
        "main-hall": ConfiguredRoom("main-hall", "wxyz-1", ("webinar",)),
        "foyer": ConfiguredRoom("foyer", "abcd-2", ("webinar",)),
    }
    harness.client.set(keys.NAMES, codec.encode(names))
    harness.subscribe("tv", rooms=rooms)
    for room in ("abcd-1", "abcd-2", "wxyz-1", None):
        harness.announce("alarm.raised", room=room)
    harness.deliver()
    received = [post.json["data"]["room_id"] for post in harness.endpoint.at("/tv")]
    assert sorted(received, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("because", "expected"),
    [
        (("*",), ["operator", "rule:sunday-late", "rule:x", None]),
        (("operator",), ["operator"]),
        (("rule:*",), ["rule:sunday-late", "rule:x"]),
        (("rule:sunday-*", "operator"), ["operator", "rule:sunday-late"]),
        (("rule:y",), []),
    ],
)
def test_a_subscriber_receives_notices_with_the_causes_it_selects(
    harness: DeliveryHarness, because: Any, expected: Any
) -> None:
    harness.subscribe("tv", because=because)
    for why in ("operator", "rule:sunday-late", "rule:x", None):
        harness.announce(because=why)
    harness.deliver()
    received = [post.json["data"]["because"] for post in harness.endpoint.at("/tv")]
    assert sorted(received, key=str) == sorted(expected, key=str)


def test_a_notice_without_subscribers_leaves_nothing_behind(harness: DeliveryHarness) -> None:
    harness.subscribe("tv", types=["alarm.*"])
    for _ in range(5):
        harness.announce("stream.started")
    harness.deliver()
    assert harness.deliveries() == []
    assert harness.client.get(keys.OUTBOX_CURSOR) == harness.client.xrevrange(keys.OUTBOX, count=1)[0][0]


def test_without_subscribers_the_outbox_is_passed_on(harness: DeliveryHarness) -> None:
    harness.announce()
    harness.deliver()
    harness.subscribe("tv")
    harness.announce("stream.stopped")
    harness.deliver()
    assert harness.endpoint.types("/tv") == ["stream.stopped"]


def test_a_new_subscriber_is_served_by_a_deliverer_that_runs_already(harness: DeliveryHarness) -> None:
    harness.subscribe("first")

    async def run() -> None:
        async with harness.open() as [deliverer]:
            harness.announce("stream.started")
            await deliverer.run()
            harness.subscribe("second", url=f"http://127.0.0.1:{harness.port}/second")
            harness.announce("stream.stopped")
            await deliverer.run()

    asyncio.run(run())
    assert harness.endpoint.types("/first") == ["stream.started", "stream.stopped"]
    assert harness.endpoint.types("/second") == ["stream.stopped"]


def test_a_subscriber_that_was_deleted_meanwhile_receives_nothing(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500]
    harness.announce()
    harness.deliver()
    harness.subscribers.delete("sub_tv")
    harness.make_due()
    harness.deliver()
    assert len(harness.endpoint.posts) == 1
    assert not harness.client.exists(keys.subscriber_due("sub_tv"))


def test_a_subscriber_that_is_deleted_during_an_attempt_gets_no_further_attempt(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500]
    harness.endpoint.on_post = lambda: harness.subscribers.delete("sub_tv")
    harness.announce()
    harness.deliver()
    for _ in range(3):
        harness.make_due()
        harness.deliver()
    assert len(harness.endpoint.posts) == 1
    assert harness.only().state is DeliveryState.DEAD
    assert not harness.client.exists(keys.subscriber_due("sub_tv"))


def test_a_subscriber_that_was_disabled_meanwhile_receives_nothing(harness: DeliveryHarness) -> None:
    subscriber = harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500]
    harness.announce()
    harness.deliver()
    harness.subscribers.put(replace(subscriber, enabled=False))
    harness.make_due()
    harness.announce()
    harness.deliver()
    assert len(harness.endpoint.posts) == 1
    assert harness.only().state is DeliveryState.DEAD


class RecordingOutbox(Outbox):
    """Remembers what each expansion held: the subscribers, and whether the cursor moved."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.expansions: list[tuple[set[str], bool]] = []

    async def expand(self, expansion: Any) -> Any:
        subscribers = {delivery.subscriber_id for delivery in expansion.deliveries}
        self.expansions.append((subscribers, expansion.before != expansion.after))
        return await super().expand(expansion)


class FailingOutbox(Outbox):
    """Loses the store before the cursor moves, while `fails` is set."""

    fails = False

    async def expand(self, expansion: Any) -> Any:
        if self.fails and expansion.before != expansion.after:
            raise ConnectionError("died in between")
        return await super().expand(expansion)


def one_of_many_succeeds(harness: Any, outbox_type: Any) -> Any:
    """A notice for a subscriber that succeeds and for many that fail; once that is known, it comes first.

    Returns the outbox that the deliverer will use, in a list that is filled when it is built.
    """
    outboxes = []

    def build(client: Any) -> Any:
        outboxes.append(outbox_type(client))
        return outboxes[-1]

    harness.outbox_type = build
    harness.limits = replace(QUICK_LIMITS, small_batch=3)
    for at in range(12):
        harness.subscribe(f"mute{at}")
        harness.endpoint.answers[f"/mute{at}"] = [500]
    harness.subscribe("tv")
    harness.announce()
    return outboxes


def test_a_few_healthy_subscribers_are_served_before_many_failing_ones(harness: Any) -> Any:
    outboxes = one_of_many_succeeds(harness, RecordingOutbox)

    async def run() -> Any:
        async with harness.open() as [deliverer]:
            await deliverer.run()
            [outbox] = outboxes
            outbox.expansions.clear()
            harness.announce()
            await deliverer.run()
            return outbox.expansions

    first, second = asyncio.run(run())
    assert first == ({"sub_tv"}, False)
    assert second == ({f"sub_mute{at}" for at in range(12)}, True)
    assert len(harness.endpoint.at("/tv")) == 2
    assert len(harness.deliveries()) == 26


def test_no_subscriber_receives_a_notice_twice_after_a_deliverer_died_while_expanding_it(harness: Any) -> None:
    outboxes = one_of_many_succeeds(harness, FailingOutbox)

    async def run() -> None:
        async with harness.open() as [deliverer]:
            await deliverer.run()
            [outbox] = outboxes
            outbox.fails = True
            harness.announce()
            with pytest.raises(ConnectionError):
                await deliverer.run()
            outbox.fails = False
            await deliverer.run()

    asyncio.run(run())
    assert len(harness.endpoint.at("/tv")) == 2
    assert len(harness.deliveries()) == 26
    assert {len(harness.deliveries(f"mute{at}")) for at in range(12)} == {2}


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_a_leased_delivery_of_a_disabled_or_deleted_subscriber_is_not_sent(harness: DeliveryHarness, how: str) -> None:
    subscriber = harness.subscribe("tv", max_in_flight=1)
    harness.subscribe("other", types=["session.*"])
    first = asyncio.Event()
    harness.endpoint.holds["/tv"] = first
    for _ in range(3):
        harness.announce()

    async def run() -> None:
        async with harness.open() as [deliverer]:
            running = asyncio.create_task(deliverer.run())
            await wait_until_async(lambda: harness.endpoint.at("/tv"), what="the first post")
            queue = deliverer.dispatcher.queue_of(deliverer.subscribers.by_id["sub_tv"])
            if how == "disabled":
                harness.subscribers.put(replace(subscriber, url=f"http://127.0.0.1:{harness.port}/tv", enabled=False))
            else:
                harness.subscribers.delete("sub_tv")
            harness.announce("session.started")
            await wait_until_async(
                lambda: harness.endpoint.at("/other") and not queue.waiting, what="an empty queue and the other's post"
            )
            first.set()
            await asyncio.wait_for(running, WITHIN_S)

    asyncio.run(run())
    assert len(harness.endpoint.at("/tv")) == 1
    assert sorted(delivery.state.value for delivery in harness.deliveries("tv")) == ["dead", "dead", "delivered"]


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_retries_of_the_next_days_are_dead_as_soon_as_nobody_wants_them(harness: DeliveryHarness, how: str) -> None:
    subscriber = harness.subscribe("tv", ordering=Ordering.ROOM)
    harness.subscribe("other")
    harness.endpoint.answers["/tv"] = harness.endpoint.answers["/other"] = [503]
    harness.endpoint.headers["Retry-After"] = "10"
    for room in ("hall", "hall", "studio"):
        harness.announce(room=room)
    harness.deliver()
    assert {delivery.state for delivery in harness.deliveries()} == {DeliveryState.PENDING}
    if how == "disabled":
        harness.subscribers.put(replace(subscriber, enabled=False))
    else:
        harness.subscribers.delete("sub_tv")
    harness.deliver()
    assert {delivery.state for delivery in harness.deliveries("tv")} == {DeliveryState.DEAD}
    assert {delivery.state for delivery in harness.deliveries("other")} == {DeliveryState.PENDING}
    assert len(harness.endpoint.at("/tv")) == 2


def test_who_is_disabled_by_us_is_so_only_together_with_the_news_of_it(harness: DeliveryHarness) -> None:
    subscriber = harness.subscribe("gone")

    def die(pipe: Any) -> None:
        raise StoreUnavailableError("died in between")

    with pytest.raises(StoreUnavailableError):
        harness.subscribers.change("sub_gone", lambda subscriber: replace(subscriber, enabled=False), also=die)
    assert harness.subscribers.get("sub_gone") == subscriber
    news = entry(Source.SYSTEM, "subscriber-disabled", None, {"subscriber_id": "sub_gone", "reason": "gone"})
    journal = Journal(harness.client)
    for _ in range(2):
        harness.subscribers.change(
            "sub_gone",
            lambda subscriber: replace(subscriber, enabled=False),
            also=lambda pipe: journal.append_with(pipe, [news]),
        )
    assert [(event.type, event.data["reason"]) for event in journal.scan()] == [("subscriber-disabled", "gone")]


def test_a_retry_goes_where_the_subscriber_now_is_and_is_signed_with_its_newest_secret(
    harness: DeliveryHarness,
) -> None:
    subscriber = harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500]
    harness.announce()
    new = new_secret()

    async def run() -> None:
        async with harness.open() as [deliverer]:
            await deliverer.run()
            moved = replace(subscriber, url=f"http://127.0.0.1:{harness.port}/moved", secret=new)
            harness.subscribers.put(moved)
            harness.make_due()
            await deliverer.run()
            harness.subscribers.put(replace(moved, enabled=False))
            harness.make_due()
            await deliverer.run()

    asyncio.run(run())
    [post] = harness.endpoint.at("/moved")
    Webhook("whsec_" + new).verify(post.body, post.headers)
    assert len(harness.endpoint.at("/tv")) == 1


def test_an_endpoint_inside_is_blocked_and_tried_again(harness: DeliveryHarness) -> None:
    harness.subscribe("inside", url="http://10.0.0.1/")
    harness.announce()
    harness.deliver()
    delivery = harness.only()
    assert (delivery.state, delivery.attempts[0].error) == (DeliveryState.PENDING, "blocked")


def test_a_delivery_whose_deliverer_died_comes_back_when_its_lease_runs_out(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.announce()
    hold = None

    async def die() -> None:
        nonlocal hold
        hold = harness.endpoint.holds["/tv"] = asyncio.Event()
        async with harness.open() as [deliverer]:
            run = asyncio.create_task(deliverer.run())
            await wait_until_async(lambda: harness.endpoint.posts, what="the first post")
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            await deliverer.abandon()
            hold.set()

    asyncio.run(die())
    harness.endpoint.holds.clear()
    harness.deliver()
    assert len(harness.endpoint.posts) == 1  # the lease holds
    harness.make_due()
    harness.deliver()
    assert [post.id for post in harness.endpoint.posts] == [harness.endpoint.posts[0].id] * 2
    assert harness.only().state is DeliveryState.DELIVERED


def test_two_deliverers_deliver_to_each_subscriber_once(harness: DeliveryHarness) -> None:
    for name in ("a", "b", "c"):
        harness.subscribe(name)
    for _ in range(60):
        harness.announce()
    harness.deliver(deliverers=2)
    received = [(post.path, post.id) for post in harness.endpoint.posts]
    assert len(received) == len(set(received)) == 180
    assert {delivery.state for delivery in harness.deliveries()} == {DeliveryState.DELIVERED}


def test_three_hundred_notices_reach_each_of_five_subscribers_once(harness: DeliveryHarness) -> None:
    names = ["a", "b", "c", "d", "e"]
    for name in names:
        harness.subscribe(name)
    notices = {harness.announce("participant.joined", participant={"name": str(at)}).notice_id for at in range(300)}
    harness.deliver()
    for name in names:
        ids = [post.id for post in harness.endpoint.at(f"/{name}")]
        assert len(ids) == 300
        assert set(ids) == notices
    assert len(harness.index("delivered")) == 1_500
    assert harness.index("pending") == set()
    assert list(harness.client.scan_iter(keys.subscriber_due("*"))) == []


def test_a_slow_subscriber_delays_no_other(harness: DeliveryHarness) -> None:
    harness.subscribe("slow")
    harness.subscribe("quick")
    for _ in range(100):
        harness.announce()

    async def run() -> Any:
        harness.endpoint.holds["/slow"] = asyncio.Event()
        async with harness.open() as [deliverer]:
            running = asyncio.create_task(deliverer.run())
            await wait_until_async(lambda: len(harness.endpoint.at("/quick")) >= 100, what="the quick subscriber's 100")
            at_once = len(harness.endpoint.at("/slow"))
            harness.endpoint.holds["/slow"].set()
            await asyncio.wait_for(running, WITHIN_S)
            return at_once

    assert asyncio.run(run()) <= IN_FLIGHT_MAX
    assert len(harness.endpoint.at("/slow")) == 100


def test_a_deliverer_that_is_stopped_finishes_the_attempts_in_flight(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.announce()
    stop = asyncio.Event()

    async def run() -> None:
        async with harness.open() as [deliverer]:
            harness.endpoint.on_post = stop.set
            await asyncio.wait_for(deliverer.run(stopping=stop.is_set), WITHIN_S)

    asyncio.run(run())
    assert harness.only().state is DeliveryState.DELIVERED


def test_a_secret_in_rotation_signs_beside_the_new_one(harness: DeliveryHarness) -> None:
    old, new = new_secret(), new_secret()
    tomorrow = int(time.time() * 1000) + 86_400_000
    harness.subscribe("tv", secret=new, old_secrets=(OldSecret(old, tomorrow),))
    harness.announce()
    harness.deliver()
    [post] = harness.endpoint.posts
    for secret in (old, new):
        Webhook("whsec_" + secret).verify(post.body, post.headers)


def delivery_after(attempts: int = 0) -> Any:
    delivery = Delivery("dlv_x", "msg_x", "sub_x", 1)
    for _ in range(attempts):
        delivery = after_attempt(delivery, AttemptResult(500, AttemptError.STATUS, 1), at=1, now=1)
    return delivery


@pytest.mark.parametrize("attempts", range(len(RETRY_SCHEDULE_MS)))
def test_the_waits_between_attempts_are_those_of_the_table_give_or_take_a_fifth(attempts: int) -> None:
    delivery = after_attempt(delivery_after(attempts), AttemptResult(500, AttemptError.STATUS, 1), at=1_000, now=2_000)
    assert delivery.state is DeliveryState.PENDING
    assert (
        0.8 * RETRY_SCHEDULE_MS[attempts]
        <= present(delivery.next_attempt_at) - 2_000
        <= 1.2 * RETRY_SCHEDULE_MS[attempts]
    )


@pytest.mark.parametrize(
    "reply", [AttemptResult(429, AttemptError.STATUS, 1), AttemptResult(None, AttemptError.TIMEOUT, 1)]
)
def test_who_is_overrun_is_left_alone_for_a_minute(reply: Any) -> None:
    delivery = after_attempt(delivery_after(), reply, at=1_000, now=2_000)
    assert present(delivery.next_attempt_at) - 2_000 >= 0.8 * SLOW_DOWN_MIN_MS


def test_a_retry_after_is_honoured_up_to_twice_the_wait() -> None:
    for asked_ms, waited in ((7_000, 7_000), (3_600_000, 2 * RETRY_SCHEDULE_MS[0])):
        delivery = after_attempt(
            delivery_after(), AttemptResult(503, AttemptError.STATUS, 1, retry_after_ms=asked_ms), at=1, now=1
        )
        assert present(delivery.next_attempt_at) - 1 == waited


def test_a_410_is_never_tried_again() -> None:
    delivery = after_attempt(delivery_after(), AttemptResult(410, AttemptError.STATUS, 1), at=1, now=1)
    assert (delivery.state, delivery.next_attempt_at) == (DeliveryState.DEAD, None)


def test_an_answer_that_quotes_the_secret_path_is_kept_without_it(harness: DeliveryHarness) -> None:
    harness.subscribe("tv", url="http://127.0.0.1:{port}/in/aB3dE5fG7hI9jK1lM3nO?token=opensesame&room=a")
    harness.endpoint.answers["/in/aB3dE5fG7hI9jK1lM3nO"] = [404]
    harness.endpoint.quotes_paths = True
    harness.announce()
    harness.deliver()
    [attempt] = harness.only().attempts
    assert (attempt.status, attempt.response) == (404, "Cannot POST /in/****?token=****&room=a")
