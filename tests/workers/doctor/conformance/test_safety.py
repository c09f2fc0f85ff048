"""What keeps a conformance run harmless: rooms that it refuses, its state file, and which streams it ends."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.answers import ApiAnswer
from workers.doctor.conformance.ending import Sight, is_of_start, listed_sight
from workers.doctor.conformance.preconditions import room_refusals, videosdk_refusals
from workers.doctor.conformance.state_file import (
    STATE_FILE,
    RunRecord,
    RunState,
    StartedOutput,
    StateFile,
    StateFileError,
)

SENT_AT = 1_796_000_000_000  # 2026-11-30T00:53:20Z
STARTED = StartedOutput(Output.HLS, SENT_AT)
NAMED = replace(STARTED, names=("s1", "https://cdn.example/f1"), is_answered=True, videosdk_id="s1")
STATE = RunState("https://api.videosdk.live", "room-1", "session-1")
IDLE = {output.value: {"state": "idle", "desired": None} for output in Output}
ROOM = {"room_id": "abcd-efgh-ijkl", "name": "main-hall", "groups": ["webinar"], "outputs": IDLE}
SCHEDULE = {"cron": "0 9 * * SUN"}
SESSION = ApiAnswer(200, {"data": [{"id": "session-1"}]})
NONE_ACTIVE = ApiAnswer(404, None)
EMPTY = {output: ApiAnswer(200, {"data": []}) for output in Output}


@pytest.mark.parametrize(
    "pattern", ["main-hall", "abcd-efgh-ijkl", "id:abcd-efgh-ijkl", "abcd-*", "*", "group:webinar"]
)
@pytest.mark.parametrize("action", [{"schedule": SCHEDULE}, {"do": "start"}, {"do": "end"}])
def test_a_rule_that_starts_or_ends_the_room_forbids_a_run(pattern: str, action: dict[str, Any]) -> None:
    rule = {"name": "sunday", "rooms": [pattern], **action}
    assert [reason for reason in room_refusals(ROOM, [rule]) if "sunday" in reason]
    assert list(room_refusals(ROOM, [rule | {"paused": True}])) == []


@pytest.mark.parametrize(
    "rule", [{"rooms": ["*"], "do": "notify"}, {"rooms": ["other-hall", "group:x"], "schedule": SCHEDULE}]
)
def test_other_rules_forbid_nothing(rule: dict[str, Any]) -> None:
    assert list(room_refusals(ROOM, [{"name": "other", **rule}])) == []


@pytest.mark.parametrize("output", list(Output))
def test_what_runs_or_is_overridden_forbids_a_run(output: Output) -> None:
    for view in ({"state": "starting", "desired": None}, {"state": "idle", "desired": {"because": "operator"}}):
        assert len(list(room_refusals(ROOM | {"outputs": IDLE | {output.value: view}}, []))) == 1
    ended = {"state": "stopped", "desired": None}
    assert list(room_refusals(ROOM | {"outputs": IDLE | {output.value: ended}}, [])) == []


def test_videosdk_must_show_a_session_and_nothing_running() -> None:
    assert list(videosdk_refusals(SESSION, NONE_ACTIVE, EMPTY)) == []
    nobody = list(videosdk_refusals(ApiAnswer(200, {"data": []}), NONE_ACTIVE, EMPTY))
    assert "nobody is in the room" in nobody[0]
    running = {"id": "s1", "playbackHlsUrl": "https://cdn.example/f1/index.m3u8", "end": None}
    assert list(videosdk_refusals(SESSION, ApiAnswer(200, {"data": running}), EMPTY))
    for output in Output:
        lists = EMPTY | {output: ApiAnswer(200, {"data": [{"id": "x", "end": None}]})}
        assert len(list(videosdk_refusals(SESSION, NONE_ACTIVE, lists))) == 1
    assert "does not answer" in next(iter(videosdk_refusals(ApiAnswer(401, None), NONE_ACTIVE, EMPTY)))


def test_the_state_file_is_there_before_the_start_and_gone_after_the_end(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "var")
    with file.locked():
        record = RunRecord(file, STATE)
        record.add(STARTED)
        assert file.load() == replace(STATE, started=(STARTED,))
        record.replace(STARTED, NAMED)
        assert file.load() == replace(STATE, started=(NAMED,))
        record.remove(NAMED)
        assert file.load() is None and not file.path.exists()


def test_two_runs_exclude_each_other(tmp_path: Path) -> None:
    first, second = StateFile(tmp_path).locked(), StateFile(tmp_path).locked()
    with first, pytest.raises(StateFileError, match="another conformance run"), second:
        pass


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "[]", '{"version": 1, "started": [{}]}'])
def test_an_unreadable_state_file_stops_the_run(tmp_path: Path, text: str) -> None:
    (tmp_path / STATE_FILE).write_text(text)
    with pytest.raises(StateFileError, match="delete the file"):
        StateFile(tmp_path).load()


def test_a_start_that_cannot_be_recorded_is_still_in_memory(tmp_path: Path) -> None:
    record = RunRecord(StateFile(tmp_path / "missing"), STATE)
    with pytest.raises(StateFileError):
        record.add(STARTED)
    assert record.state.started == (STARTED,)


@pytest.mark.parametrize(
    ("stream", "is_ours"),
    [
        ({"id": "s1"}, True),
        ({"id": "x", "playbackHlsUrl": "https://cdn.example/f1/live.m3u8"}, True),
        ({"id": "x", "playbackHlsUrl": "https://cdn.example/f2/live.m3u8"}, False),
    ],
)
def test_a_named_stream_is_known_by_its_names(stream: dict[str, Any], is_ours: bool) -> None:
    assert is_of_start(stream, NAMED) is is_ours


@pytest.mark.parametrize(
    ("start", "is_ours"),
    [("2026-11-30T00:53:25Z", True), ("2026-11-30T00:40:00Z", False), ("2026-11-30T02:00:00Z", False), (None, True)],
)
def test_a_stream_without_names_is_known_by_the_time_of_its_start(start: str | None, is_ours: bool) -> None:
    assert is_of_start({"id": "x", "start": start}, STARTED) is is_ours


def test_a_list_shows_only_running_streams_of_the_room() -> None:
    ours = {"id": "s1", "roomId": "room-1", "end": None}
    assert listed_sight(ApiAnswer(200, {"data": [ours]}), "room-1", NAMED) is Sight.RUNNING
    other = ours | {"id": "s2", "start": "2026-11-30T00:40:00Z"}
    assert listed_sight(ApiAnswer(200, {"data": [other]}), "room-1", NAMED) is Sight.REPLACED
    for row in (ours | {"roomId": "room-2"}, ours | {"end": "2026-11-30T01:00:00Z"}, {"id": "s1", "roomId": "room-1"}):
        assert listed_sight(ApiAnswer(200, {"data": [row]}), "room-1", NAMED) is Sight.GONE
    assert listed_sight(ApiAnswer(500, None), "room-1", NAMED) is Sight.UNKNOWN
