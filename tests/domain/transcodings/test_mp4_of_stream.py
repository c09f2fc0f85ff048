"""An MP4 of an HLS stream: wanted by its rule, requested once after its end, followed until it is done."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, NOON, SECOND, SESSION, Scenario, url
from webhook_app.domain.control.call import Call, CallKind, CallState, CheckTranscoding, TranscodeStream
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room import STREAMS_KEPT
from webhook_app.domain.streams.report import File
from webhook_app.domain.streams.stream import Mp4State, Stream
from webhook_app.domain.times import HOUR, rfc3339

DAY = 24 * HOUR
FILE = {"filePath": "/encoded/videos/run-1.mp4", "fileUrl": "https://cdn.example/encoded/videos/run-1.mp4"}


def job(status: str, **more: Any) -> dict[str, Any]:
    """A transcoding as VideoSDK's REST API shows it."""
    return {"id": "job-1", "hlsId": "run-1", "task": "hls-to-mp4", "status": status, **more}


class Mp4Scenario(Scenario):
    """A room with a rule that starts HLS in a window and wants an MP4 of it."""

    def __init__(self, **rule: Any) -> None:
        super().__init__()
        schedule = {"at": [rfc3339(NOON + MINUTE)[:-5]], "duration_s": 3600, "given": {}}
        self.put_rule({"name": "service", "schedule": schedule, "mp4": True, **rule})
        self.webhook("session-started")
        self.joined("ada")

    def run_stream(self) -> None:
        """Put the room on air by the rule, and take it off air as VideoSDK reports its stop."""
        self.start_stream()
        self.hls("stopping", "stopped", id="run-1")

    def start_stream(self) -> None:
        self.wait(2 * MINUTE)
        self.answer("succeeded", run="run-1")
        self.hls("started", "playable", id="run-1", url=url("run-1"))

    @property
    def requests(self) -> list[Call]:
        return [call for call in self.calls if call.kind is CallKind.TRANSCODE]

    @property
    def checks(self) -> list[Call]:
        return [call for call in self.calls if call.kind is CallKind.TRANSCODE_CHECK]

    def transcoding(self, outcome: str, shown: dict[str, Any] | None = None, **more: Any) -> None:
        """The answer to the newest call about the MP4."""
        call = [*self.requests, *self.checks][-1] if not self.checks else self.checks[-1]
        self.answer(outcome, call=call, **({"transcoding": shown, "status": 200} | more))

    @property
    def stream(self) -> Stream:
        return self.runs[0]

    @property
    def mp4(self) -> Mp4State | None:
        return None if self.stream.mp4 is None else self.stream.mp4.state

    def newest(self, call: Call) -> Call:
        """The newest value of a call."""
        return [outcome.calls[call.call_id] for outcome in self.outcomes if call.call_id in outcome.calls][-1]


def requested(scenario: Mp4Scenario | None = None) -> Mp4Scenario:
    """A scenario whose MP4 has just been requested."""
    scenario = scenario or Mp4Scenario()
    scenario.run_stream()
    scenario.wait(2 * MINUTE)
    assert len(scenario.requests) == 1
    return scenario


def test_an_mp4_is_requested_a_minute_after_the_end_of_the_stream() -> None:
    scenario = Mp4Scenario()
    scenario.run_stream()
    assert (scenario.mp4, scenario.requests) == (Mp4State.WANTED, [])
    scenario.wait(59 * SECOND)
    assert scenario.requests == []
    scenario.wait(SECOND)
    [call] = scenario.requests
    assert call.request == TranscodeStream("run-1", None)
    assert (call.because, call.state) == ("rule:service", CallState.WAITING)


def test_a_finished_mp4_is_shown_with_its_stream_and_announced() -> None:
    scenario = requested()
    scenario.transcoding("succeeded", job("pending"))
    assert scenario.mp4 is Mp4State.REQUESTED
    scenario.wait(15 * SECOND)
    assert scenario.checks[-1].request == CheckTranscoding("job-1", TranscodeStream("run-1", None))
    scenario.transcoding("succeeded", job("processing"))
    scenario.wait(MINUTE)
    assert "recording.ready" not in scenario.notices
    scenario.transcoding("succeeded", job("completed", file=FILE))
    assert (scenario.mp4, scenario.stream.files) == (
        Mp4State.READY,
        (File(FILE["filePath"], FILE["fileUrl"]),),
    )
    [notice] = [notice for notice in scenario.announced if notice.type == "recording.ready"]
    assert notice.because == "rule:service"
    assert (notice.data["stream"]["output"], notice.data["stream"]["mp4"]) == ("hls", "ready")
    assert notice.data["stream"]["files"] == [{"path": FILE["filePath"], "url": FILE["fileUrl"]}]
    assert "transcode" not in scenario.room.timers
    assert scenario.room.control.transcodings == ()


