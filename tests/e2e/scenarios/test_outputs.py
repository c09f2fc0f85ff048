"""Recordings and RTMP streams: on from opening to close, never two at once, whatever goes wrong."""

import pytest

from tests.e2e.scenarios.output_room import OutputRoom
from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.support.pauses import assert_holds_for
from webhook_app.domain.alarms.alarm import AlarmName
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process


@pytest.fixture(params=["recording", "rtmp"])
def room(request: pytest.FixtureRequest, scenario: ScenarioRoom) -> OutputRoom:
    return OutputRoom(scenario, request.param)


def test_it_is_on_from_the_opening_of_its_window_to_the_close(room: OutputRoom) -> None:
    room.scenario.joins()
    room.opens(lasts=10)
    assert room.on()["data"]["because"] == f"rule:{room.scenario.rule}"
    assert room.view["live"] is True
    room.scenario.closed()
    room.off()
    assert (room.scenario.broadcasts, len(room.runs), len(room.starts), len(room.ends)) == (["completed"], 1, 1, 1)
    assert room.scenario.notices("broadcast.completed")[0]["data"]["output"] == room.output
    assert room.scenario.starts == []  # of HLS


def test_a_recording_is_ready_with_its_file(scenario: ScenarioRoom) -> None:
    room = OutputRoom(scenario, "recording")
    scenario.joins()
    room.operator("start")
    room.on()
    room.operator("end")
    file = scenario.receives("recording.ready")["data"]["stream"]["files"][0]
    assert file["path"].endswith(".mp4") and file["url"].endswith(file["path"])


def test_a_window_has_all_three_outputs_on_beside_each_other(scenario: ScenarioRoom) -> None:
    rooms = [OutputRoom(scenario, output) for output in ("recording", "rtmp")]
    scenario.joins()
    rtmp = {"streams": [{"url": "rtmps://live.example/app", "stream_key": "key-of-the-scenario"}]}
    scenario.opens(lasts=16, outputs=["hls", "recording", "rtmp"], rtmp=rtmp)
    scenario.on_air()
    for room in rooms:
        room.on()
    scenario.closed()
    scenario.off_air()
    for room in rooms:
        room.off()
        assert (len(room.runs), len(room.starts), len(room.ends)) == (1, 1, 1)
    assert (len(scenario.runs), len(scenario.starts), len(scenario.ends)) == (3, 1, 1)
    assert scenario.broadcasts == ["completed"] * 3


@pytest.mark.parametrize("fault", ["slow", "answer-lost", "late"])
def test_a_start_whose_answer_is_late_or_lost_makes_one_run(room: OutputRoom, fault: str) -> None:
    room.scenario.joins()
    room.inject_faults({"path": "start", "fault": fault, "after_s": 12})
    room.opens(lasts=30)
    room.on(limit_s=40)
    room.scenario.closed()
    room.off()
    assert (len(room.starts), len(room.runs)) == (1, 1)


def test_a_start_without_answer_and_webhook_is_found_in_the_list(room: OutputRoom) -> None:
    room.scenario.joins()
    room.scenario.receives("participant.joined")
    room.inject_faults("start:answer-lost", drop_webhooks=True)
    room.operator("start")
    room.on(limit_s=40)
    room.scenario.timeline_shows(Reason.START_TOOK_EFFECT)
    assert (len(room.starts), len(room.runs)) == (1, 1)


def test_a_start_that_nothing_settles_is_given_up_and_only_an_operator_repeats_it(room: OutputRoom) -> None:
    room.scenario.joins()
    room.scenario.receives("participant.joined")
    room.inject_faults("start:hang")
    room.operator("start")
    room.scenario.receives("call.given-up", limit_s=180)
    assert room.alarms == [AlarmName.START_UNKNOWN]
    assert_holds_for(10, lambda: len(room.starts) == 1, "one start alone")
    room.operator("start")
    room.on()
    assert (len(room.starts), len(room.runs)) == (2, 1)
    assert room.alarms == []


def test_an_output_that_the_account_lacks_raises_an_alarm_and_no_storm(room: OutputRoom) -> None:
    room.scenario.joins()
    room.inject_faults("start:4021*")
    room.opens(lasts=25)
    room.scenario.closed()
    assert 1 <= len(room.starts) <= 2
    assert room.runs == []
    assert room.scenario.reason("missed") == Reason.VIDEOSDK_REFUSED


def test_a_start_beyond_the_quota_is_tried_again(room: OutputRoom) -> None:
    room.scenario.joins()
    room.inject_faults("start:4029")
    room.opens(lasts=26)
    room.on(limit_s=40)
    room.scenario.closed()
    room.off()
    assert (len(room.starts), len(room.runs), room.scenario.broadcasts) == (2, 1, ["completed"])


def test_one_that_somebody_started_is_taken_over_and_ended_at_the_close(room: OutputRoom) -> None:
    room.scenario.joins()
    room.person_starts()
    room.on()
    room.opens(lasts=8)
    room.scenario.closed()
    room.off()
    assert (len(room.runs), len(room.starts), len(room.ends)) == (1, 1, 1)  # the start was the person's own


def test_a_stop_without_its_start_is_recorded_and_calls_nothing(room: OutputRoom) -> None:
    room.scenario.joins()
    room.scenario.receives("participant.joined")
    room.inject_faults(drop_webhooks=True)
    room.person_starts()
    room.wait_for_state("started")
    room.inject_faults()
    room.person_stops()
    room.off()
    assert room.view["state"] == "stopped"
    assert (len(room.starts), len(room.ends)) == (1, 1)  # both of the person


def test_one_that_a_person_stops_stays_off_until_the_window_closes(room: OutputRoom) -> None:
    room.scenario.joins()
    room.opens(lasts=25)
    room.on()
    room.person_stops()
    room.scenario.receives("broadcast.interrupted")
    room.scenario.closed()
    assert (room.scenario.broadcasts, len(room.starts), len(room.runs)) == (["interrupted", "completed"], 1, 1)


def test_one_that_fails_is_started_again(room: OutputRoom) -> None:
    room.scenario.joins()
    room.opens(lasts=30)
    room.on()
    room.breaks()
    room.on(2)
    room.scenario.closed()
    room.off()
    assert (len(room.runs), len(room.starts)) == (2, 2)


def test_it_ends_with_its_session_and_starts_in_the_next(room: OutputRoom) -> None:
    room.scenario.joins()
    room.opens(lasts=30)
    room.on()
    room.scenario.session_ends()
    room.off()
    room.scenario.joins()
    room.on(2)
    room.scenario.closed()
    room.off(2)
    assert (len(room.runs), len(room.starts)) == (2, 2)


def test_late_and_repeated_webhooks_make_no_further_run(room: OutputRoom) -> None:
    room.scenario.joins()
    kind = {"recording": "recording", "rtmp": "livestream"}[room.output]
    room.scenario.inject_faults(repeat=2, late={"by_s": 3, "types": [f"{kind}-starting"]})
    room.opens(lasts=14)
    room.on()
    room.scenario.closed()
    room.off()
    assert len(room.scenario.notices(f"{room.output}.started")) == 1
    assert len(room.scenario.notices(f"{room.output}.stopped")) == 1
    assert (len(room.starts), len(room.runs), room.view["state"]) == (1, 1, "stopped")
