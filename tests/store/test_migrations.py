"""Rooms and streams that earlier versions stored are read in today's shape."""

import json
from typing import Any

import pytest

from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import Room
from webhook_app.domain.room_parts import Desired, LastRefusal
from webhook_app.domain.streams.machine import StreamState
from webhook_app.store import codec

STREAM = {
    "stream_id": "st_1",
    "room_id": "abcd",
    "session_id": "s1",
    "state": "started",
    "opened_at": 5,
    "last_event_id": "5-0",
    "began_at": 4,
}
CALL = {
    "call_id": "call_1",
    "room_id": "abcd",
    "kind": "start",
    "because": "operator",
    "state": "waiting",
    "created_at": 1,
    "event_id": "1-0",
}
DESIRED = {"on_air": True, "because": "operator", "since": 1, "event_id": "1-0"}
ROOM: dict[str, Any] = {
    "room_id": "abcd",
    "sequence": 7,
    "session": {"session_id": "s1", "live": True, "started_at": 1, "looked_at": 3},
    "marks": [{"session_id": "s1", "runs": 2, "bare_end": True, "stop_at": 4, "unspent": "stopped", "unspent_at": 4}],
    "streams": [STREAM],
    "old_runs": ["https://cdn.example/1"],
    "operator": DESIRED,
    "call": CALL,
    "asks": ["settle"],
    "misses": 2,
    "ask_after": 9,
    "tries": 3,
    "waits": "calls-paused",
    "timers": {"watch": 8},
    "holding": {"empty": 6},
    "confirming": ["empty"],
    "window": {"opens_at": 1, "closes_at": 2, "rules": ["show"], "armed_told": True, "asking_empty": True},
    "replace_run": "st_1",
    "last_refusal": "404 no active stream",
    "untold": {"run": STREAM, "previous": "started"},
    "refused_start": {"at": 1, "said": "400 bad", "rule": "show"},
}


def read(**changes: Any) -> Room:
    return codec.room_of(json.dumps({**ROOM, **changes}).encode())


def test_a_flat_room_is_read_into_its_groups() -> None:
    room = read()
    assert (room.sequence, room.timers, room.retired_stream_keys) == (7, {"watch": 8}, ("https://cdn.example/1",))
    assert room.desires.operator == Desired(True, "operator", 1, "1-0")
    assert room.control.call is not None and room.control.call.call_id == "call_1"
    assert (room.control.retries, room.control.replace_stream) == (3, "st_1")
    assert (room.probing.queue, room.probing.failures, room.probing.not_before) == (("settle",), 2, 9)
    assert (room.rules.holding, room.rules.verifying) == ({"empty": 6}, ("empty",))
    assert room.control.refused_start is not None and room.control.refused_start.answer == "400 bad"


def test_renamed_fields_of_a_room_keep_their_values() -> None:
    room = read()
    assert room.session is not None and room.session.verified_at == 3
    [history] = room.session_history
    assert (history.stream_count, history.pending_end, history.stopped_at) == (2, True, 4)
    assert (history.unmatched_stop, history.unmatched_stop_at) == (StreamState.STOPPED, 4)
    assert room.streams[0].videosdk_started_at == 4
    window = room.schedule.window
    assert window is not None and window.armed_announced and window.verifying_empty
    pending = room.probing.pending_failure_notice
    assert pending is not None and (pending.stream, pending.previous_state) == (room.streams[0], "started")


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (None, None),
        ("calls-paused", Reason.CALLS_PAUSED),
        ("all calls are paused: VideoSDK does not accept our token", None),
    ],
)
def test_what_a_room_waits_for_is_read_as_a_code_and_never_as_a_text(stored: str | None, reason: Reason | None) -> None:
    assert read(waits=stored).control.waiting_for is reason


@pytest.mark.parametrize(
    ("stored", "refusal"),
    [
        (None, None),
        ("404 no active stream", LastRefusal(Reason.VIDEOSDK_REFUSED, "404 no active stream")),
        ("videosdk-unreached", LastRefusal(Reason.VIDEOSDK_UNREACHED)),
        ("it could not be reached", LastRefusal(Reason.VIDEOSDK_UNREACHED)),
        ("its answer is in an unknown form", LastRefusal(Reason.VIDEOSDK_UNREADABLE)),
    ],
)
def test_the_last_refusal_is_read_as_a_code_with_the_answer(stored: str | None, refusal: LastRefusal | None) -> None:
    assert read(last_refusal=stored).control.last_refusal == refusal


def test_a_migrated_room_is_stored_in_todays_format() -> None:
    room = read()
    stored = codec.encode_room(room)
    assert stored.startswith(b'{"format":2,') and codec.room_of(stored) == room
    assert codec.rooms_of(codec.encode_rooms({"abcd": room})) == {"abcd": room}


def test_a_snapshot_holds_rooms_of_any_format() -> None:
    stored = b'{"abcd":' + json.dumps(ROOM).encode() + b',"efgh":' + codec.encode_room(Room("efgh")) + b"}"
    assert codec.rooms_of(stored) == {"abcd": read(), "efgh": Room("efgh")}


@pytest.mark.parametrize("read_record", [codec.room_of, codec.stream_of])
def test_a_record_of_a_later_format_is_refused_and_not_read_as_an_empty_one(read_record: Any) -> None:
    with pytest.raises(ValueError, match="stored in format 3; this version reads formats up to 2"):
        read_record(b'{"format":3,' + json.dumps(ROOM).encode()[1:])


def test_a_stream_of_its_own_is_read() -> None:
    stream = codec.stream_of(json.dumps(STREAM).encode())
    assert stream.videosdk_started_at == 4
    assert codec.stream_of(codec.encode_stream(stream)) == stream
