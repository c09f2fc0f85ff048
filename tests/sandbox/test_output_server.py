"""Recordings, RTMP streams, transcodings and rooms over the REST of a running sandbox, with their faults."""

import base64
import json
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.sandbox.processes import WITHIN_S, until

pytestmark = pytest.mark.process

LAYOUT = {"layout": {"type": "GRID", "priority": "SPEAKER"}}
DESTINATION = {"url": "rtmp://a.rtmp.youtube.example/live2", "streamKey": "key-of-youtube"}
BODIES = {"recordings": {}, "livestreams": {"outputs": [DESTINATION], "config": LAYOUT}}
TITLES = {"recordings": "Recording", "livestreams": "Livestream"}
WEBHOOKS = {"recordings": "recording", "livestreams": "livestream"}
CALLS = {"recordings": "recording", "livestreams": "rtmp"}


def start(sandbox: Any, path: str, room: str, **more: Any) -> requests.Response:
    answer: requests.Response = sandbox.call("POST", f"/v2/{path}/start", {"roomId": room, **BODIES[path], **more})
    return answer


def end(sandbox: Any, path: str, room: str) -> requests.Response:
    answer: requests.Response = sandbox.call("POST", f"/v2/{path}/end", {"roomId": room})
    return answer


def rows(sandbox: Any, path: str, room: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = sandbox.call("GET", f"/v2/{path}", params={"roomId": room}).json()["data"]
    return listed


@pytest.mark.parametrize("path", BODIES)
def test_a_run_is_started_and_ended_by_strings_and_read_in_a_list(sandbox: Any, room: Any, path: str) -> None:
    session_id = sandbox.join(room)["sessionId"]
    started = start(sandbox, path, room)
    assert (started.status_code, started.json()) == (200, f"{TITLES[path]} started successfully")
    sandbox.until_sent(room, f"{WEBHOOKS[path]}-started")
    [running] = rows(sandbox, path, room)
    assert (running["sessionId"], running["end"]) == (session_id, None)
    ended = end(sandbox, path, room)
    assert (ended.status_code, ended.json()) == (200, f"{TITLES[path]} ended successfully")
    sandbox.until_sent(room, f"{WEBHOOKS[path]}-stopped")
    detail = sandbox.call("GET", f"/v2/{path}/{running['id']}").json()
    assert detail["end"] >= detail["start"]
    assert sandbox.call("GET", f"/v2/hls/{running['id']}").status_code == 404
    assert sandbox.log("run", room)[0]["output"] == CALLS[path]


def test_a_recordings_file_can_be_fetched_until_the_recording_is_deleted(sandbox: Any, room: Any) -> None:
    sandbox.join(room)
    start(sandbox, "recordings", room)
    sandbox.until_sent(room, "recording-started")
    end(sandbox, "recordings", room)
    sandbox.until_sent(room, "recording-stopped")
    [row] = rows(sandbox, "recordings", room)
    assert requests.get(row["file"]["fileUrl"], timeout=WITHIN_S).content
    assert sandbox.call("DELETE", f"/v2/recordings/{row['id']}").json() == "Recording deleted successfully"
    assert requests.get(row["file"]["fileUrl"], timeout=WITHIN_S).status_code == 404


def test_webhooks_of_recordings_are_signed_and_go_where_the_start_says(sandbox: Any, room: Any, receiver: Any) -> None:
    sandbox.join(room)
    start(sandbox, "recordings", room, webhookUrl=receiver.url)
    start(sandbox, "livestreams", room, webhookUrl=receiver.url)  # not documented there: ignored
    sandbox.until_sent(room, "livestream-started")
    until(lambda: len(receiver.got) == 2)
    assert receiver.types() == ["recording-starting", "recording-started"]
    pem = sandbox.call("GET", "/v2/public/rsa-public-key").json()["publicKey"]
    key = load_pem_public_key(pem.strip().encode())
    assert isinstance(key, RSAPublicKey)
    for body, signature in receiver.got:
        key.verify(base64.b64decode(signature), body, PKCS1v15(), SHA256())
        assert json.loads(body)["data"].keys() == {"meetingId", "sessionId"}


def test_webhooks_may_name_the_recording(sandbox: Any, room: Any, receiver: Any) -> None:
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"webhooks": {"stream_ids": True}})
    sandbox.join(room)
    start(sandbox, "recordings", room, webhookUrl=receiver.url)
    until(lambda: len(receiver.got) == 2)
    assert {json.loads(body)["data"]["id"] for body, _ in receiver.got} == {rows(sandbox, "recordings", room)[0]["id"]}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("recordings", {"config": {"theme": "DARK"}}, 406),
        ("recordings", {"config": {"layout": {"type": "GRID"}}, "templateUrl": "https://t.example/"}, 406),
        ("recordings", {"fileFormat": "avi"}, 400),
        ("recordings", {"onFailure": {"action": "close-room", "waitTime": 151}}, 400),
        ("livestreams", {"config": None}, 406),
        ("livestreams", {"config": None, "templateUrl": "https://t.example/"}, 406),
        ("livestreams", {"outputs": []}, 400),
        ("livestreams", {"outputs": None}, 400),
        ("livestreams", {"outputs": [{"url": "https://a.example", "streamKey": "k"}]}, 400),
        ("livestreams", {"outputs": [{"url": "rtmp://a.example"}]}, 400),
    ],
)
def test_a_wrong_start_is_refused(sandbox: Any, room: Any, path: str, body: dict[str, Any], status: int) -> None:
    sandbox.join(room)
    answer = start(sandbox, path, room, **body)
    assert (answer.status_code, bool(answer.json()["message"])) == (status, True)
    assert sandbox.log("run", room) == []


