"""The whole way through real processes: from somebody who joins a room to a subscriber who is told, and back."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.support.polling import wait_until
from tests.support.product import Product, Sandbox, SinkRequest, product, webhook
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process
LIMIT_S = 20.0
ROOM = "hall-hall-hall"
LIVE_WITH_THE_HOST = {
    "rooms": [ROOM],
    "on": "participant-joined",
    "if": 'event.data.participantName.startsWith("Host")',
    "do": "start",
}
CONFIGURATION = """\
rooms:
  main-hall: {room_id: hall-hall-hall, groups: [webinar]}
rules:
  - name: live-with-the-host
    rooms: ["group:webinar"]
    on: participant-joined
    if: event.data.participantName.startsWith("Host")
    do: start
subscribers:
  - {name: av-team, url: "${AV_TEAM_URL}", types: ["stream.*"], rooms: [main-hall]}
"""
CHANGED = """\
rooms:
  main-hall: {room_id: hall-hall-hall, groups: [webinar]}
  studio: {room_id: stud-stud-stud}
rules:
  - name: told-when-on-air
    rooms: [studio]
    on: stream.playable
    do: notify
    message: "{room.name} is on air"
subscribers:
  - {name: producers, url: "${AV_TEAM_URL}", types: ["rule.*"]}
"""


def sandbox_of(running: Product) -> Sandbox:
    assert running.sandbox is not None
    return running.sandbox


def runs_of(running: Product, room: str) -> list[dict[str, Any]]:
    return sandbox_of(running).log("run", room)


def test_a_host_who_joins_puts_the_room_on_air_and_subscribers_receive_notices(tmp_path: Path) -> None:
    with product(tmp_path) as running:
        sandbox = sandbox_of(running)
        subscriber = running.subscribe("stream.*", "session.*")
        running.put_rule("live-with-the-host", **LIVE_WITH_THE_HOST)

        sandbox.join(ROOM, "guest", "Grace")
        sandbox.join(ROOM, "host", "Host Ada")
        room = running.wait_state(ROOM, "playable")
        assert (room["on_air"], room["watchable"]) == (True, True)
        assert room["desired"]["because"] == "rule:live-with-the-host"
        assert room["stream"]["videosdk_id"] == runs_of(running, ROOM)[0]["id"]
        moments = [room["stream"][f"{state}_at"] for state in ("starting", "started", "playable")]
        assert moments == sorted(moments)
        assert {who["name"] for who in room["session"]["participants"]} == {"Grace", "Host Ada"}
        assert [item["room_id"] for item in running.items("/rooms?on_air=true")] == [ROOM]

        (call,) = [item for item in running.items("/calls") if item["kind"] != "probe"]
        assert (call["kind"], call["state"]) == ("start", "succeeded")
        assert call["because"] == "rule:live-with-the-host"
        assert running.get(f"/events/{call['event_id']}")["type"] == "participant-joined"

        answer = running.api("POST", f"/rooms/{ROOM}/end")
        assert answer.status == 202
        room = running.wait_state(ROOM, "stopped")
        assert (room["on_air"], room["stream"]["ended_by"]) == (False, "webhook")
        assert room["desired"]["because"] == "operator"
        assert len(runs_of(running, ROOM)) == 1

        stages = ["starting", "started", "playable", "stopping", "stopped"]
        announced = ["session.started", *(f"stream.{stage}" for stage in stages)]
        wait_until(lambda: sorted(running.sink.types(ROOM)) == sorted(announced), LIMIT_S, "every notice")
        for notice in running.sink.requests:
            verified(notice, subscriber["secret"])
        whys = [notice["data"]["because"] for notice in running.sink.notices("stream.playable", ROOM)]
        assert whys == ["rule:live-with-the-host"]
        sequences = [notice["data"]["sequence"] for kind in announced for notice in running.sink.notices(kind, ROOM)]
        assert sequences == sorted(set(sequences))
        timeline_explains(running, call, answer.json["id"])


def verified(notice: SinkRequest, secret: str) -> None:
    """The public library of Standard Webhooks takes it for ours, and no other secret's holder could have made it."""
    assert Webhook(secret).verify(notice.body, dict(notice.headers)) == notice.json


