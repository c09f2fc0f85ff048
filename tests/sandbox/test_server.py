"""The sandbox as a running process: its REST, its webhooks, its faults and its end."""

import base64
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.sandbox.processes import API_KEY, SECRET, WITHIN_S, sandbox_process, token, until

pytestmark = pytest.mark.process


def test_a_stream_runs_from_start_to_stop_and_can_be_read_all_the_while(sandbox: Any, room: Any) -> None:
    session_id = sandbox.join(room)["sessionId"]
    sandbox.put("/sandbox/pace", {"stopped_s": 0.3})
    started = sandbox.start(room).json()
    assert started["sessionId"] == session_id
    assert len(started["id"]) == 24
    assert started["playbackHlsUrl"].endswith("/index.m3u8")
    sandbox.until_sent(room, "hls-playable")
    active = sandbox.active(room).json()
    assert (active["code"], active["data"]["id"], active["data"]["end"]) == (200, started["id"], None)
    ended = sandbox.end(room)
    assert (ended.status_code, ended.json()) == (200, "HLS ended successfully")
    assert sandbox.start(room).json()["code"] == 4020
    sandbox.until_sent(room, "hls-stopped")
    assert sandbox.active(room).status_code == 404
    listed = sandbox.call("GET", "/v2/hls", params={"roomId": room, "perPage": 5}).json()
    assert listed["pageInfo"] == {"currentPage": 1, "perPage": 5, "lastPage": 1, "total": 1}
    assert listed["data"][0]["end"] > started["start"]
    (run,) = sandbox.log("run", room)
    assert (run["id"], run["started_at"], run["state"]) == (started["id"], started["start"], "stopped")
    assert run["ended_at"] == listed["data"][0]["end"]
    deleted = sandbox.call("DELETE", f"/v2/hls/{started['id']}")
    assert isinstance(deleted.json(), str)


def test_sessions_and_rooms_can_be_read(sandbox: Any, room: Any) -> None:
    session_id = sandbox.join(room)["sessionId"]
    for path in ("/v2/sessions/", "/v2/sessions"):
        listed = sandbox.call("GET", path, params={"roomId": room, "status": "ongoing"}).json()["data"]
        assert [session["id"] for session in listed] == [session_id]
    left = sandbox.call("POST", f"/sandbox/rooms/{room}/leave", {"participantId": "ada"}).json()
    assert left["sessionEnded"] is True
    session = sandbox.call("GET", f"/v2/sessions/{session_id}").json()
    assert session["status"] == "ended"
    assert session["participants"][0]["timelog"][0]["end"] == session["end"]
    assert sandbox.call("GET", f"/v2/rooms/{room}").json()["roomId"] == room
    assert sandbox.call("GET", "/v2/rooms/nobody-knows-it").status_code == 404


def test_webhooks_are_signed_over_their_raw_bytes_and_sent_in_order(sandbox: Any, receiver: Any) -> None:
    webhook = {"endPoint": receiver.url, "events": ["hls-*"]}
    room = sandbox.call("POST", "/v2/rooms", {"webhook": webhook}).json()["roomId"]
    sandbox.join(room)
    stream_id = sandbox.start(room, webhookUrl=receiver.url).json()["id"]
    until(lambda: len(receiver.got) == 3)
    assert receiver.types() == ["hls-starting", "hls-started", "hls-playable"]
    pem = requests.get(sandbox.address + "/v2/public/rsa-public-key", timeout=WITHIN_S).json()["publicKey"]
    assert pem.startswith("\n-----BEGIN RSA PUBLIC KEY-----\n")
    assert pem.endswith("-----END RSA PUBLIC KEY-----\n")
    key = load_pem_public_key(pem.strip().encode())
    assert isinstance(key, RSAPublicKey)
    for body, signature in receiver.got:
        key.verify(base64.b64decode(signature), body, PKCS1v15(), SHA256())
        assert "id" not in json.loads(body)["data"]
    shown = until(
        lambda: (
            (record := sandbox.call("GET", f"/v2/hls/{stream_id}").json()["webhook"])
            and record["successCount"] == 3
            and record
        )
    )
    assert shown["totalCount"] == 3


