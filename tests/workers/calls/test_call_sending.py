"""Calls are sent at most once: starts, ends, their marks and leases, and callers that stop or die."""

import json
import threading
import time
from typing import Any

import pytest

from tests.support.call_harness import LIMITS, CallHarness, paths, room_of
from tests.support.pauses import slow_answer
from tests.support.polling import scaled_limit, wait_until
from tests.support.web_client import ROOM, fold_all
from webhook_app.domain.control.call import CallState
from webhook_app.domain.events import Source
from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.client import Token, VideoSDK
from webhook_app.store import codec, keys
from webhook_app.store.calls import TOO_OLD_MS as GIVEN_UP_AFTER_MS
from webhook_app.store.calls import Calls, MarkResult
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import entry

WITHIN_S = scaled_limit(10.0)
TOO_OLD_MS = LIMITS.too_old_ms


def test_a_start_probes_first_then_is_sent_and_its_answer_is_journaled(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    room = room_of(request)
    sandbox_harness.decided_call(room, sandbox.join(room))
    assert sandbox_harness.work() >= 1
    assert paths(sandbox, room)[:2] == [("GET", f"/v2/hls/{room}/active"), ("POST", "/v2/hls/start")]
    result = sandbox_harness.answer()
    assert (result["outcome"], result["status"], result["kind"]) == ("succeeded", 200, "start")
    assert result["stream"]["id"] == sandbox.log("run", room)[0]["id"]
    fold_all(sandbox_harness.client)
    assert sandbox_harness.call(room).state is CallState.SUCCEEDED
    assert Calls(sandbox_harness.client).waiting() == 0


def test_a_start_is_marked_after_the_probe_and_before_it_is_sent(harness: Any, stub: Any) -> None:
    call = harness.decided_call()
    observed = {}

    def look(handler: Any) -> None:
        observed["look"] = harness.client.exists(keys.call_mark(call.call_id))
        handler.send_error(404)

    def start(handler: Any) -> None:
        observed["start"] = harness.client.exists(keys.call_mark(call.call_id))
        handler.send_error(500)

    stub.active, stub.starts = look, start
    harness.work()
    assert observed == {"look": 0, "start": 1}


def test_a_room_that_is_on_air_already_is_not_started(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    room = room_of(request)
    sandbox_harness.decided_call(room, sandbox.join(room))
    sandbox_harness.work()
    sandbox_runs = len(sandbox.log("run", room))
    again = CallHarness(sandbox_harness.client, sandbox.url)
    sandbox_harness.client.flushall()
    again.decided_call(room, "another-view-of-it")
    again.work()
    result = again.answer()
    assert (result["outcome"], result["stream"]["roomId"]) == ("already", room)
    assert len(sandbox.starts(room)) == 1
    assert len(sandbox.log("run", room)) == sandbox_runs


def test_a_call_that_is_older_than_five_seconds_is_dropped(harness: Any, stub: Any) -> None:
    assert GIVEN_UP_AFTER_MS == 5_000
    call = harness.decided_call()
    harness.change(call, created_at=call.created_at - TOO_OLD_MS - 500)
    harness.work()
    assert harness.answer()["outcome"] == "dropped"
    assert stub.posts() == []
    assert not harness.client.exists(keys.call_mark(call.call_id))


def test_a_start_becomes_too_old_while_its_probe_takes_too_long(harness: Any, stub: Any) -> None:
    harness.limit(too_old_ms=300)
    harness.decided_call()

    def look(handler: Any) -> None:
        slow_answer(0.5)
        handler.send_error(404)

    stub.active = look
    harness.work()
    assert harness.answer()["outcome"] == "dropped"
    assert stub.posts() == []


def test_a_call_that_was_superseded_is_dropped(harness: Any, stub: Any) -> None:
    harness.decided_call()
    harness.client.hset(keys.CALLS_CURRENT, ROOM, "call_another")
    harness.work()
    assert (harness.answer()["outcome"], harness.answer()["message"]) == ("dropped", "superseded")
    assert stub.posts() == []


def test_a_call_that_is_superseded_during_its_probe_is_dropped(harness: Any, stub: Any) -> None:
    harness.decided_call()

    def look(handler: Any) -> None:
        harness.client.hdel(keys.CALLS_CURRENT, ROOM)
        handler.send_error(404)

    stub.active = look
    harness.work()
    assert harness.answer()["outcome"] == "dropped"
    assert stub.posts() == []


def test_a_call_that_was_marked_and_never_answered_has_an_unknown_outcome_and_is_not_sent_again(
    harness: Any, stub: Any
) -> None:
    call = harness.decided_call()
    assert Calls(harness.client).mark(call)[0] is MarkResult.MARKED
    harness.work()
    assert harness.answer()["outcome"] == "unknown"
    assert stub.requests == []


def test_a_call_that_another_worker_marks_meanwhile_has_an_unknown_outcome_and_is_not_sent(
    harness: Any, stub: Any
) -> None:
    call = harness.decided_call()

    def look(handler: Any) -> None:
        Calls(harness.client).mark(call)
        handler.send_error(404)

    stub.active = look
    harness.work()
    assert harness.answer()["outcome"] == "unknown"
    assert stub.posts() == []


def test_a_call_of_a_worker_that_died_is_taken_over_when_its_lease_expires(harness: Any, stub: Any) -> None:
    call = harness.decided_call()
    queue = Calls(harness.client)
    [claimed] = [claim for claim in queue.claim(10) if claim.call.call_id == call.call_id]
    queue.mark(claimed.call)
    harness.work()
    assert [event for event in harness.answers() if event.source is Source.CALL] == []
    harness.client.zadd(keys.CALLS_DUE, {call.call_id: 1})
    harness.work()
    assert harness.answer()["outcome"] == "unknown"
    assert stub.posts() == []


def test_the_result_of_a_call_is_journaled_once(harness: Any) -> None:
    call = harness.decided_call()
    harness.work()
    late = entry(Source.CALL, "start-unknown", ROOM, {"call_id": call.call_id})
    assert Calls(harness.client).answer(call, late) == (None, False)
    assert harness.answer()["outcome"] == "succeeded"


def test_two_callers_make_each_call_once(client: Client, stub: Any) -> None:
    harnesses = [CallHarness(client, stub.url) for _ in range(2)]
    for at in range(12):
        harnesses[0].decided_call(f"room-{at}", f"s{at}")
    threads = [threading.Thread(target=harness.work) for harness in harnesses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN_S)
    started = [body["roomId"] for path, body in stub.posts() if path == "/v2/hls/start"]
    assert sorted(started) == sorted(f"room-{at}" for at in range(12))
    outcomes = [event.data["outcome"] for event in harnesses[0].answers() if event.source is Source.CALL]
    assert outcomes == ["succeeded"] * 12


def test_a_slow_answer_delays_no_other_room(harness: Any, stub: Any) -> None:
    together = threading.Barrier(8)  # passed only while eight calls are waiting for their answers

    def slow(handler: Any) -> None:
        together.wait(scaled_limit(5))
        handler.send_error(503)

    stub.starts = slow
    for at in range(40):
        harness.decided_call(f"room-{at}", f"s{at}")
    harness.work()
    assert len(stub.posts()) == 40
    assert not together.broken


def test_a_start_carries_its_options_and_the_webhook_url(client: Client, stub: Any) -> None:
    harness = CallHarness(client, stub.url, webhook_url="https://tally.example/webhooks/videosdk/tok")
    start = {"config": {"quality": "high", "layout": {"priority": "PIN"}}}
    harness.decided_call(start=start)
    harness.work()
    sent = {"roomId": ROOM, "webhookUrl": "https://tally.example/webhooks/videosdk/tok"}
    assert stub.posts() == [("/v2/hls/start", start | sent)]


@pytest.mark.parametrize(
    ("output", "path", "sent"),
    [
        (Output.RECORDING, "recordings", {"webhookUrl": "https://tally.example/hook"}),
        (Output.RTMP, "livestreams", {}),
    ],
)
def test_only_a_start_that_takes_a_webhook_url_carries_one(
    stub: Any, output: Output, path: str, sent: dict[str, str]
) -> None:
    videosdk = VideoSDK(stub.url, Token("key", "a-secret-of-at-least-thirty-two-bytes"))
    url = "https://tally.example/hook"
    videosdk.start(ROOM, output, {}, webhook_url=url, deadline=time.monotonic() + 60)
    assert stub.posts() == [(f"/v2/{path}/start", {"roomId": ROOM, **sent})]


def test_a_webhook_url_in_the_options_is_kept(client: Client, stub: Any) -> None:
    harness = CallHarness(client, stub.url, webhook_url="https://tally.example/webhooks/videosdk/tok")
    harness.decided_call(start={"webhookUrl": "https://other.example/"})
    harness.work()
    assert stub.posts() == [("/v2/hls/start", {"roomId": ROOM, "webhookUrl": "https://other.example/"})]


def test_without_a_public_address_a_start_carries_no_webhook_url(harness: Any, stub: Any) -> None:
    harness.decided_call()
    harness.work()
    assert stub.posts() == [("/v2/hls/start", {"roomId": ROOM})]


def test_an_end_names_the_stream_and_sends_no_probe_first(harness: Any, stub: Any) -> None:
    harness.decided_call(run="run-7", command="end")
    harness.work()
    assert [(method, path) for method, path, _, _ in stub.requests if path.endswith("/end")] == [
        ("POST", "/v2/hls/end")
    ]
    assert stub.posts() == [("/v2/hls/end", {"roomId": ROOM, "id": "run-7"})]
    assert (harness.answer()["outcome"], harness.answer()["kind"]) == ("succeeded", "end")


def test_an_end_is_marked_and_dropped_like_a_start(harness: Any, stub: Any) -> None:
    call = harness.decided_call(run="run-7", command="end")
    harness.change(call, created_at=call.created_at - TOO_OLD_MS - 500)
    harness.work()
    assert harness.answer()["outcome"] == "dropped"
    assert stub.posts() == []


def test_an_end_ends_the_sandboxs_stream(sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest) -> None:
    room = room_of(request)
    session = sandbox.join(room)
    sandbox_harness.decided_call(room, session)
    sandbox_harness.work()
    run = sandbox_harness.answer()["stream"]["id"]
    sandbox_harness.client.flushall()
    sandbox_harness.decided_call(room, session, run=run, command="end")
    sandbox_harness.work()
    assert sandbox_harness.answer()["outcome"] == "succeeded"
    wait_until(lambda: sandbox.log("run", room)[-1].get("state") in (None, "stopped", "stopping"), WITHIN_S)


def test_request_and_answer_are_stored_with_the_call(harness: Any, stub: Any) -> None:
    stub.starts = (409, {"message": "it is being processed"})
    call = harness.decided_call()
    harness.work()
    [attempt] = [json.loads(raw) for raw in harness.client.lrange(keys.call_attempts(call.call_id), 0, -1)]
    assert (attempt["status"], attempt["message"]) == (409, "it is being processed")
    assert attempt["at"] >= call.created_at


def test_a_caller_that_is_stopped_finishes_the_calls_in_flight(harness: Any, stub: Any) -> None:
    stop = threading.Event()

    def start(handler: Any) -> None:
        stop.set()
        slow_answer(0.2)
        handler.send_error(500)

    stub.starts = start
    harness.decided_call()
    harness.caller.run(stopping=stop.is_set)
    assert harness.answer()["outcome"] == "unknown"


def test_a_start_that_succeeded_puts_the_room_on_air(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    room = room_of(request)
    sandbox_harness.decided_call(room, sandbox.join(room))
    sandbox_harness.work()
    fold_all(sandbox_harness.client)
    shown = codec.room_of(sandbox_harness.client.get(keys.room(room)))
    assert shown.control.call is None
    assert shown.streams[-1].because == "operator"