def timeline_explains(running: Product, call: dict[str, Any], end_id: str) -> None:
    """Each event says what it did, and each decision which rule or wish was behind it."""
    timeline = running.items(f"/rooms/{ROOM}/timeline")
    assert all(item["effect"] for item in timeline)
    happened = [item["type"] for item in timeline if item["source"] == "videosdk" and item["type"].startswith("hls-")]
    assert happened == [f"hls-{stage}" for stage in ("starting", "started", "playable", "stopping", "stopped")]
    by_id = {item["id"]: item for item in timeline}
    cause = by_id[call["event_id"]]
    assert cause["data"]["participantName"] == "Host Ada"
    decided = [(decision["rule"], decision["reason"], decision["call_id"]) for decision in cause["decisions"]]
    assert ("live-with-the-host", Reason.RULE_MATCHED, None) in decided
    assert (Reason.START_SENT, call["id"]) in [(reason, call_id) for _, reason, call_id in decided]
    (guest,) = [item for item in timeline if item["data"].get("participantName") == "Grace"]
    assert [(decision["rule"], decision["reason"]) for decision in guest["decisions"]] == [
        ("live-with-the-host", Reason.RULE_IF_FALSE)
    ]
    assert "start-succeeded" in [item["type"] for item in timeline if item["source"] == "call"]
    assert by_id[end_id]["reason"] == Reason.OPERATOR_WANTS_OFF
    assert Reason.END_SENT in [decision["reason"] for decision in by_id[end_id]["decisions"]]


def test_a_host_who_returns_while_the_previous_stream_is_stopping_is_put_on_air_again(tmp_path: Path) -> None:
    with product(tmp_path) as running:
        sandbox = sandbox_of(running)
        sandbox.pace(stopped_s=1)
        running.put_rule("live-with-the-host", **LIVE_WITH_THE_HOST)
        first = sandbox.join(ROOM)
        running.wait_state(ROOM, "playable")
        sandbox.leave(ROOM)
        second = sandbox.join(ROOM)
        assert first != second
        wait_until(lambda: len(runs_of(running, ROOM)) == 2, LIMIT_S, "the second run")
        room = running.wait_state(ROOM, "playable")
        assert room["stream"]["session_id"] == second
        before, after = runs_of(running, ROOM)
        assert before["ended_at"] <= after["started_at"]


def test_a_notice_that_was_refused_comes_again_under_the_same_id(tmp_path: Path) -> None:
    with product(tmp_path, pinned=True) as running:
        secret = running.subscribe("stream.*")["secret"]
        running.sink.refuse_next(1)
        body = webhook("hls-started", ROOM, playbackHlsUrl="https://cdn.example/a/index.m3u8")
        answer = running.post_webhook(body)
        assert answer.status == 200
        wait_until(lambda: len(running.sink.requests) == 2, LIMIT_S, "the second attempt")
        first, second = running.sink.requests
        assert first.id == second.id
        assert first.headers["webhook-timestamp"] < second.headers["webhook-timestamp"]
        verified(second, secret)
        (delivery,) = wait_until(lambda: running.items("/deliveries?state=delivered"), LIMIT_S, "the delivery")
        assert [attempt["status"] for attempt in delivery["attempts"]] == [503, 204]
        assert running.get(f"/events/{answer.json['id']}")["effect"]


def test_the_configuration_file_is_applied_at_start_and_on_change_and_a_wrong_one_leaves_what_runs(
    tmp_path: Path,
) -> None:
    file = tmp_path / "tally.yaml"
    file.write_text(CONFIGURATION)
    with product(tmp_path, started=False, CONFIG_FILE=str(file)) as running:
        running.environ = {**running.environ, "AV_TEAM_URL": running.sink.url}
        running.start()
        sandbox = sandbox_of(running)
        (rule,) = wait_until(lambda: running.items("/rules"), LIMIT_S, "the file's rule")
        assert (rule["name"], rule["from_file"]) == ("live-with-the-host", True)
        assert running.api("PUT", "/rules/live-with-the-host", LIVE_WITH_THE_HOST).status == 409
        running.put_rule("of-the-api", rooms=["*"], on="session.ended", do="notify")
        sandbox.join(ROOM)
        room = running.wait_state(ROOM, "playable")
        assert (room["name"], room["groups"]) == ("main-hall", ["webinar"])
        assert room["desired"]["because"] == "rule:live-with-the-host"
        wait_until(lambda: "stream.playable" in running.sink.types(ROOM), LIMIT_S, "the notice")

        file.write_text(CONFIGURATION.replace("do: start", "do: strat"))
        (alarm,) = wait_until(lambda: running.items("/alarms?active=true"), LIMIT_S, "the alarm")
        assert alarm["name"] == "configuration-file"
        assert "tally.yaml:" in alarm["summary"] and "live-with-the-host.do" in alarm["summary"]
        assert [item["name"] for item in running.items("/rules")] == ["of-the-api", "live-with-the-host"]
        assert [item["name"] for item in running.items("/subscribers")] == ["av-team"]
        on_air = running.room(ROOM)
        assert on_air is not None and on_air["on_air"]

        file.write_text(CHANGED)
        wait_until(lambda: not running.items("/alarms?active=true"), LIMIT_S, "the end of the alarm")
        rules = {item["name"] for item in running.items("/rules")}
        assert rules == {"told-when-on-air", "of-the-api"}
        assert [item["name"] for item in running.items("/subscribers")] == ["producers"]
        on_air = running.room(ROOM)
        assert on_air is not None and on_air["on_air"] and on_air["desired"] is None
        assert running.post_webhook(webhook("hls-playable", "stud-stud-stud", id="run-1")).status == 200
        (rule_notice,) = wait_until(lambda: running.sink.notices("rule.told-when-on-air"), LIMIT_S, "the rule's notice")
        assert rule_notice["data"]["message"] == "studio is on air"