def test_a_file_in_the_customers_own_storage_has_a_path_and_no_url() -> None:
    scenario = requested()
    scenario.transcoding("succeeded", job("completed", file={"filePath": "/mine/run-1.mp4", "fileUrl": None}))
    assert scenario.stream.files == (File("/mine/run-1.mp4", None),)


def test_an_mp4_that_exists_already_is_followed_and_not_requested() -> None:
    scenario = requested()
    scenario.transcoding("already", job("completed", file=FILE))
    assert scenario.mp4 is Mp4State.READY


def test_without_the_streams_id_its_session_is_named() -> None:
    scenario = Mp4Scenario()
    scenario.wait(2 * MINUTE)
    scenario.hls("starting", "started", "playable", "stopped")
    scenario.wait(2 * MINUTE)
    assert [call.request for call in scenario.requests] == [TranscodeStream(None, SESSION)]


@pytest.mark.parametrize("outcome", ["unknown", "succeeded"])
def test_a_request_of_unknown_outcome_is_never_repeated_and_a_list_may_settle_it(outcome: str) -> None:
    scenario = requested()
    scenario.transcoding(outcome, None, message="timed out")
    assert Reason.MP4_UNKNOWN in scenario.decided
    scenario.wait(15 * SECOND)
    assert scenario.checks[-1].request == CheckTranscoding(None, TranscodeStream("run-1", None))
    scenario.transcoding("succeeded", job("processing"))
    scenario.wait(MINUTE)
    scenario.transcoding("succeeded", job("completed", file=FILE))
    assert scenario.mp4 is Mp4State.READY
    assert len(scenario.requests) == 1


def test_a_request_that_nothing_settles_is_given_up_after_a_quarter_of_an_hour() -> None:
    scenario = requested()
    scenario.transcoding("unknown", message="timed out")
    scenario.wait(30 * MINUTE)
    assert scenario.mp4 is Mp4State.UNKNOWN
    [notice] = [notice for notice in scenario.announced if notice.type == "call.given-up"]
    assert (notice.data["call"]["kind"], notice.because) == ("transcode", "rule:service")
    assert "not repeated" in notice.data["call"]["message"]
    assert scenario.newest(scenario.requests[0]).state is CallState.GIVEN_UP
    scenario.wait(DAY)
    assert len(scenario.requests) == 1


def test_a_call_that_never_had_a_result_counts_as_of_unknown_outcome_and_its_late_answer_still_counts() -> None:
    scenario = requested()
    scenario.wait(2 * MINUTE)
    assert scenario.newest(scenario.requests[0]).state is CallState.UNKNOWN
    scenario.answer("succeeded", call=scenario.requests[0], transcoding=job("completed", file=FILE), status=200)
    assert scenario.mp4 is Mp4State.READY
    assert len(scenario.requests) == 1


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (job("failed", error={"message": "no segments", "code": 9}), "no segments (9)"),
        (job("failed"), "gives no reason"),
        (job("cancelled"), "cancelled"),
    ],
)
def test_a_failure_is_announced_by_name_and_reason(shown: dict[str, Any], why: str) -> None:
    scenario = requested()
    scenario.transcoding("succeeded", job("processing"))
    scenario.wait(MINUTE)
    scenario.transcoding("succeeded", shown)
    assert scenario.mp4 is Mp4State.FAILED
    [decision] = [decision for decision in scenario.decisions if decision.reason == Reason.MP4_FAILED]
    assert (decision.rule, decision.call_id) == ("service", scenario.requests[0].call_id)
    [notice] = [notice for notice in scenario.announced if notice.type == "call.given-up"]
    assert why in notice.data["call"]["message"]
    assert not scenario.world.alarms


def test_a_refusal_that_may_pass_is_requested_again_at_growing_intervals_and_given_up() -> None:
    scenario = requested()
    for number in range(6):
        assert len(scenario.requests) == number + 1
        scenario.answer(
            "refused", call=scenario.requests[-1], status=409, message="previous stream (4020)", refusal="conflict"
        )
        scenario.wait(MINUTE * 2**number - SECOND)
        assert len(scenario.requests) == number + 1
        scenario.wait(SECOND)
    scenario.wait(DAY)
    assert len(scenario.requests) == 6
    assert scenario.mp4 is Mp4State.FAILED
    assert scenario.notices.count("call.refused") == 6
    assert scenario.notices.count("call.given-up") == 1


