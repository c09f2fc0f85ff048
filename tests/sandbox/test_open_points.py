"""Each form that VideoSDK's documentation leaves open can be chosen in the sandbox, and the defaults are documented."""

import json
from typing import Any

import pytest

from sandbox import model
from sandbox.answer_forms import none_active, start_answer, success_response
from sandbox.faults import read_faults, read_room_faults
from sandbox.json_views import participant_json, stream_json, webhook_json
from sandbox.model import Outcome, Output, RefusedError, SandboxState, ScheduledStep, Stream, StreamState
from sandbox.open_points import Forms, NoneActive, StartAnswer, describe_forms

ROOM = "abcd-efgh-ijkl"
NOTHING = "No active HLS found"


def world_with(**forms: Any) -> Any:
    return SandboxState(forms=Forms(**forms))


def started(world: SandboxState) -> tuple[Stream, Outcome]:
    model.join(world, 0, ROOM, participant_id="ada")
    return model.start(world, 0, ROOM)


def type_names(*outcomes: Any) -> Any:
    return [webhook.type for outcome in outcomes for webhook in outcome.webhooks]


@pytest.mark.parametrize(
    ("form", "status", "body"),
    [
        ("404", 404, {"message": NOTHING, "code": 404}),
        ("402", 402, {"message": NOTHING, "code": 402}),
        ("400", 400, {"message": NOTHING, "code": 400}),
        ("null", 200, {"code": 200, "data": None}),
        ("absent", 200, {"code": 200}),
        ("empty", 200, {"code": 200, "data": {}}),
        ("hollow", 200, {"code": 200, "data": {"roomId": ROOM, "end": None}}),
        ("bare-null", 200, None),
        ("code-404", 200, {"code": 404, "message": NOTHING}),
        ("code-402", 200, {"code": 402, "message": NOTHING}),
        ("code-400", 200, {"code": 400, "message": NOTHING}),
        ("unknown", 200, {"state": "idle"}),
    ],
)
def test_no_active_stream_is_answered_in_the_chosen_form(
    form: NoneActive, status: int, body: dict[str, Any] | None
) -> None:
    answer = none_active(Forms(none_active=form), ROOM)
    assert answer.text is not None
    assert (answer.status, json.loads(answer.text)) == (status, body)


def test_no_active_stream_may_be_an_answer_without_a_body() -> None:
    answer = none_active(Forms(none_active="204"), ROOM)
    assert (answer.status, answer.body) == (204, None)


@pytest.mark.parametrize(
    ("form", "key"),
    [("object", "id"), ("_id", "_id"), ("recordingId", "recordingId"), ("string", None), ("empty", None)],
)
def test_a_start_is_answered_in_the_chosen_form(form: StartAnswer, key: str | None) -> None:
    stream, _ = started(SandboxState())
    answer = start_answer(Forms(start_answer=form), stream, "")
    if key is None:
        assert answer in ("HLS started successfully", {})
    else:
        assert (answer[key], answer["roomId"]) == (stream.id, ROOM)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_has_the_chosen_status(status: int) -> None:
    answer = success_response(status, "HLS ended successfully")
    assert (answer.status, bool(answer.body)) == (status, status != 204)


@pytest.mark.parametrize("status", [400, 402, 404, 409])
def test_a_start_without_a_session_is_refused_in_the_chosen_form(status: int) -> None:
    world = world_with(no_session=str(status))
    room = model.create_room(world, 0)
    with pytest.raises(RefusedError) as refused:
        model.start(world, 0, room.id)
    assert refused.value.status == status


@pytest.mark.parametrize("status", [400, 409])
def test_a_second_start_is_refused_in_the_chosen_form(status: int) -> None:
    world = world_with(second_start=str(status))
    started(world)
    with pytest.raises(RefusedError) as refused:
        model.start(world, 0, ROOM)
    assert refused.value.status == status


def test_a_second_start_may_make_a_second_stream_and_each_ends_alone() -> None:
    world = world_with(second_start="second-stream")
    first, _ = started(world)
    second, _ = model.start(world, 1, ROOM)
    assert model.running_stream(world, world.rooms[ROOM]) is second
    for stream in (first, second):
        stream.state = StreamState.PLAYABLE
    assert model.end(world, 2, ROOM, stream_id=second.id)[0] is second
    model.advance(world, 3, ScheduledStep(3, second.id, model.Step.STOPPED))
    assert model.running_stream(world, world.rooms[ROOM]) is first
    _, outcome = model.end_session(world, 4, ROOM)
    assert "session-ended" not in type_names(outcome)
    assert type_names(model.advance(world, 5, ScheduledStep(5, first.id, model.Step.STOPPED))) == [
        "hls-stopped",
        "session-ended",
    ]
    assert model.running_stream(world, world.rooms[ROOM]) is None