def test_a_receiver_that_was_down_gets_its_webhooks_later(sandbox: Any, room: Any, receiver: Any) -> None:
    receiver.statuses = [503]
    sandbox.join(room)
    sandbox.start(room, webhookUrl=receiver.url)
    until(lambda: len(receiver.got) == 4)
    assert receiver.types()[-1] == "hls-starting"
    until(lambda: "delivered" in [i["outcome"] for i in sandbox.log("webhook", room) if i["attempt"] == 2])


@pytest.mark.parametrize(
    ("make_token", "status"),
    [
        (lambda: "", 401),
        (lambda: "not-a-token", 401),
        (lambda: "Bearer " + token(), 401),
        (lambda: token(secret="some-other-secret-that-is-long-enough"), 401),
        (lambda: token(apikey="somebody-else"), 401),
        (lambda: token(exp=1), 401),
        (lambda: token(roles=["rtc"]), 403),
        (lambda: token(), 404),
    ],
    ids=["none", "garbage", "bearer", "other-secret", "other-key", "expired", "rtc", "good"],
)
def test_a_call_needs_a_raw_token_of_ours(sandbox: Any, make_token: Any, status: int) -> None:
    answer = sandbox.call("GET", "/v2/rooms/unknown", headers={"Authorization": make_token()})
    assert (answer.status_code, bool(answer.json()["message"])) == (status, True)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"layout": {"priority": "LOUDEST"}}, "priority"),
        ({"layout": {"priority": "PIN", "type": "CIRCLE"}}, "type"),
        ({"layout": {"priority": "PIN", "gridSize": 26}}, "gridSize"),
        ({"layout": {"priority": "PIN"}, "theme": "PINK"}, "theme"),
        ({"layout": {"priority": "PIN"}, "quality": "best"}, "quality"),
        ({"layout": {"priority": "PIN"}, "mode": "video"}, "mode"),
        ({"layout": {"priority": "PIN"}, "orientation": "round"}, "orientation"),
    ],
)
def test_a_wrong_config_is_refused_by_name(sandbox: Any, config: dict[str, Any], named: str) -> None:
    sandbox.join("config-room")
    answer = sandbox.start("config-room", config=config)
    assert answer.status_code == 400
    assert named in answer.json()["message"]


@pytest.mark.parametrize("config", [{"mode": "audio"}, {"layout": {"type": "GRID"}}, {"layout": None, "theme": "DARK"}])
@pytest.mark.parametrize("more", [{}, {"templateUrl": "https://template.example/"}])
def test_a_config_without_a_layout_and_its_priority_is_not_acceptable(
    sandbox: Any, config: dict[str, Any], more: dict[str, Any]
) -> None:
    sandbox.join("config-room")
    answer = sandbox.start("config-room", config=config, **more)
    assert (answer.status_code, answer.json()["message"]) == (406, "config.layout with a priority is required")


def test_a_valid_or_empty_configuration_is_accepted(sandbox: Any, room: Any) -> None:
    layout = {"type": "SIDEBAR", "priority": "PIN", "gridSize": 25}
    for name, config in (("a", {}), ("b", {"layout": layout, "mode": "audio", "quality": "high"})):
        sandbox.join(room + name)
        stream_id = sandbox.start(room + name, config=config).json()["id"]
    shown = sandbox.call("GET", f"/v2/hls/{stream_id}").json()
    assert (shown["mode"], shown["quality"]) == ("audio", "high")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v2/hls/start", {}, 400),
        ("POST", "/v2/hls/start", [], 400),
        ("POST", "/v2/hls/stop", {"roomId": "a"}, 404),
        ("POST", "/v2/hls/end", {"roomId": "nobody-knows-it"}, 404),
        ("GET", "/v2/hls?page=0", None, 400),
        ("GET", "/v2/hls/nothing", None, 404),
        ("GET", "/v2/elsewhere", None, 404),
        ("POST", "/v2/rooms", {"webhook": {"endPoint": "http://a/" + "b" * 512}}, 400),
        ("PUT", "/sandbox/pace", {"started_s": -1}, 400),
        ("PUT", "/sandbox/faults", {"rest": [{"path": "start", "fault": "418"}]}, 400),
        ("GET", "/sandbox/log?kind=other", None, 400),
        ("POST", "/sandbox/rooms/nobody-knows-it/leave", {"participantId": "ada"}, 404),
    ],
)
def test_what_is_wrong_is_answered_with_a_message(sandbox: Any, method: str, path: str, body: Any, status: int) -> None:
    answer = sandbox.call(method, path, body)
    assert (answer.status_code, bool(answer.json()["message"])) == (status, True)