def test_a_refusal_for_good_is_given_up_at_once() -> None:
    scenario = requested()
    scenario.transcoding("refused", status=406, message="4021 add-on disabled", refusal="invalid")
    assert scenario.mp4 is Mp4State.FAILED
    scenario.wait(DAY)
    assert len(scenario.requests) == 1
    assert not scenario.world.alarms


def test_a_token_that_is_not_accepted_pauses_all_calls() -> None:
    scenario = requested()
    scenario.answer("refused", call=scenario.requests[-1], status=401, message="token")
    assert scenario.world.config.settings.paused
    scenario.wait(10 * MINUTE)
    assert len(scenario.requests) == 1


@pytest.mark.parametrize("outcome", ["dropped", "unreached"])
def test_a_request_that_was_not_sent_is_sent_later(outcome: str) -> None:
    scenario = requested()
    scenario.transcoding(outcome, message="too old")
    scenario.wait(MINUTE)
    assert len(scenario.requests) == 2
    assert scenario.mp4 is Mp4State.WANTED


def test_an_mp4_that_never_finishes_is_given_up_after_a_day() -> None:
    scenario = requested()
    scenario.transcoding("succeeded", job("pending"))
    scenario.wait(DAY + HOUR)
    assert scenario.mp4 is Mp4State.FAILED
    assert "transcode" not in scenario.room.timers
    assert len(scenario.checks) < 400


def test_a_stream_that_never_started_leaves_nothing_to_make() -> None:
    scenario = Mp4Scenario()
    scenario.wait(2 * MINUTE)
    scenario.answer("succeeded", run="run-1")
    scenario.webhook("hls-failed", id="run-1", error="no encoder")
    assert Reason.MP4_OF_NOTHING in scenario.decided
    scenario.wait(10 * MINUTE)
    assert scenario.requests == []


def test_a_rule_without_mp4_makes_none() -> None:
    scenario = Mp4Scenario(mp4=False)
    scenario.run_stream()
    scenario.wait(10 * MINUTE)
    assert (scenario.requests, scenario.mp4) == ([], None)


def test_a_stream_that_somebody_started_in_the_window_gets_one_too() -> None:
    scenario = Mp4Scenario()
    scenario.hls("starting", "started", "playable", id="run-1", url=url("run-1"))
    scenario.wait(2 * MINUTE)
    assert scenario.mp4 is Mp4State.WANTED


def test_a_paused_rule_still_gets_the_mp4_of_the_stream_that_it_had_started() -> None:
    scenario = Mp4Scenario()
    scenario.start_stream()
    scenario.delete("service")
    scenario.hls("stopped", id="run-1")
    scenario.wait(2 * MINUTE)
    assert len(scenario.requests) == 1


def test_a_file_is_kept_and_announced_although_the_room_has_dropped_the_stream() -> None:
    scenario = requested()
    scenario.transcoding("succeeded", job("processing"))
    for number in range(STREAMS_KEPT):
        name = f"later-{number}"
        scenario.hls("starting", "started", "stopped", id=name, url=url(name))
    assert "run-1" not in [stream.videosdk_id for stream in scenario.room.streams]
    scenario.answer(
        "succeeded",
        call=scenario.checks[0],
        transcoding=job("completed", file=FILE),
        status=200,
    )
    [notice] = [notice for notice in scenario.announced if notice.type == "recording.ready"]
    assert notice.data["stream"]["videosdk_id"] == "run-1"
    assert [stream.files for stream in scenario.last.streams.values()] == [(File(FILE["filePath"], FILE["fileUrl"]),)]


def test_each_stream_of_a_window_gets_its_own_one_after_the_other() -> None:
    scenario = Mp4Scenario()
    scenario.start_stream()
    scenario.webhook("hls-failed", id="run-1", error="encoder")
    scenario.wait(10 * SECOND)
    scenario.answer("succeeded", run="run-2")
    scenario.hls("started", "playable", "stopped", id="run-2", url=url("run-2"))
    scenario.wait(70 * SECOND)
    assert [call.body["id"] for call in scenario.requests] == ["run-1"]
    scenario.transcoding("succeeded", job("completed", file=FILE))
    scenario.wait(2 * SECOND)
    assert [call.body["id"] for call in scenario.requests] == ["run-1", "run-2"]


@pytest.mark.parametrize("stream", ["room.stream", "room.outputs.hls.stream"])
def test_a_condition_can_go_by_the_mp4_of_the_stream(stream: str) -> None:
    scenario = Mp4Scenario()
    when = f'{stream}.mp4 == "ready"'
    scenario.put_rule({"name": "done", "when": when, "for_s": 0, "do": "notify", "message": "done"})
    requested(scenario)
    assert "rule.done" not in scenario.notices
    scenario.transcoding("succeeded", job("completed", file=FILE))
    assert scenario.notices.count("rule.done") == 1
