"""The MP4 of a stream is looked for, marked and requested at most once, and then followed."""

import json
from time import monotonic
from typing import Any

import pytest

from tests.support.call_harness import room_of
from tests.support.product import API_KEY, SECRET, webhook
from tests.support.web_client import ROOM, fold_all
from webhook_app.domain.control.call import CallState
from webhook_app.domain.facts.results import CallOutcome
from webhook_app.domain.outputs import Output
from webhook_app.domain.streams.stream import Mp4State
from webhook_app.providers.videosdk.client import Token, VideoSDK
from webhook_app.providers.videosdk.objects import read_transcoding
from webhook_app.providers.videosdk.room_client import VideoSDKRoomClient
from webhook_app.store import codec, keys
from webhook_app.store.calls import Calls, MarkResult
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.state.store import StateStore

MINUTE = 60_000
LIST = "/v2/transcodings?hlsId=run-1"
FILE = {"filePath": "/encoded/run-1.mp4", "fileUrl": "https://cdn.example/encoded/run-1.mp4"}


def job(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "job-1", "hlsId": "run-1", "task": "hls-to-mp4", "status": status, **more}


class Transcodings:
    """What the stub answers about transcodings, by method and path; other paths as before."""

    def __init__(self, stub: Any) -> None:
        self.request: Any = (200, job("pending"))
        self.listed: Any = (200, {"pageInfo": {}, "data": []})
        self.job: Any = (200, job("completed", file=FILE))
        others = stub.response_to

        def response_to(method: str, path: str) -> Any:
            if path == "/v2/transcodings/hls-to-mp4":
                return self.request
            if path.startswith("/v2/transcodings?"):
                return self.listed
            return self.job if path.startswith("/v2/transcodings/") else others(method, path)

        stub.response_to = response_to


@pytest.fixture
def transcodings(stub: Any) -> Transcodings:
    return Transcodings(stub)


def journal(client: Any, source: str, kind: str, room: str, data: Any, at: int) -> None:
    """Journal an event of another time."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    client.xadd(keys.JOURNAL, {"s": source, "t": kind, "r": room, "a": at, "d": raw})


def decide(harness: Any) -> Any:
    """A stream of a rule with `mp4: true` ended two minutes ago, and its MP4 is due. Returns the call."""
    client = harness.client
    now = now_ms(client)
    rule = {"name": "cut", "rooms": ["*"], "schedule": {"always": True, "given": {}}, "mp4": True}
    journal(client, "system", "settings", "", {"calls": True}, now - 5 * MINUTE)
    journal(client, "config", "rule-put", "", {"rule": rule}, now - 5 * MINUTE)
    for kind, ago in (("session-started", 4), ("hls-playable", 3), ("hls-stopped", 2)):
        named = {"id": "run-1", "playbackHlsUrl": "https://cdn.example/run-1/index.m3u8"}
        body = webhook(kind, ROOM, "s1", **(named if kind.startswith("hls") else {}))
        journal(client, "videosdk", kind, ROOM, body, now - ago * MINUTE)
    fold_all(client)
    fire(harness)
    return harness.call(ROOM, "transcode")


def fire(harness: Any) -> None:
    """Let the room's timer of MP4 files fire, perhaps early; what it decides is due at once."""
    room = StateStore(harness.client).room(ROOM)
    assert room is not None
    due = room.timers["transcode"]
    at = max(due, now_ms(harness.client))
    journal(harness.client, "clock", "timer", ROOM, {"timer": "transcode", "due": due}, at)
    fold_all(harness.client)
    for call_id in harness.client.zrange(keys.CALLS_DUE, 0, -1):
        harness.client.zadd(keys.CALLS_DUE, {call_id: 0})


def answer(harness: Any) -> Any:
    """The result of the newest call about the MP4; the rule starts the next stream beside it."""
    return [event.data for event in harness.answers() if event.data["kind"].startswith("transcode")][-1]


def stream(harness: Any) -> Any:
    stream_id, *_ = harness.client.zrange(keys.room_streams(ROOM), 0, -1)
    return codec.stream_of(harness.client.get(keys.stream(stream_id.decode())))


def requests_of(stub: Any) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _, _ in stub.requests if "transcodings" in path]


def test_an_mp4_is_looked_for_then_requested_and_its_file_is_kept(
    harness: Any, stub: Any, transcodings: Transcodings
) -> None:
    decide(harness)
    harness.work()
    fold_all(harness.client)
    assert requests_of(stub) == [("GET", LIST), ("POST", "/v2/transcodings/hls-to-mp4")]
    assert ("/v2/transcodings/hls-to-mp4", {"hlsId": "run-1"}) in stub.posts()
    fire(harness)
    harness.work()
    fold_all(harness.client)
    assert requests_of(stub)[2:] == [("GET", "/v2/transcodings/job-1")]
    assert stream(harness).mp4.state is Mp4State.READY
    assert [(file.path, file.url) for file in stream(harness).files] == [(FILE["filePath"], FILE["fileUrl"])]
    assert not harness.client.hexists(keys.TRANSCODES_CURRENT, ROOM)
    assert Calls(harness.client).waiting() == 0