def test_a_thumbnail_is_described_while_the_stream_is_playable(sandbox: Any, room: Any) -> None:
    sandbox.join(room)
    assert sandbox.call("POST", "/v2/hls/capture", {"roomId": room}).status_code == 404
    sandbox.start(room)
    sandbox.until_sent(room, "hls-playable")
    shown = sandbox.call("POST", "/v2/hls/capture", {"roomId": room, "width": 640}).json()
    assert (shown["roomId"], shown["meta"]["width"]) == (room, 640)


@pytest.mark.parametrize("status", [401, 403, 409, 429, 500, 502, 503])
def test_a_call_fails_as_often_as_asked_and_does_no_work(sandbox: Any, room: Any, status: int) -> None:
    sandbox.join(room)
    sandbox.put("/sandbox/faults", {"rest": [{"path": "start", "fault": str(status), "times": 1}]})
    assert sandbox.start(room).status_code == status
    assert sandbox.log("run", room) == []
    assert sandbox.start(room).status_code == 200
    assert [call["status"] for call in sandbox.log("call", room)] == [status, 200]


def test_an_answer_may_be_lost_after_the_work_was_done(sandbox: Any, room: Any) -> None:
    sandbox.join(room)
    sandbox.put("/sandbox/faults", {"rest": [{"path": "start", "fault": "answer-lost"}]})
    with pytest.raises(requests.ConnectionError):
        sandbox.start(room)
    assert sandbox.active(room).json()["data"]["roomId"] == room
    first = sandbox.log("call", room)[0]
    assert (first["status"], first["fault"], first["lost_status"]) == (None, "answer-lost", 200)


def test_the_work_may_be_done_after_the_caller_gave_up(sandbox: Any, room: Any) -> None:
    sandbox.join(room)
    sandbox.put("/sandbox/faults", {"rest": [{"path": "start", "fault": "late", "after_s": 0.2}]})
    with pytest.raises(requests.ConnectionError):
        sandbox.start(room)
    assert sandbox.active(room).status_code == 404
    until(lambda: sandbox.active(room).status_code == 200)


def test_a_call_may_hang_and_does_no_work(sandbox: Any, room: Any) -> None:
    sandbox.join(room)
    sandbox.put("/sandbox/faults", {"rest": [{"path": "start", "fault": "hang"}]})
    with pytest.raises(requests.ReadTimeout):
        sandbox.call("POST", "/v2/hls/start", {"roomId": room}, timeout=0.2)
    assert sandbox.log("run", room) == []


def test_answers_take_their_time(sandbox: Any) -> None:
    sandbox.put("/sandbox/pace", {"answer_s": 0.2})
    assert sandbox.call("GET", "/v2/hls").elapsed.total_seconds() >= 0.2


def test_webhooks_can_be_lost_repeated_and_carry_ids(sandbox: Any, room: Any, receiver: Any) -> None:
    faults = {"drop": ["hls-started"], "repeat": 1, "stream_ids": True}
    sandbox.put("/sandbox/faults", {"webhooks": faults})
    sandbox.join(room)
    sandbox.start(room, webhookUrl=receiver.url)
    until(lambda: len(receiver.got) == 4)
    assert receiver.types() == ["hls-starting", "hls-starting", "hls-playable", "hls-playable"]
    assert all(len(json.loads(body)["data"]["id"]) == 24 for body, _ in receiver.got)
    dropped = [item["type"] for item in sandbox.log("webhook", room) if item["outcome"] == "dropped"]
    assert dropped == ["hls-started"]


def test_webhooks_can_be_sent_in_another_order_and_late(sandbox: Any, room: Any, receiver: Any) -> None:
    sandbox.put("/sandbox/faults", {"webhooks": {"reorder": 1, "delay_s": 0.2}})
    sandbox.join(room)
    began = time.monotonic()
    sandbox.start(room, webhookUrl=receiver.url)
    until(lambda: len(receiver.got) == 2)
    assert receiver.types() == ["hls-started", "hls-starting"]
    assert time.monotonic() - began >= 0.2
    until(lambda: receiver.types()[2:] == ["hls-playable"])


