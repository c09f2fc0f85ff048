"""Probes: the active stream, participants and failure reasons that an answer reports, and probes that fail."""

import time
from typing import Any

import pytest

from tests.support.call_harness import room_of
from tests.support.polling import scaled_limit
from tests.support.product import API_KEY, SECRET, webhook
from tests.support.web_client import append, fold_all
from webhook_app.domain.events import Source
from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.client import Token, VideoSDK
from webhook_app.store import codec, keys
from webhook_app.store.calls import Calls
from webhook_app.store.journal.journal import Entry, Journal, entry

WITHIN_S = scaled_limit(10.0)


def test_a_room_whose_id_has_unusual_characters_is_probed_under_that_id(harness: Any, stub: Any) -> None:
    harness.decided_call("a b/c?d#e%2f")
    harness.work()
    looks = [path for method, path, _, _ in stub.requests if method == "GET"]
    assert looks[0] == "/v2/hls/a%20b%2Fc%3Fd%23e%252f/active"
    assert stub.posts()[0][1]["roomId"] == "a b/c?d#e%2f"


def test_a_probe_reports_the_active_stream_the_participants_and_its_time(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    room = room_of(request)
    session = sandbox.join(room, "p1", "Host Ada")
    probe = sandbox_harness.decided_probe(room)
    before = Journal(sandbox_harness.client).last_id()
    sandbox_harness.work()
    [event] = sandbox_harness.answers()
    result = event.data
    assert (event.type, result["call_id"], result["outcome"]) == ("probed", probe.call_id, "probed")
    assert (result["reached"], result["active"]) == (True, None)
    assert result["asked_id"] == before
    assert 0 <= event.at - result["asked_at"] < 10_000
    people = {"participants": {"p1": "Host Ada"}, "modes": {"p1": "CONFERENCE"}}
    assert result["session"] == {"session_id": session, "live": True, **people}


@pytest.mark.parametrize("paths", [["sessions"], ["session", "participants"]])
def test_a_probe_without_participants_reports_them_as_unknown(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest, paths: Any
) -> None:
    room = room_of(request)
    sandbox.join(room)
    sandbox.spoil(room, rest=[{"path": path, "fault": "503"} for path in paths])
    sandbox_harness.decided_probe(room)
    sandbox_harness.work()
    [event] = sandbox_harness.answers()
    assert (event.data["reached"], event.data["session"], event.data["session_unknown"]) == (True, None, True)


@pytest.mark.parametrize("modes", [True, False])
@pytest.mark.parametrize("form", ["rows", "session", "404"])
def test_a_probe_reads_participants_in_every_form_of_the_answer(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest, form: str, modes: bool
) -> None:
    room = room_of(request)
    session = sandbox.join(room, "p1")
    sandbox.spoil(room, forms={"participants": form, "participant_modes": modes})
    sandbox_harness.decided_probe(room)
    sandbox_harness.work()
    [event] = sandbox_harness.answers()
    assert (event.data["session"]["session_id"], event.data["session"]["live"]) == (session, True)
    assert event.data["session"]["participants"] == {"p1": "Host Ada"}
    assert event.data["session"].get("modes", {}) == ({"p1": "CONFERENCE"} if modes and form != "404" else {})


@pytest.mark.parametrize("path", ["session", "participants"])
def test_a_probe_reads_participants_from_either_endpoint(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest, path: str
) -> None:
    room = room_of(request)
    session = sandbox.join(room, "p1")
    sandbox.spoil(room, rest=[{"path": path, "fault": "404"}])
    sandbox_harness.decided_probe(room)
    sandbox_harness.work()
    [event] = sandbox_harness.answers()
    assert event.data["session"]["session_id"] == session
    assert event.data["session"]["participants"] == {"p1": "Host Ada"}


def test_a_probe_reports_the_active_stream(sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest) -> None:
    room = room_of(request)
    sandbox_harness.decided_call(room, sandbox.join(room))
    sandbox_harness.work()
    run = sandbox_harness.answer()["stream"]["id"]
    sandbox_harness.client.flushall()
    sandbox_harness.decided_probe(room)
    sandbox_harness.work()
    [event] = sandbox_harness.answers()
    assert event.data["active"]["id"] == run
    fold_all(sandbox_harness.client)
    assert (
        sandbox_harness.client.sismember(keys.ON_AIR, room)
        or codec.room_of(sandbox_harness.client.get(keys.room(room))).streams
    )


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
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest
) -> None:
    sandbox_harness.limit(probe_deadline_s=0.6)
    room = room_of(request)
    sandbox_harness.decided_probe(room)
    sandbox.faults(rest=[{"path": "active", "fault": "hang"}])
    began = time.monotonic()
    sandbox_harness.work()
    assert time.monotonic() - began < scaled_limit(6)
    assert sandbox_harness.answers()[0].data["reached"] is False


def test_a_probe_is_repeated_when_its_worker_died(harness: Any, stub: Any) -> None:
    probe = harness.decided_probe()
    Calls(harness.client).claim_probes(10)
    harness.work()
    assert harness.answers() == []
    harness.client.zadd(keys.PROBES_DUE, {probe.call_id: 1})
    harness.work()
    assert len(harness.answers()) == 1


@pytest.mark.parametrize("named", [True, False])
def test_a_probe_fetches_why_a_stream_failed(
    sandbox_harness: Any, sandbox: Any, request: pytest.FixtureRequest, named: bool
) -> None:
    room = room_of(request)
    session = sandbox.join(room)
    api = VideoSDK(sandbox.url, Token(API_KEY, SECRET))
    run = api.start(room, Output.HLS, {}, deadline=time.monotonic() + WITHIN_S).body
    sandbox.fail(room, "encoder crashed")
    api.start(room, Output.HLS, {}, deadline=time.monotonic() + WITHIN_S)
    names = {"id": run["id"]} if named else {}
    body = {"playbackHlsUrl": run["playbackHlsUrl"], **names}
    append(
        sandbox_harness.client,
        entry(Source.SYSTEM, "settings", None, {"calls": True}),
        Entry(Source.VIDEOSDK, "hls-started", room, webhook("hls-started", room, session, **body)),
        Entry(Source.VIDEOSDK, "hls-failed", room, webhook("hls-failed", room, session, **body)),
    )
    fold_all(sandbox_harness.client)
    due = codec.room_of(sandbox_harness.client.get(keys.room(room))).timers["ask:failure"]
    append(sandbox_harness.client, entry(Source.CLOCK, "timer", room, {"timer": "ask:failure", "due": due}))
    fold_all(sandbox_harness.client)
    sandbox_harness.work()
    assert sandbox_harness.answers()[-1].data["failed"]["id"] == run["id"]
    fold_all(sandbox_harness.client)
    shown = codec.room_of(sandbox_harness.client.get(keys.room(room))).streams[0]
    assert (shown.videosdk_id, shown.failure) == (run["id"], "encoder crashed")
