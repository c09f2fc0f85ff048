"""Recordings and RTMP streams in the sandbox's pure model: the same machine as HLS, with what VideoSDK documents."""

from typing import Any

import pytest

from sandbox import model
from sandbox.json_views import stream_detail_json, stream_json, transcoding_json, webhook_json
from sandbox.model import Destination, Outcome, Output, RefusedError, SandboxState, StartOptions, Stream, StreamState
from sandbox.open_points import Forms
from sandbox.outputs import OUTPUTS

ROOM = "abcd-efgh-ijkl"
OTHERS = (Output.RECORDING, Output.RTMP)
YOUTUBE = Destination("rtmp://a.rtmp.youtube.example/live2", "key-of-youtube")
TWITCH = Destination("rtmp://live.twitch.example/app", "key-of-twitch")


class Room:
    """One room on a clock of its own, with the webhooks that it has sent."""

    def __init__(self, **forms: Any) -> None:
        self.state = SandboxState(forms=Forms(**forms))
        self.now = 1_000_000
        self.due: list[model.ScheduledStep] = []
        self.webhooks: list[tuple[str, dict[str, Any]]] = []
        self.play(model.join(self.state, self.now, ROOM, participant_id="ada")[-1])
        self.webhooks.clear()

    def play(self, outcome: Outcome) -> None:
        self.due += outcome.due
        for webhook in outcome.webhooks:
            envelope = webhook_json(webhook)
            self.webhooks.append((envelope["webhookType"], envelope["data"]))

    def pass_time(self, seconds: float) -> None:
        until = self.now + round(seconds * 1000)
        while due := min((step for step in self.due if step.at_ms <= until), key=lambda step: step.at_ms, default=None):
            self.due.remove(due)
            self.now = due.at_ms
            self.play(model.advance(self.state, self.now, due))
        self.now = until

    def start(self, output: Output, **options: Any) -> Stream:
        stream, outcome = model.start(self.state, self.now, ROOM, output=output, options=StartOptions(**options))
        self.play(outcome)
        return stream

    def end(self, output: Output) -> None:
        self.play(model.end(self.state, self.now, ROOM, output=output)[-1])

    def types(self) -> list[str]:
        return [kind for kind, _ in self.webhooks]


def refusal(call: Any) -> tuple[int, int | None]:
    with pytest.raises(RefusedError) as caught:
        call()
    return caught.value.status, caught.value.code


@pytest.mark.parametrize("output", OTHERS)
def test_a_run_starts_and_stops_without_becoming_playable(output: Output) -> None:
    room = Room()
    stream = room.start(output)
    room.pass_time(60)
    assert stream.state is StreamState.STARTED
    room.end(output)
    room.pass_time(1)
    name = OUTPUTS[output].webhooks
    assert room.types() == [f"{name}-{state}" for state in ("starting", "started", "stopping", "stopped")]


@pytest.mark.parametrize("output", Output)
def test_each_output_runs_once_at_a_time_beside_the_others(output: Output) -> None:
    room = Room()
    for other in Output:
        room.start(other)
    assert refusal(lambda: room.start(output)) == (409, None)
    assert refusal(lambda: room.end(output)) == (400, 4017)
    room.pass_time(10)
    room.end(output)
    assert refusal(lambda: room.start(output)) == (409, 4020)
    room.pass_time(1)
    room.start(output)
    others = [stream.state for stream in room.state.streams.values() if stream.output is not output]
    assert StreamState.STARTING not in others


@pytest.mark.parametrize("output", Output)
def test_the_quota_of_an_output_is_its_own(output: Output) -> None:
    room = Room()
    room.state.quota = 1
    for other in Output:
        room.start(other)
    model.join(room.state, 0, "another")
    assert refusal(lambda: model.start(room.state, 0, "another", output=output)) == (400, 4029)


@pytest.mark.parametrize("output", Output)
@pytest.mark.parametrize("status", [400, 409])
def test_a_start_without_a_session_is_refused(output: Output, status: int) -> None:
    state = SandboxState(forms=Forms(no_session="409" if status == 409 else "400"))
    room = model.create_room(state, 0)
    assert refusal(lambda: model.start(state, 0, room.id, output=output)) == (status, None)