def test_open_points_take_the_chosen_form_in_one_room_only(sandbox: Any, room: Any) -> None:
    forms = {"none_active": "null", "start_status": 201, "end_status": 204, "room_key": "meetingId", "detail": "old"}
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"forms": forms})
    assert sandbox.active(room).json() == {"code": 200, "data": None}
    assert sandbox.active(f"{room}-other").status_code == 404
    sandbox.join(room)
    started = sandbox.start(room)
    assert started.status_code == 201
    sandbox.until_sent(room, "hls-playable")
    assert sandbox.active(room).json()["data"]["meetingId"] == room
    assert "webhook" not in sandbox.call("GET", f"/v2/hls/{started.json()['id']}").json()
    ended = sandbox.end(room)
    assert (ended.status_code, ended.content) == (204, b"")


def test_the_list_may_need_a_room(sandbox: Any, room: Any) -> None:
    sandbox.put("/sandbox/faults", {"forms": {"list_needs_room": True}})
    assert sandbox.call("GET", "/v2/hls").status_code == 400
    assert sandbox.call("GET", "/v2/hls", params={"roomId": room}).status_code == 200
    sandbox.put("/sandbox/faults", {})
    assert sandbox.call("GET", "/v2/hls").status_code == 200


def test_a_crowd_of_participants_is_read_in_pages_with_modes(sandbox: Any, room: Any) -> None:
    crowd = {"participantId": "viewer", "mode": "VIEWER", "count": 30}
    sandbox.join(room)
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"webhooks": {"viewers": False}})
    session = sandbox.call("POST", f"/sandbox/rooms/{room}/join", crowd).json()["sessionId"]
    assert sandbox.webhook_types(room) == ["session-started", "participant-joined"]
    sandbox.call("POST", f"/sandbox/rooms/{room}/leave", {"participantId": "viewer-30"})
    path = f"/v2/sessions/{session}/participants"
    pages = [sandbox.call("GET", f"{path}/active", params={"page": n, "perPage": 20}).json() for n in (1, 2)]
    assert pages[1]["pageInfo"] == {"currentPage": 2, "perPage": 20, "lastPage": 2, "total": 30}
    assert [page["data"][0]["id"] for page in pages] == [session, session]
    modes = [participant["mode"] for page in pages for participant in page["data"][0]["participants"]]
    assert (modes.count("VIEWER"), modes.count("CONFERENCE")) == (29, 1)
    assert sandbox.call("GET", path).json()["pageInfo"]["total"] == 31
    assert sandbox.call("POST", "/v2/sessions/end", {"roomId": room}).status_code == 200
    assert sandbox.webhook_types(room)[-1] == "session-ended"


def test_participants_take_the_form_that_is_chosen(sandbox: Any, room: Any) -> None:
    sandbox.join(room)
    session = sandbox.call("GET", "/v2/sessions/", params={"roomId": room}).json()["data"][0]["id"]
    path = f"/v2/sessions/{session}/participants/active"
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"forms": {"participants": "session", "participant_modes": False}})
    answer = sandbox.call("GET", path).json()
    [row] = answer["data"]
    assert (answer["pageInfo"]["total"], row["status"], len(row["participants"])) == (1, "ongoing", 1)
    assert "mode" not in row["participants"][0]
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"forms": {"participants": "404"}})
    assert sandbox.call("GET", path).status_code == 404


def test_webhooks_may_be_sent_once_only(sandbox: Any, room: Any, receiver: Any) -> None:
    receiver.statuses = [503]
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"webhooks": {"retries": False}})
    sandbox.join(room)
    stream_id = sandbox.start(room, webhookUrl=receiver.url).json()["id"]
    until(lambda: len(receiver.got) == 3)
    assert [item["outcome"] for item in sandbox.log("webhook", room)].count("given-up") == 1
    record = until(
        lambda: (shown := sandbox.call("GET", f"/v2/hls/{stream_id}").json()["webhook"])["successCount"] == 2 and shown
    )
    assert record["data"][0] == {"type": "hls-starting", "success": False}


def test_the_quota_can_be_set_as_a_fault(sandbox: Any, room: Any) -> None:
    sandbox.join(room)
    sandbox.put("/sandbox/faults", {"quota": 0})
    assert sandbox.start(room).json()["code"] == 4029


def test_the_inbox_keeps_what_a_subscriber_would_get(sandbox: Any) -> None:
    headers = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
    sandbox.call("POST", "/sandbox/inbox/some/where", {"type": "stream.playable"}, headers=headers)
    item = sandbox.log("inbox")[-1]
    assert (item["path"], item["headers"]) == ("/sandbox/inbox/some/where", headers)
    assert item["body"] == {"type": "stream.playable"}


