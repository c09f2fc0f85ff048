"""Forms in which VideoSDK answers whether a stream is active, and what a start or a probe concludes from each."""

import json
from typing import Any

import pytest

from tests.support.web_client import ROOM, append, fold_all
from webhook_app.domain.events import Source
from webhook_app.store import codec, keys
from webhook_app.store.journal.journal import entry

UNREADABLE = f"videosdk-unreadable:{ROOM}"

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


def answer_id(answer: tuple[int, Any]) -> str:
    """The id of a test of an answer: its status and body."""
    status, body = answer
    text = body.decode() if isinstance(body, bytes) else json.dumps(body)
    return f"{status} {text or 'empty'}"


@pytest.mark.parametrize("nothing", NONE_ACTIVE, ids=answer_id)
def test_every_form_of_no_active_stream_lets_the_start_be_sent(harness: Any, stub: Any, nothing: Any) -> None:
    stub.active = nothing
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] == "succeeded"
    assert not any(path.startswith("/v2/hls?") for _, path, _, _ in stub.requests)


@pytest.mark.parametrize("odd", UNKNOWN_FORMS, ids=answer_id)
def test_an_answer_in_an_unknown_form_is_settled_by_the_rooms_list_before_a_start(
    harness: Any, stub: Any, odd: Any
) -> None:
    stub.active, stub.room_listed = odd, (200, ROWS_OVER)
    harness.decided_call()
    harness.work()
    assert harness.answer()["outcome"] == "succeeded"


@pytest.mark.parametrize("odd", UNKNOWN_FORMS, ids=answer_id)
def test_an_active_row_of_the_list_keeps_a_start_from_being_sent(harness: Any, stub: Any, odd: Any) -> None:
    stub.active, stub.room_listed = odd, (200, ROWS_ACTIVE)
    harness.decided_call()
    harness.work()
    assert (harness.answer()["outcome"], harness.answer()["stream"]["id"]) == ("already", "run-9")
    assert stub.posts() == []


@pytest.mark.parametrize("odd", UNKNOWN_FORMS, ids=answer_id)
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


@pytest.mark.parametrize("odd", UNKNOWN_FORMS, ids=answer_id)
@pytest.mark.parametrize(("rows", "active"), [(ROWS_OVER, None), (ROWS_ACTIVE, "run-9")], ids=["over", "active"])
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
