"""Endpoints that fail: a breaker, giving up after days, whose fault it is, and what is recovered afterwards."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.support.delivery_harness import DeliveryHarness
from tests.support.pauses import slow_answer_async
from tests.support.polling import wait_until_async
from tests.support.values import present
from tests.support.web_client import WebClient, fold_all
from webhook_app.config.values import networks
from webhook_app.domain.delivery.breaker import (
    BREAKER_FIRST_PAUSE_MS,
    BREAKER_THRESHOLD,
    GIVE_UP_AFTER_MS,
    failure_score,
)
from webhook_app.domain.delivery.concurrency import INITIAL_LIMIT, ConcurrencyLimit
from webhook_app.domain.delivery.connectivity import OFFLINE_HOSTS, ConnectivityMonitor, shows_connectivity
from webhook_app.domain.delivery.delivery import AttemptError, DeliveryState
from webhook_app.domain.delivery.disabled_reasons import DisabledReason
from webhook_app.domain.notices.notice import make_notice
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.times import rfc3339
from webhook_app.outbound.proxies import DIRECT, Proxies
from webhook_app.store import codec, keys
from webhook_app.store.connection.server_time import time_ms
from webhook_app.store.deliveries.records import DeliveryRecords
from webhook_app.store.state.alarms import is_raised
from workers.deliver.escalations import offline_summary

DAY_MS = 86_400_000


@pytest.fixture
def web_client(store_url: str, tmp_path: Path) -> Any:
    return WebClient(store_url, tmp_path, allow_networks=networks("127.0.0.0/8"))


def health(harness: Any, name: str = "tv") -> Any:
    [health_now] = harness.subscribers.health([f"sub_{name}"])
    return health_now


def fail(harness: Any, times: Any) -> None:
    """Let the endpoint fail so often, each time with a notice of its own."""
    for _ in range(times):
        harness.announce()
        harness.deliver()


def test_a_subscriber_that_keeps_failing_is_paused_and_the_others_are_not(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.subscribe("well")
    harness.endpoint.answers["/tv"] = [500]
    fail(harness, BREAKER_THRESHOLD + 5)
    assert len(harness.endpoint.at("/tv")) == BREAKER_THRESHOLD
    assert len(harness.endpoint.at("/well")) == BREAKER_THRESHOLD + 5
    health_now = health(harness)
    wait = health_now.open_until - int(time.time() * 1000)
    assert 0 < wait <= 1.2 * BREAKER_FIRST_PAUSE_MS
    assert (health_now.failing_since is not None, health_now.error) == (True, "status 500")
    assert health(harness, "well").open_until is None


def test_after_its_pause_one_attempt_shows_whether_the_endpoint_works_again(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500] * (BREAKER_THRESHOLD + 1) + [200]
    fail(harness, BREAKER_THRESHOLD + 3)
    first_pause = health(harness).open_until - int(time.time() * 1000)
    harness.make_due()
    harness.deliver()
    assert len(harness.endpoint.at("/tv")) == BREAKER_THRESHOLD + 1  # one, and it failed: left alone for twice as long
    assert health(harness).open_until - int(time.time() * 1000) > first_pause
    harness.make_due()
    harness.deliver()
    assert health(harness).open_until is None
    assert {delivery.state for delivery in harness.deliveries()} == {DeliveryState.DELIVERED}


def test_a_breaker_loses_nothing_and_nothing_is_sent_twice(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [503] * BREAKER_THRESHOLD + [200]
    fail(harness, BREAKER_THRESHOLD)
    sent = {harness.announce().notice_id for _ in range(50)}
    harness.deliver()
    harness.make_due()
    harness.deliver()
    answered = [post.id for post in harness.endpoint.at("/tv")][BREAKER_THRESHOLD:]
    assert len(answered) == len(set(answered)) == BREAKER_THRESHOLD + 50
    assert sent <= set(answered)


def test_a_subscriber_that_fails_for_five_days_is_disabled_and_the_others_are_notified(
    harness: DeliveryHarness,
) -> None:
    harness.subscribe("tv")
    harness.subscribe("ops", types=["subscriber.disabled"])
    harness.endpoint.answers["/tv"] = [500]
    fail(harness, BREAKER_THRESHOLD)
    long_ago = int(time.time() * 1000) - GIVE_UP_AFTER_MS
    harness.client.hset(keys.subscriber_health("sub_tv"), "failing_since", long_ago)
    harness.make_due()
    harness.deliver()
    subscriber = present(harness.subscribers.get("sub_tv"))
    assert (subscriber.enabled, subscriber.disabled_because) == (False, DisabledReason.FAILED_TOO_LONG)
    fold_all(harness.client)
    harness.deliver()
    [sent] = harness.endpoint.at("/ops")
    assert sent.json["data"]["subscriber_id"] == "sub_tv"
    harness.make_due()
    harness.deliver()
    assert {delivery.state for delivery in harness.deliveries("tv")} == {DeliveryState.DEAD}
    assert len(harness.endpoint.at("/tv")) <= BREAKER_THRESHOLD + 1


def test_an_answer_within_five_days_begins_them_anew(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500, 500, 200, 500]
    fail(harness, 2)
    harness.client.hset(keys.subscriber_health("sub_tv"), "failing_since", 1)
    fail(harness, 2)
    assert present(harness.subscribers.get("sub_tv")).enabled
    assert health(harness).failing_since > 1


def test_no_subscriber_is_blamed_when_none_can_be_reached(harness: DeliveryHarness) -> None:
    for name, url in (("a", "http://no-such-host.invalid/"), ("b", "http://nor-this-one.invalid/")):
        harness.subscribe(name, url=url)

    async def run() -> None:
        async with harness.open() as [deliverer]:
            for _ in range(3):
                harness.announce()
                harness.make_due()
                await deliverer.run()

    asyncio.run(run())
    blamed = [harness.client.hget(keys.subscriber_health(f"sub_{name}"), "points") for name in "ab"]
    assert sum(int(score or 0) for score in blamed) <= 1  # the very first, when only one had been tried
    fold_all(harness.client)
    assert harness.client.hexists(keys.ALARMS, "deliveries-cut-off")
    assert {delivery.attempts[0].error for delivery in harness.deliveries()} == {"dns"}


def test_the_alarm_says_that_deliveries_do_not_use_a_proxy_that_is_set() -> None:
    assert "HTTPS_PROXY" not in offline_summary(DIRECT).text
    summary = offline_summary(Proxies(https="http://u:hidden@p:1")).text
    assert "use no proxy, although HTTPS_PROXY is set" in summary
    assert "hidden" not in summary


def test_one_that_answers_shows_that_the_network_is_there() -> None:
    monitor = ConnectivityMonitor()
    for at in range(OFFLINE_HOSTS + 3):
        monitor.record(f"host-{at}", AttemptError.TIMEOUT, 1_000)
    assert monitor.is_offline(1_000)
    monitor.record("somebody", AttemptError.STATUS, 1_500)
    assert not monitor.is_offline(1_500)
    monitor.record("host-1", AttemptError.REFUSED, 2_000)
    assert not monitor.is_offline(2_000)


def test_one_host_that_fails_is_its_own_fault() -> None:
    monitor = ConnectivityMonitor()
    for at in range(50):
        monitor.record("one-host", AttemptError.TIMEOUT, at)
    assert not monitor.is_offline(50)


@given(some.lists(some.sampled_from([None, "timeout", "status", "refused", "dns"]), max_size=80))
def test_a_pace_is_never_none_and_never_more_than_is_allowed(errors: Any) -> None:
    concurrency = ConcurrencyLimit()
    assert concurrency.limit == INITIAL_LIMIT
    for error in errors:
        concurrency = concurrency.after(error, at_most=32)
        assert 1 <= concurrency.limit <= 32
        assert concurrency.healthy or error is not None
    if errors and errors[-1] == "timeout":
        assert concurrency == ConcurrencyLimit(1, healthy=False)
    assert failure_score(AttemptError.TIMEOUT) > failure_score(AttemptError.STATUS) > 0


def test_missed_notices_are_delivered_when_a_subscriber_is_enabled_with_recovery(
    harness: DeliveryHarness, web_client: WebClient
) -> None:
    subscriber = harness.subscribe("tv", types=["stream.*"])
    harness.announce("stream.starting")
    harness.deliver()
    harness.subscribers.put(replace(present(harness.subscribers.get(subscriber.subscriber_id)), enabled=False))
    before = "2020-01-01T00:00:00Z"
    missed = [harness.announce("stream.started"), harness.announce("stream.playable")]
    harness.announce("session.ended")
    harness.deliver()
    assert len(harness.endpoint.at("/tv")) == 1
    answer = web_client.api("POST", "/subscribers/sub_tv/enable", {"recover_from": before})
    assert (answer.status_code, answer.json["enabled"]) == (200, True)
    fold_all(harness.client)
    harness.deliver()
    sent = harness.endpoint.at("/tv")[1:]
    assert {post.id for post in sent} == {delivery.notice_id for delivery in missed}
    stale = {post.json["type"]: post.json.get("stale", False) for post in sent}
    assert stale == {"stream.started": True, "stream.playable": False}


def test_recover_retries_the_dead_deliveries_of_a_period_and_leaves_the_delivered(
    harness: DeliveryHarness, web_client: WebClient
) -> None:
    harness.subscribe("tv", types=["stream.*"])
    harness.endpoint.answers["/tv"] = [410]
    noon = int(time.time() * 1000) - DAY_MS
    old, covered, late = (harness.announce(at=noon + hours * 3_600_000) for hours in (-2, 0, 2))
    harness.deliver()
    assert {delivery.state for delivery in harness.deliveries()} == {DeliveryState.DEAD}
    web_client.api("POST", "/subscribers/sub_tv/enable", {})
    harness.endpoint.answers["/tv"] = [200]
    harness.endpoint.posts.clear()
    body = {"from": rfc3339(noon - 1_000), "to": rfc3339(noon + 1_000)}
    answer = web_client.api("POST", "/subscribers/sub_tv/recover", body)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/events/{answer.json['id']}"
    fold_all(harness.client)
    harness.deliver()
    assert [post.id for post in harness.endpoint.posts] == [covered.notice_id]
    states = {delivery.notice_id: delivery.state for delivery in harness.deliveries()}
    assert states[covered.notice_id] is DeliveryState.DELIVERED
    assert states[old.notice_id] is states[late.notice_id] is DeliveryState.DEAD
    web_client.api("POST", "/subscribers/sub_tv/recover", body)
    fold_all(harness.client)
    harness.deliver()
    assert len(harness.endpoint.posts) == 1  # what is delivered stays so


def test_a_long_recovery_continues_where_a_worker_that_died_left_it(
    harness: DeliveryHarness, web_client: WebClient
) -> None:
    harness.subscribe("tv", enabled=False)
    sent = {harness.announce("stream.started").notice_id for _ in range(1_200)}
    harness.deliver()
    web_client.api("POST", "/subscribers/sub_tv/enable", {"recover_from": "2020-01-01T00:00:00Z"})
    fold_all(harness.client)

    async def die() -> None:
        async with harness.open() as [deliverer]:
            run = asyncio.create_task(deliverer.run())
            await wait_until_async(lambda: harness.endpoint.posts, what="the first post")
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            await deliverer.abandon()

    asyncio.run(die())
    for _ in range(3):
        harness.make_due()
        harness.deliver()
    assert {post.id for post in harness.endpoint.posts} == sent
    assert DeliveryRecords(harness.client).counts() == {"pending": 0, "delivered": 1_200, "dead": 0}
    assert not harness.client.exists(keys.RECOVERIES)


def test_a_test_notice_goes_to_that_subscriber_alone_whatever_it_selects(
    harness: DeliveryHarness, web_client: WebClient
) -> None:
    harness.subscribe("tv", types=["stream.playable"])
    harness.subscribe("all", types=["*", "subscriber.*"])
    answer = web_client.api("POST", "/subscribers/sub_tv/test")
    assert answer.status_code == 202
    fold_all(harness.client)
    harness.deliver()
    assert harness.endpoint.types("/tv") == ["subscriber.test"]
    assert harness.endpoint.at("/all") == []
    assert web_client.get(f"/events/{answer.json['id']}")["effect"] == "Sending a test notice to sub_tv"


def test_after_a_rotation_the_old_secret_signs_beside_the_new_one_for_a_day(
    harness: DeliveryHarness, web_client: WebClient
) -> None:
    subscriber = harness.subscribe("tv")
    old = "whsec_" + subscriber.secret
    answer = web_client.api("POST", "/subscribers/sub_tv/rotate-secret")
    new = answer.json["secret"]
    assert (answer.status_code, new != old, new.startswith("whsec_")) == (200, True, True)
    harness.announce()
    harness.deliver()
    [post] = harness.endpoint.posts
    for secret in (old, new):
        Webhook(secret).verify(post.body, post.headers)
    kept = present(harness.subscribers.get("sub_tv"))
    assert 0 <= int(time.time() * 1000) + DAY_MS - kept.old_secrets[0].until < 60_000
    harness.subscribers.put(replace(kept, old_secrets=(replace(kept.old_secrets[0], until=1),)))
    harness.announce()
    harness.deliver()
    post = harness.endpoint.posts[-1]
    Webhook(new).verify(post.body, post.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(post.body, post.headers)


def test_a_rate_limit_holds_over_all_workers(harness: DeliveryHarness) -> None:
    harness.subscribe("tv", rate_limit=20)
    for _ in range(60):
        harness.announce()
    before = time_ms(harness.client.time())
    harness.deliver(deliverers=2)
    assert len(harness.endpoint.posts) == 60
    # Until when the rate is used up, by the store's clock: a second's worth at once, then 50 ms for each delivery.
    spent_until = int(harness.client.hget(keys.subscriber_health("sub_tv"), "spent") or 0)
    assert before - 1_000 + 60 * 50 <= spent_until <= time_ms(harness.client.time())


def test_never_more_are_in_flight_than_the_subscriber_allows(harness: DeliveryHarness) -> None:
    harness.subscribe("tv", max_in_flight=3)
    now = most = 0

    async def count() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await slow_answer_async(0.003)
        now -= 1

    harness.endpoint.on_take = count
    for _ in range(60):
        harness.announce()
    harness.deliver()
    assert most == 3
    assert len(harness.endpoint.posts) == 60


def test_the_alarm_of_a_restarted_worker_is_cleared_when_an_endpoint_answers(harness: DeliveryHarness) -> None:
    for name, url in (("a", "http://no-such-host.invalid/"), ("b", "http://nor-this-one.invalid/")):
        harness.subscribe(name, url=url)
    harness.announce()
    harness.deliver()
    fold_all(harness.client)
    assert is_raised(harness.client, "deliveries-cut-off")
    harness.announce()
    harness.deliver()  # another hand, as after a restart; nobody answers it either
    fold_all(harness.client)
    assert is_raised(harness.client, "deliveries-cut-off")
    harness.subscribe("well")
    harness.announce()
    harness.deliver()
    fold_all(harness.client)
    assert not is_raised(harness.client, "deliveries-cut-off")


def test_a_network_that_is_lost_stays_lost_until_somebody_answers() -> None:
    monitor = ConnectivityMonitor()
    for at, host in enumerate(("a", "b")):
        monitor.record(host, AttemptError.TIMEOUT, at)
    later = 30 * 60_000
    # "b" waits for its retry meanwhile: still no host has answered.
    assert monitor.record("a", AttemptError.TIMEOUT, later)
    assert monitor.record("c", AttemptError.BLOCKED, later)  # refused by ourselves: says nothing
    assert not monitor.record("a", AttemptError.STATUS, later)


def test_what_is_not_said_again_says_nothing_about_the_network(harness: DeliveryHarness) -> None:
    harness.subscribe("chat", url="json://127.0.0.1:{port}/chat", rate_limit=100)
    harness.announce("stream.stopped")
    harness.deliver()
    before = harness.client.hget(keys.subscriber_health("sub_chat"), "answered_at")
    harness.announce("stream.stopped")
    harness.deliver()
    assert len(harness.endpoint.at("/chat")) == 1
    assert harness.client.hget(keys.subscriber_health("sub_chat"), "answered_at") == before
    assert {delivery.state for delivery in harness.deliveries()} == {DeliveryState.DELIVERED}


def test_a_notice_of_the_very_millisecond_where_recovery_starts_is_recovered(
    harness: DeliveryHarness, web_client: WebClient
) -> None:
    harness.subscribe("tv", types=["stream.*"], enabled=False)
    at = int(time.time() * 1000) - 60_000
    missed = make_notice("1-0", NoticeType.STREAM_STARTED, at, room_id="a", sequence=1, because=None, data={})
    harness.client.xadd(keys.OUTBOX, {"n": codec.encode(missed)}, id=f"{at}-0")
    harness.deliver()
    web_client.api("POST", "/subscribers/sub_tv/enable", {"recover_from": rfc3339(at)})
    fold_all(harness.client)
    harness.deliver()
    assert [post.id for post in harness.endpoint.at("/tv")] == [missed.notice_id]


def test_a_recovery_of_the_future_recovers_nothing_and_is_over(harness: DeliveryHarness, web_client: WebClient) -> None:
    harness.subscribe("tv", types=["stream.*"])
    harness.endpoint.answers["/tv"] = [410]
    harness.announce()
    harness.deliver()
    web_client.api("POST", "/subscribers/sub_tv/enable", {})
    assert web_client.api("POST", "/subscribers/sub_tv/recover", {"from": "2999-01-01T00:00:00Z"}).status_code == 202
    fold_all(harness.client)
    harness.deliver()
    assert harness.only().state is DeliveryState.DEAD
    assert not harness.client.exists(keys.RECOVERIES)


def test_a_thousand_that_are_broken_or_disabled_cost_nothing_at_rest(harness: DeliveryHarness) -> None:
    for at in range(1_000):
        harness.subscribe(f"gone{at}", enabled=at % 2 == 0)
    harness.announce()
    harness.deliver()  # the enabled half is told, and fails below
    harness.endpoint.refuses = "stuck"
    harness.announce(room="stuck")
    harness.deliver()
    in_an_hour = int(time.time() * 1000) + 3_600_000
    for subscriber in harness.client.zrange(keys.SUBSCRIBERS_DUE, 0, -1):
        harness.client.hset(keys.BREAKERS_OPEN_UNTIL, subscriber, in_an_hour)
        harness.client.zadd(keys.SUBSCRIBERS_DUE, {subscriber: 1})
    harness.deliver()
    before = harness.client.info("stats")["total_commands_processed"]
    harness.deliver()
    spent = harness.client.info("stats")["total_commands_processed"] - before
    assert spent < 300


def test_leased_deliveries_of_a_subscriber_that_begins_to_fail_are_held_back_too(harness: DeliveryHarness) -> None:
    harness.subscribe("tv", max_in_flight=4)
    harness.endpoint.answers["/tv"] = [200] * 300 + [500]

    async def slowly() -> None:
        await slow_answer_async(0.003)

    harness.endpoint.on_take = slowly
    for _ in range(800):
        harness.announce()
    harness.deliver()
    refused = len(harness.endpoint.at("/tv")) - 300
    assert BREAKER_THRESHOLD <= refused < 100
    harness.endpoint.answers["/tv"] = [200]
    harness.make_due()
    harness.deliver()
    assert {delivery.state for delivery in harness.deliveries()} == {DeliveryState.DELIVERED}


@pytest.mark.parametrize("error", sorted(set(AttemptError) - {AttemptError.STATUS, AttemptError.OBSERVED}))
def test_what_no_endpoint_has_answered_is_no_sign_that_the_network_is_there(error: AttemptError) -> None:
    assert not shows_connectivity(error)


@pytest.mark.parametrize("error", [None, AttemptError.STATUS])
def test_an_answer_is_a_sign_that_the_network_is_there(error: AttemptError | None) -> None:
    assert shows_connectivity(error)