def test_the_sandbox_says_what_it_can_do(sandbox: Any) -> None:
    shown = sandbox.call("GET", "/", headers={"Accept": "application/json"}).json()
    paths = {endpoint["path"].split("?")[0] for endpoint in shown["videosdk"] + shown["sandbox"]}
    assert {"/v2/hls/start", "/sandbox/faults", "/sandbox/log"} <= paths
    assert shown["open_points"]["none_active"]["default"] == "404"
    assert sandbox.call("GET", "/").text.startswith("<!doctype html>")


def test_two_hundred_webhooks_are_sent_each_way(sandbox: Any, room: Any, receiver: Any) -> None:
    sandbox.put("/sandbox/faults", {"webhooks": {"repeat": 66}})
    sandbox.join(room)
    sandbox.start(room, webhookUrl=receiver.url)
    until(lambda: len(receiver.got) == 201)


def test_the_process_ends_at_once_when_terminated_and_its_key_is_kept(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        with sandbox_process("--data", str(tmp_path / "data")) as sandbox:
            keys.append(sandbox.call("GET", "/v2/public/rsa-public-key").json()["publicKey"])
            sandbox.put("/sandbox/faults", {"rest": [{"path": "list", "fault": "hang"}]})
            with pytest.raises(requests.ReadTimeout):
                sandbox.call("GET", "/v2/hls", timeout=0.05)
            sandbox.process.send_signal(signal.SIGTERM)
            assert sandbox.process.wait(timeout=WITHIN_S) == 0
    assert keys[0] == keys[1]
    assert (tmp_path / "data" / "rsa.pem").stat().st_mode & 0o777 == 0o600


def test_a_port_in_use_is_one_line_and_status_one(sandbox: Any) -> None:
    command = [sys.executable, "-m", "sandbox", "--api-key", API_KEY, "--secret", SECRET]
    port = sandbox.address.rpartition(":")[2]
    ended = subprocess.run([*command, "--port", port], capture_output=True, text=True, timeout=WITHIN_S)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"The sandbox cannot listen on 127.0.0.1:{port}")
    assert ended.stderr.count("\n") == 1


def test_the_demo_sends_its_rooms_webhooks_to_every_receiver(receiver: Any) -> None:
    options = ("--demo", "demo", "--demo-factor", "0.005", "--webhook-url", receiver.url)
    with sandbox_process(*options):
        until(lambda: "session-ended" in receiver.types())
    assert receiver.types()[:3] == ["session-started", "participant-joined", "participant-joined"]


def test_a_rooms_own_faults_spoil_no_other_room(sandbox: Any, room: Any) -> None:
    other = f"{room}-other"
    sandbox.join(room), sandbox.join(other)
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"rest": [{"path": "start", "fault": "4020"}]})
    assert sandbox.start(other).status_code == 200
    refused = sandbox.start(room)
    assert (refused.status_code, refused.json()["code"]) == (409, 4020)
    assert sandbox.start(room).status_code == 200


def test_a_rooms_own_faults_replace_the_general_ones_of_webhooks_and_end_alone(
    sandbox: Any, room: Any, receiver: Any
) -> None:
    with sandbox_process("--pace-factor", "0", "--webhook-url", receiver.url) as running:
        running.put("/sandbox/faults", {"webhooks": {"drop": 1}})
        running.put(f"/sandbox/rooms/{room}/faults", {"webhooks": {"drop": ["session-*"]}})
        running.join(room), running.join("another")
        until(lambda: receiver.types() == ["participant-joined"])
        running.put(f"/sandbox/rooms/{room}/faults", {})
        running.join(room, "grace")
        until(lambda: [item["outcome"] for item in running.log("webhook", room)] == ["dropped", "delivered", "dropped"])


def test_a_question_about_a_session_is_its_rooms_too(sandbox: Any, room: Any) -> None:
    session = sandbox.join(room)["sessionId"]
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"rest": [{"path": "session", "fault": "503", "times": None}]})
    assert sandbox.call("GET", f"/v2/sessions/{session}").status_code == 503
    assert sandbox.log("call", room)[-1]["path"] == f"/v2/sessions/{session}"


