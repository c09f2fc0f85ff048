"""Calls to VideoSDK, against the sandbox and against servers that misbehave: sent at most once, answered always."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from tests.support.call_harness import LIMITS, CallHarness, Stub
from tests.support.pauses import drip, slow_answer
from tests.support.polling import scaled_limit, wait_until
from tests.support.product import API_KEY, SECRET, Sandbox, free_ports, webhook
from tests.support.web_client import ROOM, append, fold_all
from webhook_app.domain.control.call import CallState
from webhook_app.domain.events import Source
from webhook_app.providers.videosdk.client import TOKEN_LIFE_S, TOKEN_RENEW_S, Token, VideoSDK
from webhook_app.store import codec, keys
from webhook_app.store.calls import TOO_OLD_MS as GIVEN_UP_AFTER_MS
from webhook_app.store.calls import Calls, MarkResult
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, Journal, entry

UNREADABLE = f"videosdk-unreadable:{ROOM}"

WITHIN_S = scaled_limit(10.0)
TOO_OLD_MS = LIMITS.too_old_ms


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    [port] = free_ports(1)
    home = tmp_path_factory.mktemp("sandbox")
    sandbox = Sandbox(home, port=port, webhook_url="http://127.0.0.1:9/", pace_factor=0, mark="calls")
    wait_until(sandbox.up, WITHIN_S, "the sandbox")
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(running: Any) -> Any:
    running.faults()
    running.pace(started_s=0, playable_s=0, stopped_s=0, answer_s=0)
    return running


@pytest.fixture
def stub() -> Iterator[Any]:
    stub_server = Stub()
    thread = threading.Thread(target=stub_server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield stub_server
    stub_server.shutdown()
    stub_server.server_close()


@pytest.fixture
def harness(client: Client, stub: Any) -> Any:
    return CallHarness(client, stub.url)


@pytest.fixture
def real(client: Client, sandbox: Any) -> Any:
    return CallHarness(client, sandbox.url)


def room_of(request: Any) -> str:
    name: str = request.node.name
    return "room-" + name[:60].replace("[", "-").replace("]", "")


def paths(sandbox: Any, room: Any) -> Any:
    return [(item["method"], item["path"].partition("?")[0]) for item in sandbox.log("call", room)]


def test_a_start_probes_first_then_is_sent_and_its_answer_is_journaled(
    real: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    room = room_of(request)
    real.decided_call(room, sandbox.join(room))
    assert real.work() >= 1
    assert paths(sandbox, room)[:2] == [("GET", f"/v2/hls/{room}/active"), ("POST", "/v2/hls/start")]
    result = real.answer()
    assert (result["outcome"], result["status"], result["kind"]) == ("succeeded", 200, "start")
    assert result["stream"]["id"] == sandbox.log("run", room)[0]["id"]
    fold_all(real.client)
    assert real.call(room).state is CallState.SUCCEEDED
    assert Calls(real.client).waiting() == 0


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


def test_a_room_that_is_on_air_already_is_not_started(real: Any, sandbox: Any, request: pytest.FixtureRequest) -> None:
    room = room_of(request)
    real.decided_call(room, sandbox.join(room))
    real.work()
    sandbox_runs = len(sandbox.log("run", room))
    again = CallHarness(real.client, sandbox.url)
    real.client.flushall()
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


@pytest.mark.parametrize("status", [400, 401, 403, 404, 402, 406, 409, 422, 429, 302])
def test_any_other_status_below_500_is_a_refusal(harness: Any, stub: Any, status: int) -> None:
    stub.starts = (status, {"message": "because of that"})
    harness.decided_call()
    harness.work()
    result = harness.answer()
    assert (result["outcome"], result["status"], result["message"]) == ("refused", status, "because of that")
    assert len(stub.posts()) == 1


@pytest.mark.parametrize("code", [400, "404", 429])
def test_an_error_code_in_the_body_of_a_200_is_that_error(harness: Any, stub: Any, code: int | str) -> None:
    stub.starts = (200, {"code": code, "message": "because of that"})
    harness.decided_call()
    harness.work()
    answer = harness.answer()
    assert (answer["outcome"], answer["status"], answer["message"]) == ("refused", int(code), "because of that")


@pytest.mark.parametrize(
    "success",
    [
        (200, {"id": "run-1"}),
        (201, {"_id": "run-1", "composerId": "c-1"}),
        (202, {"code": 202, "data": {"recordingId": "run-1"}}),
        (299, {"code": "200", "data": {"id": "run-1", "playbackHlsUrl": "https://cdn.example/run-1/index.m3u8"}}),
    ],
)
def test_any_2xx_that_names_a_stream_is_a_success_with_that_stream(harness: Any, stub: Any, success: Any) -> None:
    stub.starts = success
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] == "succeeded"
    fold_all(harness.client)
    [stream] = codec.room_of(harness.client.get(keys.room(ROOM))).streams
    assert stream.videosdk_id == "run-1"


@pytest.mark.parametrize("success", [(200, "HLS started"), (202, b""), (204, b""), (201, {"message": "accepted"})])
def test_a_2xx_that_names_no_stream_is_a_success_whose_stream_is_probed(harness: Any, stub: Any, success: Any) -> None:
    stub.starts = success
    harness.decided_call()
    harness.work()
    assert (harness.answer()["outcome"], harness.answer()["stream"]) == ("succeeded", None)
    fold_all(harness.client)
    assert harness.call(kind="probe").because == "unknown"
    assert len(stub.posts()) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_5xx_is_an_unknown_outcome(harness: Any, stub: Any, status: int) -> None:
    stub.starts = (status, b"<h1>Bad Gateway</h1>")
    harness.decided_call()
    harness.work()
    result = harness.answer()
    assert (result["outcome"], result["status"]) == ("unknown", status)
    assert result["deadline_at"] > 0
    assert len(stub.posts()) == 1


@pytest.mark.parametrize("status", ["401", "403", "409", "429"])
def test_the_sandboxs_refusals_are_reported_as_refusals(
    real: Any, sandbox: Any, request: pytest.FixtureRequest, status: str
) -> None:
    room = room_of(request)
    real.decided_call(room, sandbox.join(room))
    sandbox.faults(rest=[{"path": "start", "fault": status}])
    real.work()
    assert (real.answer()["outcome"], real.answer()["status"]) == ("refused", int(status))
    assert real.answer()["message"]
    assert len(sandbox.starts(room)) == 1


def test_a_room_without_a_session_is_refused_by_videosdk(
    real: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    room = room_of(request)
    sandbox.join(room)
    sandbox.leave(room)
    real.decided_call(room, "we-think-it-runs")
    real.work()
    assert (real.answer()["outcome"], real.answer()["status"]) == ("refused", 400)


def test_a_call_that_hangs_is_given_up_at_the_deadline(real: Any, sandbox: Any, request: pytest.FixtureRequest) -> None:
    real.limit(deadline_s=0.6)
    room = room_of(request)
    real.decided_call(room, sandbox.join(room))
    sandbox.faults(rest=[{"path": "start", "fault": "hang"}])
    began = time.monotonic()
    real.work()
    assert time.monotonic() - began < scaled_limit(6)
    assert (real.answer()["outcome"], real.answer()["status"]) == ("unknown", None)
    assert len(sandbox.starts(room)) == 1


def test_a_call_answered_byte_by_byte_is_given_up_at_the_deadline(harness: Any, stub: Any) -> None:
    harness.limit(deadline_s=0.6)

    def answer_slowly(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        drip(handler.wfile.write, b" " * 100, 0.1)  # the handler's file has no buffer

    stub.starts = answer_slowly
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] == "unknown"


def test_a_lost_answer_is_an_unknown_outcome(real: Any, sandbox: Any, request: pytest.FixtureRequest) -> None:
    room = room_of(request)
    real.decided_call(room, sandbox.join(room))
    sandbox.faults(rest=[{"path": "start", "fault": "answer-lost"}])
    real.work()
    assert real.answer()["outcome"] == "unknown"
    assert len(sandbox.log("run", room)) >= 1
    assert len(sandbox.starts(room)) == 1


def test_an_answer_that_is_too_long_is_not_a_success_without_a_stream(harness: Any, stub: Any) -> None:
    stub.starts = (200, b"x" * 2_000_000)
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] == "unknown"


@pytest.mark.parametrize("fault", ["hang", "500", "502", "answer-lost"])
def test_no_start_is_sent_when_its_probe_fails(
    real: Any, sandbox: Any, request: pytest.FixtureRequest, fault: str
) -> None:
    real.limit(deadline_s=0.6)
    room = room_of(request)
    call = real.decided_call(room, sandbox.join(room))
    sandbox.faults(rest=[{"path": "active", "fault": fault, "times": 3}])
    real.work()
    assert real.answer()["outcome"] in ("refused", "unreached")
    assert sandbox.starts(room) == []
    assert not real.client.exists(keys.call_mark(call.call_id))


def test_a_call_whose_probe_is_refused_is_refused(harness: Any, stub: Any) -> None:
    stub.active = (401, {"error": "Token is invalid"})
    harness.decided_call()
    harness.work()
    assert (harness.answer()["outcome"], harness.answer()["status"]) == ("refused", 401)
    assert "Token is invalid" in harness.answer()["message"]
    assert stub.posts() == []


def test_no_start_is_sent_when_videosdk_refuses_connections(client: Client) -> None:
    [port] = free_ports(1)
    harness = CallHarness(client, f"http://127.0.0.1:{port}")
    call = harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] in ("refused", "unreached")
    assert not client.exists(keys.call_mark(call.call_id))


ROWS_OVER = {"pageInfo": {"lastPage": 1}, "data": [{"id": "old", "roomId": ROOM, "end": "2026-11-28T10:00:00Z"}]}
ROWS_ACTIVE = {"data": [{"id": "run-9", "meetingId": ROOM, "end": None}, *ROWS_OVER["data"]]}
NONE_ACTIVE = [
    (404, {"code": 404}),
    (404, b""),
    (404, b"<html>"),
    (402, {"message": "No active HLS found"}),
    (204, b""),
    (200, {"code": 404, "message": "none"}),
    (200, {"code": 402}),
    (200, {"code": "404"}),
    (200, {"code": 200, "data": None}),
    (200, {"code": 200, "data": {}}),
    (200, {"code": 200, "message": "No active HLS"}),
    (200, {"data": {"roomId": ROOM, "start": "2026-11-28T10:00:00Z", "end": None}}),
    (200, {}),
]
UNKNOWN_FORMS = [
    (400, {"message": "HLS is not active"}),
    (410, b""),
    (302, b""),
    (200, b""),
    (200, b"[]"),
    (200, b"junk"),
    (200, b"<html>It works!</html>"),
    (200, "No active HLS"),
    (200, {"code": 200, "data": []}),
    (200, {"code": 4020, "data": None}),
    (200, {"code": 0}),
    (200, {"error": "something"}),
    (200, {"hls": {"id": "run-9"}}),
    (200, {"state": "idle"}),
    (200, {"data": {"id": "half"}}),
    (200, {"data": {"id": "over", "end": "2026-11-28T10:00:00Z"}}),
]


ODD_TEXT = b"\\ud800 \\u0000 \\udfff"
ODD_STREAM = b'{"id": "a\\ud800", "playbackHlsUrl": "https://cdn.example/\\udfff/index.m3u8", "end": null, "x": %s}'
ODD_JSON = [
    b"[" * 200_000,
    b'{"data": ' * 100 + b"1" + b"}" * 100,
    b'{"code": 200, "data": ' + ODD_STREAM % b"NaN" + b"}",
    b'{"code": 200, "data": ' + ODD_STREAM % (b"9" * 3_000) + b"}",
    b'{"code": %s, "data": null}' % (b"4" * 40),
    b'{"message": "' + ODD_TEXT + b'"}',
    b'{"\\ud800": "\\ud800"}',
    b"\xff\xfe{\x00}\x00",
]


@pytest.mark.parametrize("status", [200, 400, 409])
@pytest.mark.parametrize("odd", ODD_JSON)
def test_a_start_whose_answer_is_json_that_cannot_be_stored_still_gets_an_answer(
    harness: Any, stub: Any, odd: Any, status: int
) -> None:
    stub.starts = (status, odd)
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] in ("refused", "unknown", "succeeded")
    fold_all(harness.client)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("odd", ODD_JSON)
def test_a_probe_whose_answer_is_json_that_cannot_be_stored_still_gets_an_answer(
    harness: Any, stub: Any, odd: Any, status: int
) -> None:
    stub.active = stub.room_listed = (status, odd)
    harness.decided_probe()
    harness.work()
    assert isinstance(harness.answers()[0].data["reached"], bool)
    fold_all(harness.client)


def test_a_large_object_is_stored_abridged(harness: Any, stub: Any) -> None:
    bulk = {"junk": "x" * 500_000, "more": ["y"] * 9_000, **{f"key-{i}": i for i in range(5_000)}}
    stub.active = (200, {"code": 200, "data": {"id": "r" * 9_000, "end": None, **bulk}})
    harness.decided_probe()
    harness.work()
    result = harness.answers()[0].data
    assert result["active"]["id"] == "r" * 2_000
    assert len(json.dumps(result)) < 20_000


@pytest.mark.parametrize("nothing", NONE_ACTIVE)
def test_every_form_of_no_active_stream_lets_the_start_be_sent(harness: Any, stub: Any, nothing: Any) -> None:
    stub.active = nothing
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] == "succeeded"
    assert not any(path.startswith("/v2/hls?") for _, path, _, _ in stub.requests)


@pytest.mark.parametrize("odd", UNKNOWN_FORMS)
def test_an_answer_in_an_unknown_form_is_settled_by_the_rooms_list_before_a_start(
    harness: Any, stub: Any, odd: Any
) -> None:
    stub.active, stub.room_listed = odd, (200, ROWS_OVER)
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] == "succeeded"


@pytest.mark.parametrize("odd", UNKNOWN_FORMS)
def test_an_active_row_of_the_list_keeps_a_start_from_being_sent(harness: Any, stub: Any, odd: Any) -> None:
    stub.active, stub.room_listed = odd, (200, ROWS_ACTIVE)
    harness.decided_call()
    harness.work()
    assert (harness.answer()["outcome"], harness.answer()["stream"]["id"]) == ("already", "run-9")
    assert stub.posts() == []


@pytest.mark.parametrize("odd", UNKNOWN_FORMS)
def test_when_the_list_is_not_understood_either_nothing_is_sent_and_an_alarm_quotes_the_answer(
    harness: Any, stub: Any, odd: Any
) -> None:
    stub.active, stub.room_listed = odd, (200, {"rows": ["?"]})
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] == "unreached"
    assert stub.posts() == []
    fold_all(harness.client)
    alarm = codec.alarm_of(harness.client.hget(keys.ALARMS, UNREADABLE))
    assert alarm.cleared_at is None
    assert f": {odd[0]} " in alarm.summary_text


def test_the_alarm_about_an_unknown_form_masks_secrets_and_clears_when_an_answer_is_understood(
    harness: Any, stub: Any
) -> None:
    secret = "https://hooks.slack.com/services/T0001/B0002/abcdefghijklmnopqrstuvwx"
    stub.active = (418, {"message": f"see {secret}", "long": "x" * 900})
    harness.decided_probe()
    harness.work()
    fold_all(harness.client)
    alarm = codec.alarm_of(harness.client.hget(keys.ALARMS, UNREADABLE))
    assert "abcdefghijklmnop" not in alarm.summary_text
    assert len(alarm.summary_text) < 500
    stub.active = (404, b"")
    due = codec.room_of(harness.client.get(keys.room(ROOM))).timers["armed"]
    append(harness.client, entry(Source.CLOCK, "timer", ROOM, {"timer": "armed", "due": due}))
    fold_all(harness.client)
    harness.work()
    fold_all(harness.client)
    assert harness.client.hget(keys.ALARMS, UNREADABLE) is None


@pytest.mark.parametrize("odd", UNKNOWN_FORMS)
@pytest.mark.parametrize(("rows", "active"), [(ROWS_OVER, None), (ROWS_ACTIVE, "run-9")])
def test_a_probe_settles_an_unknown_form_by_the_list(
    harness: Any, stub: Any, odd: Any, rows: Any, active: str | None
) -> None:
    stub.active, stub.room_listed = odd, (200, rows)
    harness.decided_probe()
    harness.work()
    [event] = harness.answers()
    assert event.data["reached"] is True
    assert (event.data["active"] or {}).get("id") == active


def test_a_list_of_several_pages_is_read_at_both_ends(harness: Any, stub: Any) -> None:
    def of_page(handler: Any) -> None:
        last = "page=2&" in handler.path
        rows = ROWS_ACTIVE["data"] if last else ROWS_OVER["data"]
        raw = json.dumps({"pageInfo": {"lastPage": 2}, "data": rows}).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    stub.active, stub.room_listed = (400, b""), of_page
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] == "already"


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_a_list_that_is_refused_concludes_nothing(harness: Any, stub: Any, status: int) -> None:
    stub.active, stub.room_listed = (400, b""), (status, {"message": "no"})
    harness.decided_call()
    harness.work()
    assert (harness.answer()["outcome"], harness.answer()["status"]) != ("succeeded", status)
    assert harness.answer()["status"] == status
    assert stub.posts() == []


def test_a_redirect_is_not_followed(harness: Any, stub: Any) -> None:
    stub.starts, stub.headers = (307, b""), {"Location": "/elsewhere"}
    harness.decided_call()
    harness.work()
    assert [path for path, _ in stub.posts()] == ["/v2/hls/start"]
    assert harness.answer()["outcome"] == "refused"


def test_a_start_carries_its_options_and_the_webhook_url(client: Client, stub: Any) -> None:
    harness = CallHarness(client, stub.url, webhook_url="https://tally.example/webhooks/videosdk/tok")
    start = {"config": {"quality": "high", "layout": {"priority": "PIN"}}}
    harness.decided_call(start=start)
    harness.work()
    sent = {"roomId": ROOM, "webhookUrl": "https://tally.example/webhooks/videosdk/tok"}
    assert stub.posts() == [("/v2/hls/start", start | sent)]


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


def test_an_end_ends_the_sandboxs_stream(real: Any, sandbox: Any, request: pytest.FixtureRequest) -> None:
    room = room_of(request)
    session = sandbox.join(room)
    real.decided_call(room, session)
    real.work()
    run = real.answer()["stream"]["id"]
    real.client.flushall()
    real.decided_call(room, session, run=run, command="end")
    real.work()
    assert real.answer()["outcome"] == "succeeded"
    wait_until(lambda: sandbox.log("run", room)[-1].get("state") in (None, "stopped", "stopping"), WITHIN_S)


def test_a_room_whose_id_has_unusual_characters_is_probed_under_that_id(harness: Any, stub: Any) -> None:
    harness.decided_call("a b/c?d#e%2f")
    harness.work()
    looks = [path for method, path, _, _ in stub.requests if method == "GET"]
    assert looks[0] == "/v2/hls/a%20b%2Fc%3Fd%23e%252f/active"
    assert stub.posts()[0][1]["roomId"] == "a b/c?d#e%2f"


def test_request_and_answer_are_stored_with_the_call(harness: Any, stub: Any) -> None:
    stub.starts = (409, {"message": "it is being processed"})
    call = harness.decided_call()
    harness.work()
    [attempt] = [json.loads(raw) for raw in harness.client.lrange(keys.call_attempts(call.call_id), 0, -1)]
    assert (attempt["status"], attempt["message"]) == (409, "it is being processed")
    assert attempt["at"] >= call.created_at


def test_a_probe_reports_the_active_stream_the_participants_and_its_time(
    real: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    room = room_of(request)
    session = sandbox.join(room, "p1", "Host Ada")
    probe = real.decided_probe(room)
    before = Journal(real.client).last_id()
    real.work()
    [event] = real.answers()
    result = event.data
    assert (event.type, result["call_id"], result["outcome"]) == ("probed", probe.call_id, "probed")
    assert (result["reached"], result["active"]) == (True, None)
    assert result["asked_id"] == before
    assert 0 <= event.at - result["asked_at"] < 10_000
    people = {"participants": {"p1": "Host Ada"}, "modes": {"p1": "CONFERENCE"}}
    assert result["session"] == {"session_id": session, "live": True, **people}


@pytest.mark.parametrize("paths", [["sessions"], ["session", "participants"]])
def test_a_probe_without_participants_reports_them_as_unknown(
    real: Any, sandbox: Any, request: pytest.FixtureRequest, paths: Any
) -> None:
    room = room_of(request)
    sandbox.join(room)
    sandbox.spoil(room, rest=[{"path": path, "fault": "503"} for path in paths])
    real.decided_probe(room)
    real.work()
    [event] = real.answers()
    assert (event.data["reached"], event.data["session"], event.data["session_unknown"]) == (True, None, True)


@pytest.mark.parametrize("modes", [True, False])
@pytest.mark.parametrize("form", ["rows", "session", "404"])
def test_a_probe_reads_participants_in_every_form_of_the_answer(
    real: Any, sandbox: Any, request: pytest.FixtureRequest, form: str, modes: bool
) -> None:
    room = room_of(request)
    session = sandbox.join(room, "p1")
    sandbox.spoil(room, forms={"participants": form, "participant_modes": modes})
    real.decided_probe(room)
    real.work()
    [event] = real.answers()
    assert (event.data["session"]["session_id"], event.data["session"]["live"]) == (session, True)
    assert event.data["session"]["participants"] == {"p1": "Host Ada"}
    assert event.data["session"].get("modes", {}) == ({"p1": "CONFERENCE"} if modes and form != "404" else {})


@pytest.mark.parametrize("path", ["session", "participants"])
def test_a_probe_reads_participants_from_either_endpoint(
    real: Any, sandbox: Any, request: pytest.FixtureRequest, path: str
) -> None:
    room = room_of(request)
    session = sandbox.join(room, "p1")
    sandbox.spoil(room, rest=[{"path": path, "fault": "404"}])
    real.decided_probe(room)
    real.work()
    [event] = real.answers()
    assert event.data["session"]["session_id"] == session
    assert event.data["session"]["participants"] == {"p1": "Host Ada"}


def test_a_probe_reports_the_active_stream(real: Any, sandbox: Any, request: pytest.FixtureRequest) -> None:
    room = room_of(request)
    real.decided_call(room, sandbox.join(room))
    real.work()
    run = real.answer()["stream"]["id"]
    real.client.flushall()
    real.decided_probe(room)
    real.work()
    [event] = real.answers()
    assert event.data["active"]["id"] == run
    fold_all(real.client)
    assert real.client.sismember(keys.ON_AIR, room) or codec.room_of(real.client.get(keys.room(room))).streams


def test_a_probe_names_the_last_event_before_it_was_sent(harness: Any, stub: Any) -> None:
    harness.decided_probe()
    before = Journal(harness.client).last_id()

    def look(handler: Any) -> None:
        append(harness.client, entry(Source.SYSTEM, "news", None, {}))
        handler.send_error(404)

    stub.active = look
    harness.work()
    [event] = harness.answers()
    assert event.data["asked_id"] == before


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_probe_that_is_refused_or_fails_concludes_nothing(harness: Any, stub: Any, status: int) -> None:
    stub.active = (status, {"message": "no"})
    harness.decided_probe()
    harness.work()
    [event] = harness.answers()
    assert (event.data["reached"], event.data["status"], event.data["active"]) == (False, status, None)


def test_a_probe_that_hangs_concludes_nothing_within_the_deadline(
    real: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    real.limit(probe_deadline_s=0.6)
    room = room_of(request)
    real.decided_probe(room)
    sandbox.faults(rest=[{"path": "active", "fault": "hang"}])
    began = time.monotonic()
    real.work()
    assert time.monotonic() - began < scaled_limit(6)
    assert real.answers()[0].data["reached"] is False


def test_a_probe_is_repeated_when_its_worker_died(harness: Any, stub: Any) -> None:
    probe = harness.decided_probe()
    Calls(harness.client).claim_probes(10)
    harness.work()
    assert harness.answers() == []
    harness.client.zadd(keys.PROBES_DUE, {probe.call_id: 1})
    harness.work()
    assert len(harness.answers()) == 1


def test_without_credentials_calls_are_refused_and_probes_conclude_nothing(client: Client) -> None:
    harness = CallHarness(client, "http://127.0.0.1:9", credentials=False)
    harness.decided_call()
    harness.decided_probe("elsewhere")
    harness.work()
    assert {(event.data["kind"], event.data["outcome"]) for event in harness.answers()} >= {("start", "refused")}
    assert all(event.data.get("reached") in (None, False) for event in harness.answers())


def test_the_token_is_a_raw_jwt_with_the_documented_claims(harness: Any, stub: Any) -> None:
    harness.decided_call()
    harness.work()
    headers = [request[3]["Authorization"] for request in stub.requests]
    assert len(set(headers)) == 1
    assert jwt.get_unverified_header(headers[0]) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(headers[0], SECRET, algorithms=["HS256"])
    now = int(time.time())
    assert claims.pop("iat") <= now
    assert now < claims.pop("exp") <= now + TOKEN_LIFE_S
    assert claims == {"apikey": API_KEY, "permissions": ["allow_join"], "version": 2, "roles": ["crawler"]}


def test_the_token_is_renewed_before_it_expires() -> None:
    now = [1_000_000.0]
    token = Token(API_KEY, SECRET, clock=lambda: now[0])
    first = token.header()
    now[0] += TOKEN_LIFE_S - TOKEN_RENEW_S - 1
    assert token.header() == first
    now[0] += 2
    assert token.header() != first


def test_no_header_and_no_message_contains_the_secret(harness: Any, stub: Any) -> None:
    stub.starts = (401, {"message": "no"})
    harness.decided_call()
    harness.work()
    assert SECRET not in json.dumps([request[3] for request in stub.requests])
    assert SECRET not in json.dumps([event.data for event in harness.answers()])


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


def test_a_start_that_succeeded_puts_the_room_on_air(real: Any, sandbox: Any, request: pytest.FixtureRequest) -> None:
    room = room_of(request)
    real.decided_call(room, sandbox.join(room))
    real.work()
    fold_all(real.client)
    shown = codec.room_of(real.client.get(keys.room(room)))
    assert shown.control.call is None
    assert shown.streams[-1].because == "operator"


@pytest.mark.parametrize("named", [True, False])
def test_a_probe_fetches_why_a_stream_failed(
    real: Any, sandbox: Any, request: pytest.FixtureRequest, named: bool
) -> None:
    room = room_of(request)
    session = sandbox.join(room)
    api = VideoSDK(sandbox.url, Token(API_KEY, SECRET))
    run = api.start(room, {}, deadline=time.monotonic() + WITHIN_S).body
    sandbox.fail(room, "encoder crashed")
    api.start(room, {}, deadline=time.monotonic() + WITHIN_S)
    names = {"id": run["id"]} if named else {}
    body = {"playbackHlsUrl": run["playbackHlsUrl"], **names}
    append(
        real.client,
        entry(Source.SYSTEM, "settings", None, {"calls": True}),
        Entry(Source.VIDEOSDK, "hls-started", room, webhook("hls-started", room, session, **body)),
        Entry(Source.VIDEOSDK, "hls-failed", room, webhook("hls-failed", room, session, **body)),
    )
    fold_all(real.client)
    due = codec.room_of(real.client.get(keys.room(room))).timers["ask:failure"]
    append(real.client, entry(Source.CLOCK, "timer", room, {"timer": "ask:failure", "due": due}))
    fold_all(real.client)
    real.work()
    assert real.answers()[-1].data["failed"]["id"] == run["id"]
    fold_all(real.client)
    shown = codec.room_of(real.client.get(keys.room(room))).streams[0]
    assert (shown.videosdk_id, shown.failure) == (run["id"], "encoder crashed")
