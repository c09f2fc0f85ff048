"""A copy that only observes records webhooks, and calls, probes, delivers and reports nothing, then or later."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.delivery_harness import DeliveryHarness
from tests.support.polling import wait_until
from tests.support.product import Product, product, webhook
from tests.support.scenario import Scenario
from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.domain.delivery.subscriber import Ordering
from webhook_app.domain.events import Source
from webhook_app.domain.reasons import Reason
from webhook_app.store import codec, keys

LIMIT_S = 30.0


def test_the_fold_calls_and_probes_nothing_and_says_why() -> None:
    scenario = Scenario()
    scenario.process(Source.SYSTEM, "settings", {"calls": False, "observing": True}, room=None)
    scenario.webhook("session-started")
    scenario.operator("start")
    assert scenario.starts == []
    scenario.webhook("hls-started")
    scenario.webhook("hls-stopped")
    assert [call for outcome in scenario.outcomes for call in outcome.calls] == []
    assert scenario.announced and all(notice.observed for notice in scenario.announced)


def test_a_timer_that_would_probe_does_not_claim_to() -> None:
    scenario = Scenario()
    scenario.webhook("session-started")
    scenario.webhook("hls-started")
    scenario.process(Source.SYSTEM, "settings", {"calls": False, "observing": True}, room=None)
    scenario.timer("watch")
    assert Reason.OBSERVING in scenario.reasons and Reason.PROBE_DUE not in scenario.reasons


def test_a_window_that_opens_is_missed_for_the_reason_that_this_copy_observes() -> None:
    settings = Scenario().world.config.settings
    assert settings.reason_for_no_calls(Reason.NO_CREDENTIALS) is Reason.NO_CREDENTIALS
    assert replace(settings, observing=True).reason_for_no_calls(Reason.NO_CREDENTIALS) is Reason.OBSERVING


def test_notices_made_before_are_not_marked_and_those_after_are_sent_again() -> None:
    scenario = Scenario()
    scenario.webhook("session-started")
    assert not any(notice.observed for notice in scenario.announced)
    scenario.process(Source.SYSTEM, "settings", {"observing": True}, room=None)
    scenario.webhook("hls-started")
    scenario.process(Source.SYSTEM, "settings", {"observing": False}, room=None)
    scenario.webhook("hls-playable")
    marked = {notice.type: notice.observed for notice in scenario.announced}
    assert (marked["session.started"], marked["stream.started"], marked["stream.playable"]) == (False, True, False)


def test_a_rule_that_matched_while_observing_starts_nothing_later_and_new_matches_do() -> None:
    scenario = Scenario()
    scenario.put_rule({"name": "with-ada", "rooms": ["*"], "on": "participant-joined", "do": "start"})
    scenario.process(Source.SYSTEM, "settings", {"calls": False, "observing": True}, room=None)
    scenario.webhook("session-started")
    scenario.joined("ada")
    desired_by_rule = scenario.room.desires.event
    assert desired_by_rule is not None
    scenario.process(Source.SYSTEM, "settings", {"calls": True, "observing": False}, room=None)
    assert (scenario.room.desires.event, scenario.starts) == (None, [])
    scenario.joined("grace")
    assert len(scenario.starts) == 1


@pytest.mark.parametrize("ordering", list(Ordering))
def test_what_is_due_is_dead_without_an_attempt_and_stays_so(harness: DeliveryHarness, ordering: Ordering) -> None:
    harness.subscribe("tv", ordering=ordering)
    for _ in range(3):
        harness.announce()
    harness.observing = True
    harness.deliver()
    harness.observing = False
    harness.deliver()
    assert harness.endpoint.posts == []
    assert [delivery.state for delivery in harness.deliveries()] == [DeliveryState.DEAD] * 3
    assert [delivery.attempts[-1].error for delivery in harness.deliveries()] == ["observed"] * 3
    harness.announce("stream.playable")
    harness.deliver()
    assert harness.endpoint.types("/tv") == ["stream.playable"]


def test_a_retry_that_falls_due_is_not_sent_though_a_breaker_is_open(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500]
    for _ in range(30):
        harness.announce()
    harness.deliver()
    sent = len(harness.endpoint.posts)
    assert sent and harness.index("pending")
    harness.make_due()
    harness.client.hset(keys.BREAKERS_OPEN_UNTIL, "sub_tv", int(time.time() * 1000) + 600_000)
    harness.observing = True
    harness.deliver()
    harness.observing = False
    harness.make_due()
    harness.deliver()
    assert (len(harness.endpoint.posts), harness.index("pending")) == (sent, set())


def test_a_notice_made_while_observing_goes_to_nobody_though_it_is_expanded_later(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    notice = harness.announce()
    [(entry, fields)] = harness.client.xrange(keys.OUTBOX)
    harness.client.xdel(keys.OUTBOX, entry)
    harness.client.xadd(keys.OUTBOX, {**fields, b"n": codec.encode(replace(notice, observed=True))})
    harness.deliver()
    assert (harness.endpoint.posts, harness.deliveries()) == ([], [])


def test_a_delivery_that_is_due_but_settled_elsewhere_does_not_hold_the_discard_up(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500]
    harness.announce()
    harness.deliver()
    harness.make_due()
    harness.client.delete(keys.DELIVERIES_PENDING)
    harness.observing = True
    harness.deliver()
    assert len(harness.endpoint.posts) == 1


def test_what_fell_due_just_before_observing_ended_is_discarded_first(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500, 204]
    harness.announce()
    harness.deliver()
    harness.client.set(keys.OBSERVED, "1")
    harness.make_due()
    harness.deliver()
    assert len(harness.endpoint.posts) == 1
    assert harness.only().state is DeliveryState.DEAD
    assert harness.client.get(keys.OBSERVED) is None


def test_a_discard_that_is_cut_short_is_finished_by_the_next_process(harness: DeliveryHarness) -> None:
    harness.subscribe("tv")
    harness.endpoint.answers["/tv"] = [500, 204]
    harness.announce()
    harness.deliver()
    harness.client.set(keys.OBSERVED, "1")
    harness.make_due()
    record = keys.delivery(harness.only().delivery_id)
    stored = harness.client.get(record)
    assert stored is not None
    harness.client.set(record, b"what cannot be read ends the process")
    with pytest.raises(ValueError):
        harness.deliver()
    harness.client.set(record, stored)
    harness.deliver()
    assert (len(harness.endpoint.posts), harness.only().state) == (1, DeliveryState.DEAD)


def requests_seen(running: Product) -> int:
    assert running.sandbox is not None
    return len([call for call in running.sandbox.log("call") if "public" not in call["path"]])


def test_an_observing_copy_neither_probes_nor_sends_and_catches_up_on_nothing_later(tmp_path: Path) -> None:
    with product(tmp_path, HEARTBEAT_URL="http://127.0.0.1:9/never") as running:
        assert running.sandbox is not None
        running.subscribe("stream.*", "participant.*", name="sink")
        running.put_rule("with-ada", rooms=["*"], on="participant-joined", do="start")
        running.sink.refuse_next(10_000)
        running.sandbox.join("hall")
        running.wait_state("hall", "playable", LIMIT_S)
        assert running.stop() == 0
        notices_before, requests_before = len(running.sink.requests), requests_seen(running)
        running.sink.refuse_next(0)

        running.environ = {**running.environ, "OBSERVE": "1"}
        running.start()
        for kind in ("session-started", "participant-joined"):
            extra = {"participantId": "p1", "participantName": "Ada"} if kind == "participant-joined" else {}
            assert running.post_webhook(webhook(kind, "chapel", **extra)).status == 200
        wait_until(lambda: running.room("chapel"), LIMIT_S, "the room being seen")
        refused = running.api("POST", "/rooms/hall/end")
        assert (refused.status, refused.json["reason"]) == (409, "observing")
        wait_until(
            lambda: all(item["attempts"] and item["state"] == "dead" for item in running.items("/deliveries")),
            LIMIT_S,
            "every delivery being discarded",
            describe=lambda: running.items("/deliveries"),
        )
        reasons = [item["reason"] for row in running.items("/rooms/chapel/timeline") for item in row["decisions"]]
        assert "observing" in reasons
        assert "Observe mode" in running.output()
        assert running.stop() == 0
        assert (len(running.sink.requests), requests_seen(running)) == (notices_before, requests_before)

        running.environ = {**running.environ, "OBSERVE": "0"}
        running.start()
        running.sandbox.leave("hall")
        wait_until(lambda: "participant.left" in running.sink.types("hall"), LIMIT_S, "what is new being told")
        assert len({notice.id for notice in running.sink.requests[notices_before:]}) == len(
            running.sink.requests[notices_before:]
        )
        assert running.sink.types("chapel") == []
        assert running.sandbox.starts("chapel") == []