def test_it_is_marked_after_the_look_and_before_it_is_requested(harness: Any, transcodings: Transcodings) -> None:
    call = decide(harness)
    observed = {}

    def look(handler: Any) -> None:
        observed["look"] = harness.client.exists(keys.call_mark(call.call_id))
        handler.send_error(404)

    def request(handler: Any) -> None:
        observed["request"] = harness.client.exists(keys.call_mark(call.call_id))
        handler.send_error(500)

    transcodings.listed, transcodings.request = look, request
    harness.work()
    assert observed == {"look": 0, "request": 1}
    assert answer(harness)["outcome"] == "unknown"


def test_one_that_exists_already_is_not_requested(harness: Any, stub: Any, transcodings: Transcodings) -> None:
    transcodings.listed = (200, {"data": [job("processing"), job("failed", id="job-0")]})
    decide(harness)
    harness.work()
    assert (answer(harness)["outcome"], answer(harness)["transcoding"]["id"]) == ("already", "job-1")
    assert requests_of(stub) == [("GET", LIST)]


@pytest.mark.parametrize(
    "row", [job("completed", hlsId="run-2"), job("failed"), job("completed", task="composite-merge")]
)
def test_another_stream_a_failed_one_and_another_task_do_not_count(
    harness: Any, stub: Any, transcodings: Transcodings, row: dict[str, Any]
) -> None:
    transcodings.listed = (200, {"data": [row]})
    decide(harness)
    harness.work()
    assert requests_of(stub)[1:] == [("POST", "/v2/transcodings/hls-to-mp4")]


@pytest.mark.parametrize(("status", "outcome"), [(503, "unreached"), (429, "refused"), (401, "refused")])
def test_nothing_is_requested_while_the_look_fails(
    harness: Any, stub: Any, transcodings: Transcodings, status: int, outcome: str
) -> None:
    transcodings.listed = (status, {"message": "not now"})
    call = decide(harness)
    harness.work()
    assert answer(harness)["outcome"] == outcome
    assert requests_of(stub) == [("GET", LIST)]
    assert not harness.client.exists(keys.call_mark(call.call_id))


def test_a_request_that_was_marked_and_never_answered_is_not_sent_again(
    harness: Any, stub: Any, transcodings: Transcodings
) -> None:
    call = decide(harness)
    assert Calls(harness.client).mark(call)[0] is MarkResult.MARKED
    harness.work()
    assert answer(harness)["outcome"] == "unknown"
    assert requests_of(stub) == []


def test_a_request_that_is_not_its_rooms_current_one_is_dropped(
    harness: Any, stub: Any, transcodings: Transcodings
) -> None:
    decide(harness)
    harness.client.hset(keys.TRANSCODES_CURRENT, ROOM, "call_another")
    harness.work()
    assert answer(harness)["outcome"] == "dropped"
    assert requests_of(stub) == [("GET", LIST)]


def test_an_unknown_outcome_is_settled_by_the_list(harness: Any, stub: Any, transcodings: Transcodings) -> None:
    transcodings.request = (504, {"message": "gateway"})
    decide(harness)
    harness.work()
    fold_all(harness.client)
    assert harness.call(ROOM, "transcode").state is CallState.UNKNOWN
    transcodings.listed = (200, {"data": [job("completed", file=FILE)]})
    fire(harness)
    harness.work()
    fold_all(harness.client)
    assert stream(harness).mp4.state is Mp4State.READY
    assert len([method for method, _ in requests_of(stub) if method == "POST"]) == 1


def test_the_sandbox_makes_one_of_a_stream_that_has_ended(sandbox: Any, request: pytest.FixtureRequest) -> None:
    room = room_of(request)
    session = sandbox.join(room)
    connected = VideoSDKRoomClient(
        VideoSDK(sandbox.url, Token(API_KEY, SECRET)), on_rate_limit=lambda _: None, probe_deadline_s=5
    )
    deadline = monotonic() + 30
    started = connected.start(room, Output.HLS, {}, webhook_url=None, deadline=deadline, deadline_at=0)
    hls_id = started.data["stream"]["id"]
    early = connected.transcode(hls_id, None, webhook_url=None, deadline=deadline, deadline_at=0)
    assert early.outcome is CallOutcome.REFUSED
    connected.end(room, Output.HLS, hls_id, deadline=deadline, deadline_at=0)
    assert connected.check_transcode(hls_id, None, deadline=deadline) is None
    requested = connected.transcode(hls_id, None, webhook_url=None, deadline=deadline, deadline_at=0)
    transcoding_id = requested.data["transcoding"]["id"]
    existing = connected.check_transcode(hls_id, None, deadline=deadline)
    assert existing is not None
    assert (existing.outcome, existing.data["transcoding"]["id"]) == ("already", transcoding_id)
    by_session = connected.check_transcoding(None, None, session, deadline=deadline)
    by_id = connected.check_transcoding(transcoding_id, None, None, deadline=deadline)
    assert by_session.data["transcoding"]["id"] == by_id.data["transcoding"]["id"] == transcoding_id
    assert read_transcoding(by_id.data["transcoding"]).provider_id == transcoding_id


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("MP4 requested", None),
        ({"message": "queued"}, None),
        ({"code": 200, "data": job("pending")}, "job-1"),
    ],
)
def test_an_answer_may_name_the_transcoding_or_not(
    harness: Any, transcodings: Transcodings, body: Any, shown: str | None
) -> None:
    transcodings.request = (200, body)
    decide(harness)
    harness.work()
    transcoding = answer(harness)["transcoding"]
    assert (None if transcoding is None else transcoding["id"]) == shown
