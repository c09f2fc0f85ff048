"""Endpoints that fail: a breaker, giving up after days, whose fault it is, and what is recovered afterwards."""

import asyncio
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.support.web_client import Doors, fold_all
from webhook_app.config.values import networks
from webhook_app.domain.delivery.concurrency import (
    CUT_OFF_HOSTS,
    FIRST_BOUND,
    GIVE_UP_AFTER_MS,
    OPEN_FIRST_MS,
    TRIP_POINTS,
    Horizon,
    Pace,
    points,
    was_heard,
)
from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.domain.notices.types import make_notice
from webhook_app.domain.times import rfc3339
from webhook_app.outbound.proxies import DIRECT, Proxies
from webhook_app.store import codec, keys
from webhook_app.store.alarms import is_raised
from webhook_app.store.delivery_records import DeliveryRecords
from workers.deliver.escalations import cut_off_summary

DAY_MS = 86_400_000


@pytest.fixture
def doors(store_url, tmp_path):
    return Doors(store_url, tmp_path, allow_networks=networks("127.0.0.0/8"))


def health(office, name="tv"):
    [found] = office.subscribers.health([f"sub_{name}"])
    return found


def fail(office, times):
    """Let the endpoint fail so often, each time with a notice of its own."""
    for _ in range(times):
        office.tell()
        office.deliver()


def test_one_that_keeps_failing_is_left_alone_and_the_others_are_not(office):
    office.subscribe("tv")
    office.subscribe("well")
    office.endpoint.answers["/tv"] = [500]
    fail(office, TRIP_POINTS + 5)
    assert len(office.endpoint.at("/tv")) == TRIP_POINTS
    assert len(office.endpoint.at("/well")) == TRIP_POINTS + 5
    found = health(office)
    wait = found.open_until - int(time.time() * 1000)
    assert 0 < wait <= 1.2 * OPEN_FIRST_MS
    assert (found.failing_since is not None, found.error) == (True, "status 500")
    assert health(office, "well").open_until is None


def test_after_a_while_one_attempt_shows_whether_it_is_well_again(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500] * (TRIP_POINTS + 1) + [200]
    fail(office, TRIP_POINTS + 3)
    first_pause = health(office).open_until - int(time.time() * 1000)
    office.make_due()
    office.deliver()
    assert len(office.endpoint.at("/tv")) == TRIP_POINTS + 1  # one, and it failed: left alone for twice as long
    assert health(office).open_until - int(time.time() * 1000) > first_pause
    office.make_due()
    office.deliver()
    assert health(office).open_until is None
    assert {one.state for one in office.deliveries()} == {DeliveryState.DELIVERED}