def test_a_slow_answer_is_of_the_moment_of_the_question(sandbox: Any, room: Any) -> None:
    sandbox.join(room)
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"rest": [{"path": "active", "fault": "slow", "after_s": 0.5}]})
    answers = []
    asker = threading.Thread(target=lambda: answers.append(sandbox.active(room)))
    began = time.monotonic()
    asker.start()
    until(lambda: sandbox.log("call", room))
    assert requests.post(
        f"{sandbox.address}/v2/hls/start", json={"roomId": room}, headers=dict(sandbox.http.headers), timeout=WITHIN_S
    ).ok
    asker.join()
    assert answers[0].status_code == 404
    assert time.monotonic() - began >= 0.5


def test_a_stream_that_was_made_older_reaches_its_limit_and_shows_when_it_began(sandbox: Any, room: Any) -> None:
    sandbox.join(room)
    before = sandbox.start(room).json()["start"]
    sandbox.until_sent(room, "hls-playable")
    sandbox.call("POST", f"/sandbox/rooms/{room}/age", {"by_s": 3600})
    assert sandbox.active(room).json()["data"]["start"] < before
    sandbox.call("POST", f"/sandbox/rooms/{room}/age", {"by_s": 3600})
    sandbox.until_sent(room, "hls-stopped")


def test_a_room_may_have_a_pace_of_its_own(sandbox: Any, room: Any) -> None:
    sandbox.put(f"/sandbox/rooms/{room}/pace", {"started_s": 600})
    sandbox.join(room)
    sandbox.start(room)
    sandbox.join(f"{room}-other")
    sandbox.start(f"{room}-other")
    sandbox.until_sent(f"{room}-other", "hls-playable")
    assert sandbox.webhook_types(room)[-1] == "hls-starting"
    refused = sandbox.end(room)
    assert (refused.status_code, refused.json()["code"]) == (400, 4017)


FROM_OTHER_SITES = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Origin": "file://"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "evil.example"},
    {"Host": "evil.example:8001", "Origin": "http://evil.example:8001", "Sec-Fetch-Site": "same-origin"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "localhost@evil.example"},
]
CONTROLS = [
    ("POST", "/sandbox/rooms/{room}/join"),
    ("POST", "/sandbox/rooms/{room}/end-session"),
    ("PUT", "/sandbox/faults"),
    ("PUT", "/sandbox/pace"),
    ("GET", "/sandbox/log"),
    ("POST", "/sandbox/inbox"),
]


@pytest.mark.parametrize("headers", FROM_OTHER_SITES)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_another_site_may_not_use_the_controls(sandbox: Any, room: Any, headers: Any, kind: str) -> None:
    inbox = len(sandbox.log("inbox"))
    for method, path in CONTROLS:
        answer = requests.request(
            method,
            sandbox.address + path.format(room=room),
            data="{}",
            headers=headers | {"Content-Type": kind},
            timeout=WITHIN_S,
        )
        assert answer.status_code == 403, (method, path, answer.text)
    assert not sandbox.log("webhook", room)
    assert len(sandbox.log("inbox")) == inbox


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "none"}, {"Host": "sandbox:8001"}, {"Host": "[::1]:8001"}])
def test_programs_and_its_own_page_may_use_the_controls(sandbox: Any, room: Any, headers: dict[str, Any]) -> None:
    own_page = {"Origin": sandbox.address, "Sec-Fetch-Site": "same-origin"}
    for sent_headers in (headers, {"Host": sandbox.address.removeprefix("http://")} | own_page):
        for method, path in CONTROLS[2:5]:
            answer = requests.request(
                method, sandbox.address + path.format(room=room), data="{}", headers=sent_headers, timeout=WITHIN_S
            )
            assert answer.status_code == 200, (method, path, answer.text)


def test_no_other_site_may_frame_the_page_and_any_may_link_to_it(sandbox: Any) -> None:
    answer = sandbox.call("GET", "/", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert sandbox.call("GET", "/", headers={"Host": "evil.example"}).status_code == 403


def test_videosdks_own_paths_check_the_token_and_no_origin(sandbox: Any, room: Any) -> None:
    sandbox.join(room)
    headers = {"Host": "api.videosdk.example", "Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    assert sandbox.call("POST", "/v2/hls/start", {"roomId": room}, headers=headers).status_code == 200
    key = requests.get(f"{sandbox.address}/v2/public/rsa-public-key", headers=headers, timeout=WITHIN_S)
    assert key.status_code == 200