@pytest.mark.parametrize(
    ("form", "types"),
    [
        ("events", ["participant-left", "hls-stopping", "hls-stopped", "session-ended"]),
        ("stopped", ["participant-left", "hls-stopped", "session-ended"]),
        ("silent", ["participant-left", "session-ended"]),
        ("first", ["participant-left", "session-ended", "hls-stopping", "hls-stopped"]),
    ],
)
def test_a_sessions_end_ends_its_stream_in_the_chosen_form(form: str, types: Any) -> None:
    world = world_with(session_end=form)
    stream, _ = started(world)
    _, left = model.leave(world, 1, ROOM, "ada")
    assert type_names(left, model.advance(world, 2, ScheduledStep(2, stream.id, model.Step.STOPPED))) == types
    assert stream.state is StreamState.STOPPED


@pytest.mark.parametrize(
    ("forms", "more"),
    [
        ({}, {}),
        ({"session_reason": "MEETING_ENDED"}, {"reason": "MEETING_ENDED"}),
        ({"session_reason": "x", "session_error": "crashed"}, {"reason": "x", "error": "crashed"}),
    ],
)
def test_a_sessions_end_carries_its_reason_only_when_configured(forms: dict[str, Any], more: dict[str, Any]) -> None:
    world = world_with(**forms)
    model.join(world, 0, ROOM, participant_id="ada")
    ended = model.leave(world, 1000, ROOM, "ada")[1].webhooks[-1]
    assert ended.data.keys() - {"meetingId", "sessionId", "start", "end"} == more.keys()
    assert {name: ended.data[name] for name in more} == more


@pytest.mark.parametrize(
    ("stream_ids", "id_of"),
    [(False, lambda stream: None), (True, lambda stream: stream.id), ("composer", lambda stream: stream.composer_id)],
)
def test_webhooks_name_the_stream_in_the_chosen_form(stream_ids: bool | str, id_of: Any) -> None:
    stream, outcome = started(world_with(composer_ids=True))
    assert webhook_json(outcome.webhooks[0], stream_ids=stream_ids)["data"].get("id") == id_of(stream)
    assert stream_json(stream, "")["composerId"] not in (stream.id, None)


@pytest.mark.parametrize(
    ("urls", "keys"),
    [
        ("documented", {"playbackHlsUrl", "livestreamUrl"}),
        ("2024", {"downstreamUrl"}),
        ("playback", {"playbackHlsUrl"}),
        ("livestream", {"livestreamUrl"}),
        ("none", set()),
    ],
)
def test_webhooks_carry_urls_in_the_chosen_form(urls: str, keys: Any) -> None:
    world = SandboxState()
    stream, _ = started(world)
    model.advance(world, 1, ScheduledStep(1, stream.id, model.Step.STARTED))
    (webhook,) = model.advance(world, 2, ScheduledStep(2, stream.id, model.Step.PLAYABLE)).webhooks
    assert webhook_json(webhook, urls=urls)["data"].keys() - {"meetingId", "sessionId"} == keys
    assert webhook_json(webhook, room_key="roomId")["data"]["roomId"] == ROOM


def test_a_participant_has_a_mode_and_remembers_its_changes() -> None:
    world = SandboxState()
    _, ada, outcome = model.join(world, 0, ROOM, participant_id="ada", mode="VIEWER")
    assert outcome.webhooks[-1].of_viewer
    _, again, outcome = model.join(world, 1_000, ROOM, participant_id="ada", mode="SEND_AND_RECV")
    assert (again is ada, outcome.webhooks) == (True, ())
    shown = participant_json(ada, "")
    assert (shown["mode"], shown["changeModeHistory"]) == (
        "SEND_AND_RECV",
        [{"mode": "SEND_AND_RECV", "timestamp": "1970-01-01T00:00:01.000Z"}],
    )
    assert 500 < len(json.dumps(shown)) < 1500


def test_a_room_may_start_its_stream_by_itself() -> None:
    world = SandboxState()
    room = model.create_room(world, 0, auto_start=(Output.HLS,))
    assert type_names(model.join(world, 0, room.id)[-1]) == ["session-started", "participant-joined", "hls-starting"]
    assert type_names(model.join(world, 0, room.id)[-1]) == ["participant-joined"]


def test_a_webhook_address_must_be_https_when_that_is_chosen() -> None:
    with pytest.raises(RefusedError):
        model.create_room(world_with(https_only=True), 0, end_point="http://a")
    assert model.create_room(world_with(https_only=True), 0, end_point="https://a").end_point == "https://a"


def test_forms_are_read_with_the_faults_and_a_wrong_one_is_named() -> None:
    assert read_faults(b'{"forms": {"none_active": "null"}}').forms == Forms(none_active="null")
    assert read_room_faults(b"{}").forms is None
    for body, named in ((b'{"forms": {"none_active": "405"}}', "none_active"), (b'{"forms": {"nine": 1}}', "nine")):
        with pytest.raises(ValueError, match=named):
            read_faults(body)


def test_every_open_point_is_described() -> None:
    points = describe_forms()
    assert points.keys() == set(Forms.__struct_fields__)
    assert all(point["about"] and point["values"] for point in points.values())
    assert points["end_status"]["values"] == "200 to 299"