@pytest.mark.parametrize("path", BODIES)
def test_what_cannot_be_done_is_refused(sandbox: Any, room: Any, path: str) -> None:
    assert end(sandbox, path, room).status_code == 404
    sandbox.join(room)
    assert end(sandbox, path, room).json() == {"message": f"No active {TITLES[path]} found"}
    start(sandbox, path, room)
    sandbox.until_sent(room, f"{WEBHOOKS[path]}-started")
    assert start(sandbox, path, room).status_code == 409


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("fault", "code"), [("4021", 4021), ("4020", 4020), ("4029", 4029), ("503", None), ("429", None)]
)
def test_a_start_fails_as_the_fault_says_and_hls_does_not(
    sandbox: Any, room: Any, path: str, fault: str, code: int | None
) -> None:
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"rest": [{"path": f"{CALLS[path]}-start", "fault": fault}]})
    sandbox.join(room)
    assert sandbox.start(room).status_code == 200
    refused = start(sandbox, path, room)
    assert (refused.ok, refused.json().get("code")) == (False, code)
    assert code is None or TITLES[path] in next(iter(refused.json().values()))
    assert start(sandbox, path, room).status_code == 200


@pytest.mark.parametrize("path", BODIES)
def test_a_start_may_claim_success_and_do_nothing(sandbox: Any, room: Any, path: str) -> None:
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"rest": [{"path": f"{CALLS[path]}-start", "fault": "no-effect"}]})
    sandbox.join(room)
    assert start(sandbox, path, room).json() == f"{TITLES[path]} started successfully"
    assert rows(sandbox, path, room) == []


@pytest.mark.parametrize("path", BODIES)
def test_a_start_may_take_effect_without_an_answer(sandbox: Any, room: Any, path: str) -> None:
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"rest": [{"path": f"{CALLS[path]}-start", "fault": "answer-lost"}]})
    sandbox.join(room)
    with pytest.raises(requests.ConnectionError):
        start(sandbox, path, room)
    sandbox.until_sent(room, f"{WEBHOOKS[path]}-started")


@pytest.mark.parametrize("path", BODIES)
def test_a_list_takes_the_chosen_form(sandbox: Any, room: Any, path: str) -> None:
    def listed(**forms: Any) -> requests.Response:
        sandbox.put(f"/sandbox/rooms/{room}/faults", {"forms": forms})
        answer: requests.Response = sandbox.call("GET", f"/v2/{path}", params={"roomId": room})
        return answer

    sandbox.join(room)
    assert listed(list_form="404").status_code == 404
    start(sandbox, path, room)
    assert listed(list_form="404").json()["pageInfo"]["total"] == 1
    assert listed(running_listed=False).json()["data"] == []
    assert len(listed(list_form="array").json()) == 1
    assert listed(list_form="pagination").json()["pagination"]["totalPages"] == 1
    assert listed(list_form="unknown").json() == {"state": "idle"}
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"rest": [{"path": f"{CALLS[path]}-list", "fault": "503"}]})
    assert sandbox.call("GET", f"/v2/{path}", params={"roomId": room}).status_code == 503


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("form", "key"), [("object", "id"), ("_id", "_id"), ("recordingId", "recordingId"), ("empty", None)]
)
def test_a_start_may_be_answered_by_an_object(sandbox: Any, room: Any, path: str, form: str, key: str | None) -> None:
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"forms": {"other_start_answer": form}})
    sandbox.join(room)
    answer = start(sandbox, path, room).json()
    assert answer.get(key) == (rows(sandbox, path, room)[0]["id"] if key else None)


