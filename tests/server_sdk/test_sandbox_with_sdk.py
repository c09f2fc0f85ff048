"""VideoSDK's own server SDK works against the sandbox, and verifies its webhooks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.processes import sandbox_process
from tests.server_sdk.installation import run_script

pytestmark = pytest.mark.process

PEOPLE = [["ada", "SEND_AND_RECV"], ["grace", "VIEWER"]]


@pytest.fixture(scope="module")
def results(server_sdk: Path) -> Iterator[Any]:
    """What the SDK's calls returned, in one story of a room."""
    with sandbox_process("--pace-factor", "0") as sandbox:
        yield run_script(server_sdk, "story.mjs", sandbox.address)


def test_rooms_are_created_read_validated_listed_and_deactivated(results: Any) -> None:
    room_id = results["room"]["roomId"]
    assert results["room"]["customRoomId"] == "sunday"
    assert results["room"]["webhook"]["events"] == ["*"]
    assert (results["roomAgain"], results["roomIds"]) == (room_id, [room_id])
    assert (results["validated"], results["disabled"]) == ([True, False], True)


def test_sessions_show_their_participants_page_by_page_with_modes(results: Any) -> None:
    assert results["session"]["status"] == "ongoing"
    for name in ("participants", "activeParticipants", "inRoom"):
        assert results[name] == PEOPLE, name
    assert results["one"] == PEOPLE[:1]
    room_id = results["room"]["roomId"]
    assert results["ended"] == {"id": results["session"]["id"], "status": "ended", "roomId": room_id}


def test_hls_is_started_read_captured_stopped_and_deleted(results: Any) -> None:
    assert results["hlsIsActive"] is True
    assert results["secondHls"]["error"] == "ResourceConflictError"
    assert results["capture"] == 640
    assert results["hlsStop"] == "HLS ended successfully"
    assert results["noneActive"]["error"] == "RoomNotFoundError"
    assert (results["hlsEnded"], results["hlsListed"]) == (True, [True])
    assert results["hlsDelete"] == "HLS deleted successfully"


def test_an_mp4_of_hls_is_made(results: Any) -> None:
    assert results["transcoding"] == {"task": "hls-to-mp4", "status": "completed", "hasFile": True}
    assert results["transcodings"] == 1


def test_a_recording_is_started_by_a_string_and_its_file_is_read(results: Any) -> None:
    assert results["withoutSession"]["error"] == "ValidationError"
    assert results["recording"] == {"type": "recording", "id": None, "raw": "Recording started successfully"}
    assert results["secondRecording"]["error"] == "ResourceConflictError"
    assert results["badLayout"]["status"] == 406
    assert results["recordingStop"] == "Recording ended successfully"
    assert results["recordingFile"] == {"url": results["stopped"]["fileUrl"], "ended": True, "webhooks": "number"}
    assert results["recordingDelete"] == "Recording deleted successfully"


def test_rtmp_needs_a_layout_and_shows_its_destinations(results: Any) -> None:
    assert results["rtmpWithoutLayout"]["status"] == 406
    assert results["rtmp"] == {"type": "livestream", "id": None, "raw": "Livestream started successfully"}
    assert results["rtmpStop"] == "Livestream ended successfully"
    assert [entry["streamKey"] for entry in results["rtmpOutputs"]] == ["key-of-youtube"]
    assert results["nothingToStop"]["error"] == "RoomNotFoundError"


def test_the_sdk_verifies_every_webhook_and_refuses_a_changed_one(results: Any) -> None:
    states = ("starting", "started", "stopping", "stopped")
    assert results["types"] == [
        "session-started",
        *["participant-joined"] * 2,
        *(f"hls-{state}" for state in ("starting", "started", "playable", "stopping", "stopped")),
        *(f"recording-{state}" for state in states),
        *(f"livestream-{state}" for state in states),
        *["participant-left"] * 2,
        "session-ended",
    ]
    for name in ("tampered", "unsigned"):
        assert results[name]["error"] == "WebhookVerificationError", name
