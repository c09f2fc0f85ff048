"""Answers to calls: success, refusal or unknown outcome, whatever VideoSDK sends."""

import json
import time
from typing import Any

import pytest

from tests.support.call_harness import CallHarness, room_of
from tests.support.pauses import drip
from tests.support.polling import scaled_limit
from tests.support.ports import free_ports
from tests.support.web_client import ROOM, fold_all
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client


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
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest, status: str
) -> None:
    room = room_of(request)
    sandbox_harness.decided_call(room, sandbox.join(room))
    sandbox.faults(rest=[{"path": "start", "fault": status}])
    sandbox_harness.work()
    assert (sandbox_harness.answer()["outcome"], sandbox_harness.answer()["status"]) == ("refused", int(status))
    assert sandbox_harness.answer()["message"]
    assert len(sandbox.starts(room)) == 1


def test_a_room_without_a_session_is_refused_by_videosdk(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    room = room_of(request)
    sandbox.join(room)
    sandbox.leave(room)
    sandbox_harness.decided_call(room, "we-think-it-runs")
    sandbox_harness.work()
    assert (sandbox_harness.answer()["outcome"], sandbox_harness.answer()["status"]) == ("refused", 400)


def test_a_call_that_hangs_is_given_up_at_the_deadline(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    sandbox_harness.limit(deadline_s=0.6)
    room = room_of(request)
    sandbox_harness.decided_call(room, sandbox.join(room))
    sandbox.faults(rest=[{"path": "start", "fault": "hang"}])
    began = time.monotonic()
    sandbox_harness.work()
    assert time.monotonic() - began < scaled_limit(6)
    assert (sandbox_harness.answer()["outcome"], sandbox_harness.answer()["status"]) == ("unknown", None)
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


def test_a_lost_answer_is_an_unknown_outcome(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    room = room_of(request)
    sandbox_harness.decided_call(room, sandbox.join(room))
    sandbox.faults(rest=[{"path": "start", "fault": "answer-lost"}])
    sandbox_harness.work()
    assert sandbox_harness.answer()["outcome"] == "unknown"
    assert len(sandbox.log("run", room)) >= 1
    assert len(sandbox.starts(room)) == 1


def test_an_answer_that_is_too_long_is_not_a_success_without_a_stream(harness: Any, stub: Any) -> None:
    stub.starts = (200, b"x" * 2_000_000)
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] == "unknown"


@pytest.mark.parametrize("fault", ["hang", "500", "502", "answer-lost"])
def test_no_start_is_sent_when_its_probe_fails(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest, fault: str
) -> None:
    sandbox_harness.limit(deadline_s=0.6)
    room = room_of(request)
    call = sandbox_harness.decided_call(room, sandbox.join(room))
    sandbox.faults(rest=[{"path": "active", "fault": fault, "times": 3}])
    sandbox_harness.work()
    assert sandbox_harness.answer()["outcome"] in ("refused", "unreached")
    assert sandbox.starts(room) == []
    assert not sandbox_harness.client.exists(keys.call_mark(call.call_id))


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


ODD_TEXT = b"\\ud800 \\u0000 \\udfff"
ODD_STREAM = b'{"id": "a\\ud800", "playbackHlsUrl": "https://cdn.example/\\udfff/index.m3u8", "end": null, "x": %s}'
ODD_JSON = {
    "nested-arrays": b"[" * 200_000,
    "nested-objects": b'{"data": ' * 100 + b"1" + b"}" * 100,
    "nan": b'{"code": 200, "data": ' + ODD_STREAM % b"NaN" + b"}",
    "huge-number": b'{"code": 200, "data": ' + ODD_STREAM % (b"9" * 3_000) + b"}",
    "huge-code": b'{"code": %s, "data": null}' % (b"4" * 40),
    "lone-surrogates": b'{"message": "' + ODD_TEXT + b'"}',
    "surrogate-key": b'{"\\ud800": "\\ud800"}',
    "utf-16": b"\xff\xfe{\x00}\x00",
}


@pytest.mark.parametrize("status", [200, 400, 409])
@pytest.mark.parametrize("odd", ODD_JSON.values(), ids=ODD_JSON)
def test_a_start_whose_answer_is_json_that_cannot_be_stored_still_gets_an_answer(
    harness: Any, stub: Any, odd: Any, status: int
) -> None:
    stub.starts = (status, odd)
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] in ("refused", "unknown", "succeeded")
    fold_all(harness.client)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("odd", ODD_JSON.values(), ids=ODD_JSON)
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


def test_a_redirect_is_not_followed(harness: Any, stub: Any) -> None:
    stub.starts, stub.headers = (307, b""), {"Location": "/elsewhere"}
    harness.decided_call()
    harness.work()
    assert [path for path, _ in stub.posts()] == ["/v2/hls/start"]
    assert harness.answer()["outcome"] == "refused"