def test_webhooks_say_what_is_documented_and_name_no_stream() -> None:
    room = Room()
    recording, rtmp = room.start(Output.RECORDING), room.start(Output.RTMP, destinations=(YOUTUBE,))
    room.pass_time(2)
    room.end(Output.RECORDING)
    room.play(model.fail(room.state, room.now, ROOM, output=Output.RTMP)[-1])
    room.pass_time(1)
    where = {"meetingId": ROOM, "sessionId": recording.session_id}
    path = f"/encoded/videos/{recording.folder}.mp4"
    file = {"filePath": path, "fileUrl": f"https://cdn.sandbox.invalid{path}"}
    assert rtmp.state is StreamState.FAILED
    assert dict(room.webhooks) == {
        "recording-starting": where,
        "recording-started": where,
        "recording-stopping": where,
        "recording-stopped": where | file,
        "livestream-starting": where,
        "livestream-started": where,
        "livestream-failed": where,
    }


def test_a_list_shows_the_file_of_a_recording_once_it_has_stopped_and_the_destinations_of_rtmp() -> None:
    room = Room()
    recording, rtmp = room.start(Output.RECORDING), room.start(Output.RTMP, destinations=(YOUTUBE, TWITCH))
    row = stream_json(recording, "")
    assert (row["end"], "file" in row, row["webhook"]["totalCount"]) == (None, False, 0)
    room.pass_time(2)
    room.end(Output.RECORDING)
    room.pass_time(1)
    row = stream_json(recording, "")
    assert (row["end"], row["file"]["meta"]["format"]) == ("1970-01-01T00:16:43.000Z", "mp4")
    assert stream_json(rtmp, "")["outputs"] == [
        {"url": YOUTUBE.url, "streamKey": YOUTUBE.stream_key},
        {"url": TWITCH.url, "streamKey": TWITCH.stream_key},
    ]


@pytest.mark.parametrize(("forms", "options"), [({"own_storage": True}, {}), ({}, {"own_storage": True})])
def test_a_recording_in_the_customers_own_storage_has_a_path_and_no_url(
    forms: dict[str, Any], options: dict[str, Any]
) -> None:
    room = Room(**forms)
    stream = room.start(Output.RECORDING, directory="sunday/", file_format="webm", **options)
    room.pass_time(2)
    room.end(Output.RECORDING)
    room.pass_time(1)
    data = room.webhooks[-1][1]
    assert (data["filePath"], data["fileUrl"]) == (f"/sunday/{stream.folder}.webm", None)


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("none", {}),
        ("outputs", {"outputs": [{"url": TWITCH.url, "streamKey": TWITCH.stream_key}]}),
        ("message", {"message": f"RTMP connection failed: {TWITCH.url}/{TWITCH.stream_key}"}),
    ],
)
def test_a_destination_that_refuses_makes_the_stream_fail_in_the_chosen_words(form: str, data: dict[str, Any]) -> None:
    room = Room(failed_destinations=form, refused_destination="*twitch*")
    stream = room.start(Output.RTMP, destinations=(YOUTUBE, TWITCH))
    room.pass_time(2)
    kind, content = room.webhooks[-1]
    where = {"meetingId": ROOM, "sessionId": stream.session_id}
    assert (kind, content) == ("livestream-failed", where | data)
    assert stream_detail_json(stream, "")["reason"] == "RTMP connection refused"