def test_a_breaker_loses_nothing_and_nothing_is_sent_twice(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [503] * TRIP_POINTS + [200]
    fail(office, TRIP_POINTS)
    told = {office.tell().notice_id for _ in range(50)}
    office.deliver()
    office.make_due()
    office.deliver()
    answered = [post.id for post in office.endpoint.at("/tv")][TRIP_POINTS:]
    assert len(answered) == len(set(answered)) == TRIP_POINTS + 50
    assert told <= set(answered)


def test_who_fails_for_five_days_is_disabled_and_the_others_are_told(office):
    office.subscribe("tv")
    office.subscribe("ops", types=["subscriber.disabled"])
    office.endpoint.answers["/tv"] = [500]
    fail(office, TRIP_POINTS)
    long_ago = int(time.time() * 1000) - GIVE_UP_AFTER_MS
    office.client.hset(keys.subscriber_health("sub_tv"), "failing_since", long_ago)
    office.make_due()
    office.deliver()
    known = office.subscribers.get("sub_tv")
    assert (known.enabled, known.disabled_because) == (False, "it has not answered for five days")
    fold_all(office.client)
    office.deliver()
    [told] = office.endpoint.at("/ops")
    assert told.json["data"]["subscriber_id"] == "sub_tv"
    office.make_due()
    office.deliver()
    assert {one.state for one in office.deliveries("tv")} == {DeliveryState.DEAD}
    assert len(office.endpoint.at("/tv")) <= TRIP_POINTS + 1


def test_an_answer_within_five_days_begins_them_anew(office):
    office.subscribe("tv")
    office.endpoint.answers["/tv"] = [500, 500, 200, 500]
    fail(office, 2)
    office.client.hset(keys.subscriber_health("sub_tv"), "failing_since", 1)
    fail(office, 2)
    assert office.subscribers.get("sub_tv").enabled
    assert health(office).failing_since > 1


def test_when_nobody_can_be_reached_it_is_our_network_and_nobody_is_blamed(office):
    for name, url in (("a", "http://no-such-host.invalid/"), ("b", "http://nor-this-one.invalid/")):
        office.subscribe(name, url=url)

    async def run():
        async with office.open() as [hand]:
            for _ in range(3):
                office.tell()
                office.make_due()
                await hand.run()

    asyncio.run(run())
    blamed = [office.client.hget(keys.subscriber_health(f"sub_{name}"), "points") for name in "ab"]
    assert sum(int(found or 0) for found in blamed) <= 1  # the very first, when only one had been tried
    fold_all(office.client)
    assert office.client.hexists(keys.ALARMS, "deliveries-cut-off")
    assert {one.attempts[0].error for one in office.deliveries()} == {"dns"}


def test_the_alarm_says_that_deliveries_do_not_use_a_proxy_that_is_set():
    assert "HTTPS_PROXY" not in cut_off_summary(DIRECT)
    summary = cut_off_summary(Proxies(https="http://u:hidden@p:1"))
    assert "use no proxy, although HTTPS_PROXY is set" in summary
    assert "hidden" not in summary


def test_one_that_answers_shows_that_the_network_is_there():
    horizon = Horizon()
    for at in range(CUT_OFF_HOSTS + 3):
        horizon.note(f"host-{at}", "timeout", 1_000)
    assert horizon.cut_off(1_000)
    horizon.note("somebody", "status", 1_500)
    assert not horizon.cut_off(1_500)
    horizon.note("host-1", "refused", 2_000)
    assert not horizon.cut_off(2_000)


def test_one_host_that_fails_is_its_own_fault():
    horizon = Horizon()
    for at in range(50):
        horizon.note("one-host", "timeout", at)
    assert not horizon.cut_off(50)


@given(some.lists(some.sampled_from([None, "timeout", "status", "refused", "dns"]), max_size=80))
def test_a_pace_is_never_none_and_never_more_than_is_allowed(errors):
    pace = Pace()
    assert pace.bound == FIRST_BOUND
    for error in errors:
        pace = pace.after(error, at_most=32)
        assert 1 <= pace.bound <= 32
        assert pace.proven or error is not None
    if errors and errors[-1] == "timeout":
        assert pace == Pace(1, proven=False)
    assert points("timeout") > points("status") > 0


def test_what_was_missed_while_it_was_disabled_is_told_when_it_is_enabled_with_that_wish(office, doors):
    known = office.subscribe("tv", types=["stream.*"])
    office.tell("stream.starting")
    office.deliver()
    office.subscribers.put(replace(office.subscribers.get(known.subscriber_id), enabled=False))
    before = "2020-01-01T00:00:00Z"
    missed = [office.tell("stream.started"), office.tell("stream.playable")]
    office.tell("session.ended")
    office.deliver()
    assert len(office.endpoint.at("/tv")) == 1
    answer = doors.api("POST", "/subscribers/sub_tv/enable", {"recover_from": before})
    assert (answer.status_code, answer.json["enabled"]) == (200, True)
    fold_all(office.client)
    office.deliver()
    told = office.endpoint.at("/tv")[1:]
    assert {post.id for post in told} == {one.notice_id for one in missed}
    stale = {post.json["type"]: post.json.get("stale", False) for post in told}
    assert stale == {"stream.started": True, "stream.playable": False}


def test_recover_puts_the_dead_of_a_stretch_of_time_in_line_and_leaves_the_delivered(office, doors):
    office.subscribe("tv", types=["stream.*"])
    office.endpoint.answers["/tv"] = [410]
    noon = int(time.time() * 1000) - DAY_MS
    old, wanted, late = (office.tell(at=noon + hours * 3_600_000) for hours in (-2, 0, 2))
    office.deliver()
    assert {one.state for one in office.deliveries()} == {DeliveryState.DEAD}
    doors.api("POST", "/subscribers/sub_tv/enable", {})
    office.endpoint.answers["/tv"] = [200]
    office.endpoint.posts.clear()
    body = {"from": rfc3339(noon - 1_000), "to": rfc3339(noon + 1_000)}
    answer = doors.api("POST", "/subscribers/sub_tv/recover", body)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/events/{answer.json['id']}"
    fold_all(office.client)
    office.deliver()
    assert [post.id for post in office.endpoint.posts] == [wanted.notice_id]
    states = {one.notice_id: one.state for one in office.deliveries()}
    assert states[wanted.notice_id] is DeliveryState.DELIVERED
    assert states[old.notice_id] is states[late.notice_id] is DeliveryState.DEAD
    doors.api("POST", "/subscribers/sub_tv/recover", body)
    fold_all(office.client)
    office.deliver()
    assert len(office.endpoint.posts) == 1  # what is delivered stays so


def test_a_recovery_of_many_goes_on_where_a_hand_that_died_left_it(office, doors):
    office.subscribe("tv", enabled=False)
    told = {office.tell("stream.started").notice_id for _ in range(1_200)}
    office.deliver()
    doors.api("POST", "/subscribers/sub_tv/enable", {"recover_from": "2020-01-01T00:00:00Z"})
    fold_all(office.client)

    async def die():
        async with office.open() as [hand]:
            run = asyncio.create_task(hand.run())
            while not office.endpoint.posts:
                await asyncio.sleep(0.001)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            for lane in list(hand._lines._lanes):
                lane.cancel()

    asyncio.run(die())
    for _ in range(3):
        office.make_due()
        office.deliver()
    assert {post.id for post in office.endpoint.posts} == told
    assert DeliveryRecords(office.client).counts() == {"pending": 0, "delivered": 1_200, "dead": 0}
    assert not office.client.exists(keys.RECOVERIES)


def test_a_test_notice_goes_to_that_subscriber_alone_whatever_it_asked_for(office, doors):
    office.subscribe("tv", types=["stream.playable"])
    office.subscribe("all", types=["*", "subscriber.*"])
    answer = doors.api("POST", "/subscribers/sub_tv/test")
    assert answer.status_code == 202
    fold_all(office.client)
    office.deliver()
    assert office.endpoint.types("/tv") == ["subscriber.test"]
    assert office.endpoint.at("/all") == []
    assert doors.get(f"/events/{answer.json['id']}")["effect"] == "A test notice is sent to sub_tv"


def test_after_a_rotation_the_old_secret_signs_beside_the_new_one_for_a_day(office, doors):
    known = office.subscribe("tv")
    old = "whsec_" + known.secret
    answer = doors.api("POST", "/subscribers/sub_tv/rotate-secret")
    new = answer.json["secret"]
    assert (answer.status_code, new != old, new.startswith("whsec_")) == (200, True, True)
    office.tell()
    office.deliver()
    [post] = office.endpoint.posts
    for secret in (old, new):
        Webhook(secret).verify(post.body, post.headers)
    kept = office.subscribers.get("sub_tv")
    assert 0 <= int(time.time() * 1000) + DAY_MS - kept.old_secrets[0].until < 60_000
    office.subscribers.put(replace(kept, old_secrets=(replace(kept.old_secrets[0], until=1),)))
    office.tell()
    office.deliver()
    post = office.endpoint.posts[-1]
    Webhook(new).verify(post.body, post.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(post.body, post.headers)


def test_a_rate_limit_holds_over_all_hands(office):
    office.subscribe("tv", rate_limit=20)
    for _ in range(60):
        office.tell()
    began = time.monotonic()
    office.deliver(deliverers=2)
    spent = time.monotonic() - began
    assert len(office.endpoint.posts) == 60
    assert spent >= (60 - 20) / 20 * 0.9  # a second's worth at once, the rest at that rate


def test_never_more_are_in_flight_than_the_subscriber_allows(office):
    office.subscribe("tv", max_in_flight=3)
    now = most = 0

    async def count():
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.003)
        now -= 1

    office.endpoint.on_take = count
    for _ in range(60):
        office.tell()
    office.deliver()
    assert most == 3
    assert len(office.endpoint.posts) == 60


def test_the_alarm_of_a_hand_that_was_started_anew_is_cleared_when_somebody_answers(office):
    for name, url in (("a", "http://no-such-host.invalid/"), ("b", "http://nor-this-one.invalid/")):
        office.subscribe(name, url=url)
    office.tell()
    office.deliver()
    fold_all(office.client)
    assert is_raised(office.client, "deliveries-cut-off")
    office.tell()
    office.deliver()  # another hand, as after a restart; nobody answers it either
    fold_all(office.client)
    assert is_raised(office.client, "deliveries-cut-off")
    office.subscribe("well")
    office.tell()
    office.deliver()
    fold_all(office.client)
    assert not is_raised(office.client, "deliveries-cut-off")


def test_a_network_that_is_lost_stays_lost_until_somebody_answers():
    horizon = Horizon()
    for at, host in enumerate(("a", "b")):
        horizon.note(host, "timeout", at)
    later = 30 * 60_000
    assert horizon.note("a", "timeout", later)  # b waits for its retry meanwhile: still nobody has answered
    assert horizon.note("c", "blocked", later)  # refused by ourselves: says nothing
    assert not horizon.note("a", "status", later)


def test_what_is_not_said_again_says_nothing_about_the_network(office):
    office.subscribe("chat", url="json://127.0.0.1:{port}/chat", rate_limit=100)
    office.tell("stream.stopped")
    office.deliver()
    before = office.client.hget(keys.subscriber_health("sub_chat"), "answered_at")
    office.tell("stream.stopped")
    office.deliver()
    assert len(office.endpoint.at("/chat")) == 1
    assert office.client.hget(keys.subscriber_health("sub_chat"), "answered_at") == before
    assert {one.state for one in office.deliveries()} == {DeliveryState.DELIVERED}


def test_a_notice_told_in_the_very_millisecond_that_is_asked_for_is_recovered(office, doors):
    office.subscribe("tv", types=["stream.*"], enabled=False)
    at = int(time.time() * 1000) - 60_000
    missed = make_notice("1-0", "stream.started", at, room_id="a", sequence=1, because=None, data={})
    office.client.xadd(keys.OUTBOX, {"n": codec.encode(missed)}, id=f"{at}-0")
    office.deliver()
    doors.api("POST", "/subscribers/sub_tv/enable", {"recover_from": rfc3339(at)})
    fold_all(office.client)
    office.deliver()
    assert [post.id for post in office.endpoint.at("/tv")] == [missed.notice_id]


def test_a_recovery_of_the_future_recovers_nothing_and_is_over(office, doors):
    office.subscribe("tv", types=["stream.*"])
    office.endpoint.answers["/tv"] = [410]
    office.tell()
    office.deliver()
    doors.api("POST", "/subscribers/sub_tv/enable", {})
    assert doors.api("POST", "/subscribers/sub_tv/recover", {"from": "2999-01-01T00:00:00Z"}).status_code == 202
    fold_all(office.client)
    office.deliver()
    assert office.only().state is DeliveryState.DEAD
    assert not office.client.exists(keys.RECOVERIES)


def test_a_thousand_that_are_broken_or_disabled_cost_nothing_at_rest(office):
    for at in range(1_000):
        office.subscribe(f"gone{at}", enabled=at % 2 == 0)
    office.tell()
    office.deliver()  # the enabled half is told, and fails below
    office.endpoint.refuses = "stuck"
    office.tell(room="stuck")
    office.deliver()
    in_an_hour = int(time.time() * 1000) + 3_600_000
    for subscriber in office.client.zrange(keys.SUBSCRIBERS_DUE, 0, -1):
        office.client.hset(keys.SUBSCRIBERS_OPEN, subscriber, in_an_hour)
        office.client.zadd(keys.SUBSCRIBERS_DUE, {subscriber: 1})
    office.deliver()
    before = office.client.info("stats")["total_commands_processed"]
    office.deliver()
    spent = office.client.info("stats")["total_commands_processed"] - before
    assert spent < 300


def test_what_was_in_hand_for_one_that_begins_to_fail_is_kept_from_it_as_well(office):
    office.subscribe("tv", max_in_flight=4)
    office.endpoint.answers["/tv"] = [200] * 300 + [500]

    async def slowly():
        await asyncio.sleep(0.003)

    office.endpoint.on_take = slowly
    for _ in range(800):
        office.tell()
    office.deliver()
    refused = len(office.endpoint.at("/tv")) - 300
    assert TRIP_POINTS <= refused < 100
    office.endpoint.answers["/tv"] = [200]
    office.make_due()
    office.deliver()
    assert {one.state for one in office.deliveries()} == {DeliveryState.DELIVERED}


@pytest.mark.parametrize("error", ["dns", "refused", "timeout", "tls", "not-http", "blocked"])
def test_what_no_endpoint_has_answered_is_no_sign_that_the_network_is_there(error):
    assert not was_heard(error)


@pytest.mark.parametrize("error", [None, "status"])
def test_an_answer_is_a_sign_that_the_network_is_there(error):
    assert was_heard(error)