def test_a_restart_finds_all_data_as_it_was(tmp_path: Path) -> None:
    with product(tmp_path) as running:
        sandbox = sandbox_of(running)
        running.subscribe("stream.*", name="kept")
        running.put_rule("live-with-the-host", **LIVE_WITH_THE_HOST)
        sandbox.join(ROOM)
        running.wait_state(ROOM, "playable")
        running.post_webhook(webhook("hls-failed", "stud-stud-stud", id="run-1"))
        running.wait_state("stud-stud-stud", "failed")
        wait_until(lambda: "stream.failed" in running.sink.types(), LIMIT_S, "the notice")
        wait_until(lambda: not running.items("/deliveries?state=pending"), LIMIT_S, "the last delivery")
        before = everything(running)
        assert running.stop() == 0
        assert "ERROR" not in running.output() and "Traceback" not in running.output()
        running.start()
        assert everything(running) == before
        assert len(sandbox.starts(ROOM)) == 1

        sandbox.end_session(ROOM)
        running.wait_state(ROOM, "stopped")
        wait_until(lambda: "stream.stopped" in running.sink.types(ROOM), LIMIT_S, "a notice of the second run")
        assert len(runs_of(running, ROOM)) == 1


def everything(running: Product) -> dict[str, Any]:
    """All that is shown, without what depends on the moment of looking."""
    lists = ("rooms", "streams", "rules", "subscribers", "deliveries")
    shown = {name: running.items(f"/{name}") for name in lists}
    shown["calls"] = [call for call in running.items("/calls") if call["kind"] != "probe"]
    lasting: dict[str, Any] = json.loads(json.dumps(shown), object_hook=_without_moments)
    return lasting


def _without_moments(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ("duration_s", "updated_at")}


def test_without_credentials_a_room_of_the_sandbox_goes_on_air_within_a_minute(tmp_path: Path) -> None:
    with product(tmp_path, credentials=False) as running:
        room = running.wait_state("demo-demo-demo", "playable", 60.0)
        assert room["on_air"] and room["desired"]["because"].startswith("rule:demo-")
        assert set(running.pids()) == {"store", "sandbox", "web", "worker", "call", "deliver", "clock"}
        assert f"simulating VideoSDK at {running.sandbox_url}" in running.output()
        (subscriber,) = running.items("/subscribers")
        assert subscriber["url"] == f"{running.sandbox_url}/sandbox/inbox"
        delivered = wait_until(lambda: running.items("/deliveries?state=delivered"), LIMIT_S, "the demo's notices")
        assert {item["subscriber_id"] for item in delivered} == {subscriber["id"]}


def test_a_start_of_unknown_outcome_never_makes_a_second_stream_and_the_room_goes_on_air(tmp_path: Path) -> None:
    rooms = ("hang-hang-hang", "lost-lost-lost", "late-late-late", "fail-fail-fail")
    with product(tmp_path) as running:
        sandbox = sandbox_of(running)
        running.put_rule("live-with-the-host", **{**LIVE_WITH_THE_HOST, "rooms": list(rooms)})
        began = time.monotonic()
        for room, fault in zip(rooms, ("hang", "answer-lost", "late", "500"), strict=True):
            spoilt = {"path": "start", "fault": fault, "times": 1, "after_s": 8}
            sandbox.faults(rest=[spoilt])
            sandbox.join(room)
            wait_until(partial(sandbox.starts, room), LIMIT_S, f"the start in {room}")
        for room in rooms:
            running.wait_state(room, "playable", 60.0)
        assert time.monotonic() - began > 25  # a start nobody answered is not taken for failed any sooner
        for room in rooms:
            assert len(runs_of(running, room)) == 1
            assert [call for call in sandbox.starts(room) if call["status"] == 409] == []
        assert [len(sandbox.starts(room)) for room in rooms] == [2, 1, 1, 2]
        states = {(call["room_id"], call["state"]) for call in running.items("/calls") if call["kind"] == "start"}
        assert ("lost-lost-lost", "succeeded") in states
        assert ("hang-hang-hang", "unknown") in states