@pytest.mark.parametrize(
    ("form", "types"),
    [
        ("events", ["participant-left", "{}-stopping", "{}-stopped", "session-ended"]),
        ("stopped", ["participant-left", "{}-stopped", "session-ended"]),
        ("silent", ["participant-left", "session-ended"]),
        ("first", ["participant-left", "session-ended", "{}-stopping", "{}-stopped"]),
    ],
)
@pytest.mark.parametrize("output", OTHERS)
def test_a_sessions_end_ends_every_output_in_the_chosen_form(output: Output, form: str, types: list[str]) -> None:
    room = Room(session_end=form)
    room.start(output)
    room.pass_time(2)
    room.webhooks.clear()
    room.play(model.end_session(room.state, room.now, ROOM)[-1])
    room.pass_time(1)
    assert room.types() == [kind.format(OUTPUTS[output].webhooks) for kind in types]
    assert model.running_stream(room.state, room.state.rooms[ROOM], output) is None


def test_a_session_with_several_outputs_ends_once_all_have_stopped() -> None:
    room = Room()
    for output in Output:
        room.start(output)
    room.pass_time(2)
    room.webhooks.clear()
    room.play(model.end_session(room.state, room.now, ROOM)[-1])
    room.pass_time(1)
    assert room.types().count("session-ended") == 1
    assert room.types()[-1] == "session-ended"


def test_a_deactivated_room_ends_its_session_and_refuses_participants() -> None:
    room = Room()
    room.start(Output.RECORDING)
    disabled, outcome = model.deactivate(room.state, room.now, ROOM)
    room.play(outcome)
    room.pass_time(1)
    assert (disabled.disabled, room.types()[-2:]) == (True, ["recording-stopped", "session-ended"])
    assert refusal(lambda: model.join(room.state, room.now, ROOM)) == (400, None)
    assert model.deactivate(room.state, room.now, ROOM)[1] == Outcome()


def test_only_the_videosdk_id_of_a_room_deactivates_it() -> None:
    state = SandboxState()
    model.create_room(state, 0, custom_id="sunday")
    assert refusal(lambda: model.deactivate(state, 0, "sunday")) == (402, None)


def test_a_room_may_record_by_itself() -> None:
    state = SandboxState()
    room = model.create_room(state, 0, auto_start=(Output.RECORDING,))
    outcome = model.join(state, 0, room.id)[-1]
    assert [webhook.type for webhook in outcome.webhooks][-1] == "recording-starting"


def transcoded(room: Room) -> model.Transcoding:
    stream = room.start(Output.HLS)
    room.pass_time(7)
    assert refusal(lambda: model.transcode(room.state, room.now, hls_id=stream.id)) == (400, None)
    room.end(Output.HLS)
    room.pass_time(1)
    return model.transcode(room.state, room.now, session_id=stream.session_id)


def test_an_mp4_of_a_stream_takes_its_time_after_the_stream_has_ended() -> None:
    room = Room()
    job = transcoded(room)
    statuses = [transcoding_json(job, room.now + passed)["status"] for passed in (0, 5_000, 10_000)]
    assert statuses == ["pending", "processing", "completed"]
    shown = transcoding_json(job, room.now + 10_000)
    assert (shown["hlsId"], shown["task"]) == (job.hls_id, "hls-to-mp4")
    assert shown["file"]["fileUrl"].endswith(shown["file"]["filePath"])
    assert "file" not in transcoding_json(job, room.now + 9_999)


@pytest.mark.parametrize(("form", "status"), [("failed", "failed"), ("never", "processing")])
def test_a_transcoding_job_ends_in_the_chosen_form(form: str, status: str) -> None:
    room = Room(transcoding_end=form)
    assert transcoding_json(transcoded(room), room.now + 3_600_000)["status"] == status


def test_a_transcoding_job_can_be_cancelled_until_it_is_over() -> None:
    room = Room()
    job = transcoded(room)
    model.cancel_transcoding(room.state, room.now, job.id)
    assert transcoding_json(job, room.now + 3_600_000)["status"] == "cancelled"
    assert refusal(lambda: model.cancel_transcoding(room.state, room.now, job.id)) == (400, None)


@pytest.mark.parametrize("output", OTHERS)
def test_the_id_of_one_output_finds_no_stream_of_another(output: Output) -> None:
    room = Room()
    stream = room.start(output)
    assert model.find_stream(room.state, stream.id, output) is stream
    assert refusal(lambda: model.find_stream(room.state, stream.id)) == (404, None)