def test_a_stream_fails_at_the_destinations_that_are_named(sandbox: Any, room: Any, receiver: Any) -> None:
    sandbox.put(
        f"/sandbox/rooms/{room}/faults",
        {"forms": {"failed_destinations": "outputs", "livestream_webhook_url": True}},
    )
    sandbox.join(room)
    other = {"url": "rtmp://live.twitch.example/app", "streamKey": "key-of-twitch"}
    start(sandbox, "livestreams", room, outputs=[DESTINATION, other], webhookUrl=receiver.url)
    sandbox.until_sent(room, "livestream-started")
    body = {"output": "rtmp", "destinations": ["*twitch*"], "reason": "connection closed"}
    failed = sandbox.call("POST", f"/sandbox/rooms/{room}/fail", body).json()
    until(lambda: receiver.types()[-1] == "livestream-failed")
    assert json.loads(receiver.got[-1][0])["data"]["outputs"] == [other]
    assert sandbox.call("GET", f"/v2/livestreams/{failed['id']}").json()["reason"] == "connection closed"


def test_one_type_of_webhook_can_be_late_and_another_repeated(sandbox: Any, room: Any, receiver: Any) -> None:
    faults = {
        "late": {"by_s": 0.2, "types": ["recording-started"]},
        "repeat": {"copies": 2, "types": ["recording-stopping"]},
    }
    sandbox.put(f"/sandbox/rooms/{room}/faults", {"webhooks": faults})
    sandbox.join(room)
    start(sandbox, "recordings", room, webhookUrl=receiver.url)
    until(lambda: sandbox.log("run", room)[0]["state"] == "started")
    end(sandbox, "recordings", room)
    until(lambda: len(receiver.got) == 6)
    assert receiver.types() == [
        "recording-starting",
        *["recording-stopping"] * 3,
        "recording-stopped",
        "recording-started",
    ]


def test_an_mp4_is_made_of_a_stream_that_has_ended(sandbox: Any, room: Any) -> None:
    assert sandbox.call("POST", "/v2/transcodings/hls-to-mp4", {}).status_code == 400
    assert sandbox.call("POST", "/v2/transcodings/hls-to-mp4", {"roomId": room}).status_code == 404
    sandbox.join(room)
    hls_id = sandbox.start(room).json()["id"]
    sandbox.until_sent(room, "hls-playable")
    sandbox.end(room)
    sandbox.until_sent(room, "hls-stopped")
    job = sandbox.call("POST", "/v2/transcodings/hls-to-mp4", {"hlsId": hls_id}).json()
    shown = sandbox.call("GET", f"/v2/transcodings/{job['id']}").json()
    assert (shown["status"], shown["hlsId"], shown["roomId"]) == ("completed", hls_id, room)
    assert requests.get(shown["file"]["fileUrl"], timeout=WITHIN_S).ok
    query = {"roomId": room, "status": "completed"}
    assert sandbox.call("GET", "/v2/transcodings", params=query).json()["data"] == [shown]
    assert sandbox.call("POST", f"/v2/transcodings/{job['id']}/cancel").status_code == 400


def test_rooms_are_listed_validated_and_deactivated(sandbox: Any, room: Any) -> None:
    created = sandbox.call("POST", "/v2/rooms", {"customRoomId": room}).json()["roomId"]
    page = sandbox.call("GET", "/v2/rooms", params={"query": room}).json()
    assert [shown["roomId"] for shown in page["data"]] == [created]
    assert sandbox.call("GET", "/v2/rooms", params={"perPage": 1}).json()["pageInfo"]["perPage"] == 1
    assert sandbox.call("GET", f"/v2/rooms/validate/{room}").json()["roomId"] == created
    assert sandbox.call("GET", "/v2/rooms/validate/nobody-knows-it").status_code == 404
    assert sandbox.call("POST", "/v2/rooms/deactivate", {"roomId": room}).status_code == 402
    assert sandbox.call("POST", "/v2/rooms/deactivate", {"roomId": created}).json()["disabled"] is True
    assert sandbox.call("POST", f"/sandbox/rooms/{created}/join", {}).status_code == 400


def test_a_session_is_ended_by_rest_and_shown_as_ended(sandbox: Any, room: Any) -> None:
    session_id = sandbox.join(room)["sessionId"]
    person = sandbox.call("GET", f"/v2/sessions/{session_id}/participants/ada").json()
    assert (person["participantId"], person["mode"]) == ("ada", "CONFERENCE")
    start(sandbox, "recordings", room)
    ended = sandbox.call("POST", "/v2/sessions/end", {"roomId": room}).json()
    assert (ended["id"], ended["status"]) == (session_id, "ended")
    sandbox.until_sent(room, "session-ended")
    assert rows(sandbox, "recordings", room)[0]["end"]
