"""Starts that go wrong: refused in every way, hanging, done without an answer, done late."""

import itertools

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import wait_until
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process


@pytest.mark.parametrize(
    "refusal", ["409", "4020", "4029", pytest.param("429", marks=pytest.mark.own_product("isolated"))]
)
def test_a_refused_start_is_announced_and_retried_with_growing_delays(scenario: ScenarioRoom, refusal: str) -> None:
    scenario.joins()
    scenario.inject_faults(f"start:{refusal}*2")
    scenario.opens(lasts=26, late_after="8s")
    scenario.on_air(limit_s=40)
    pauses = between(scenario)
    assert 4.5 <= pauses[0] <= 9 and 9.5 <= pauses[1] <= 15
    statuses = {"409": 409, "4020": 409, "429": 429, "4029": 400}
    refused = [notice["data"]["call"] for notice in scenario.notices("call.refused")]
    assert [call["state"] for call in refused] == ["refused", "refused"]
    assert scenario.reason("late") == Reason.VIDEOSDK_REFUSED
    scenario.timeline_shows(explain(Reason.CALL_REFUSED, said=statuses[refusal]), 2)
    scenario.timeline_shows(explain(Reason.RETRY_REFUSED, wait=5))
    scenario.timeline_shows(explain(Reason.RETRY_REFUSED, wait=10))
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["late", "completed"], 1)


@pytest.mark.parametrize("broken", ["500", "502", "503"])
def test_after_a_5xx_videosdk_is_probed_twice_before_the_start_is_repeated(scenario: ScenarioRoom, broken: str) -> None:
    scenario.joins()
    scenario.inject_faults(f"start:{broken}")
    scenario.opens(lasts=24)
    scenario.on_air(limit_s=40)
    first, second = (start["at"] for start in scenario.starts)
    looks = [ask for ask in scenario.requests_to("/active") if first < ask["at"] < second]
    assert len(looks) >= 3  # two that settle it, and the one before each start
    assert seconds_between(first, second) >= 10
    scenario.timeline_shows(Reason.CALL_UNKNOWN)
    scenario.timeline_shows(Reason.START_HAD_NO_EFFECT)
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs), len(scenario.starts)) == (["completed"], 1, 2)


def test_a_start_that_is_forbidden_raises_an_alarm_and_is_tried_again_a_minute_later(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults("start:403")
    scenario.opens(lasts=75, late_after="10s")
    scenario.receives("broadcast.late")
    assert scenario.reason("late") == Reason.VIDEOSDK_REFUSED
    assert [alarm for alarm in scenario.alarms if scenario.room in alarm["summary"]] != []
    scenario.on_air(limit_s=90)
    assert 55 <= between(scenario)[0] <= 70
    assert [alarm for alarm in scenario.alarms if scenario.room in alarm["summary"]] == []
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["late", "completed"], 1)


def test_a_start_that_is_refused_up_to_the_close_is_missed_for_that_reason(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults("start:409*")
    scenario.opens(lasts=12)
    scenario.closed(after_s=3)
    assert scenario.runs == []
    assert scenario.reason("missed") == Reason.VIDEOSDK_REFUSED
    assert scenario.desires(None)


def test_a_start_that_hangs_and_did_nothing_is_repeated_once_that_is_sure(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults("start:hang")
    scenario.opens(lasts=45)
    scenario.on_air(limit_s=60)
    assert between(scenario)[0] >= 25
    scenario.timeline_shows(Reason.START_HAD_NO_EFFECT)
    scenario.closed()
    scenario.off_air()
    assert (len(scenario.starts), len(scenario.runs)) == (2, 1)


def test_a_start_that_hangs_and_was_done_is_found_by_its_webhooks(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults({"path": "start", "fault": "slow", "after_s": 600})
    scenario.opens(lasts=20)
    scenario.on_air()
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.starts), len(scenario.runs)) == (["completed"], 1, 1)


def test_a_start_that_timed_out_but_took_effect_is_found_by_a_probe_when_its_webhooks_are_lost(
    scenario: ScenarioRoom,
) -> None:
    scenario.joins()
    scenario.inject_faults({"path": "start", "fault": "slow", "after_s": 600}, drop=["hls-*"])
    scenario.opens(lasts=24)
    scenario.receives("stream.started", limit_s=30)
    scenario.timeline_shows(Reason.START_TOOK_EFFECT)
    assert scenario.repairs() != []
    scenario.inject_faults()
    scenario.closed()
    scenario.off_air(limit_s=30)
    assert (len(scenario.starts), len(scenario.runs)) == (1, 1)


def test_a_start_that_is_done_after_we_gave_up_is_not_repeated(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults({"path": "start", "fault": "late", "after_s": 14})
    scenario.opens(lasts=30)
    scenario.on_air(limit_s=40)
    scenario.timeline_shows(Reason.START_TOOK_EFFECT)
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.starts), len(scenario.runs)) == (["completed"], 1, 1)


def test_a_start_whose_answer_is_lost_makes_one_stream(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults("start:answer-lost")
    scenario.opens(lasts=10)
    scenario.on_air()
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.starts), len(scenario.runs)) == (["completed"], 1, 1)


def test_a_start_in_a_session_that_has_ended_unheard_arms_the_room_for_the_next(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.receives("participant.joined")
    scenario.inject_faults(drop=["session-*", "participant-*"])
    scenario.session_ends()
    scenario.opens(lasts=60)
    scenario.receives("broadcast.armed", limit_s=50)
    assert scenario.now["armed"] is True
    assert scenario.notices("call.refused") == []
    scenario.inject_faults()
    scenario.joins()
    scenario.on_air()
    scenario.closed(limit_s=60)
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["armed", "completed"], 1)


def test_a_room_that_is_on_air_already_is_not_started_but_taken_over(scenario: ScenarioRoom) -> None:
    scenario.inject_faults(drop=["hls-*"])
    scenario.joins()
    scenario.person_starts()
    wait_until(lambda: [run["state"] for run in scenario.runs] == ["playable"], 10, "the person's run")
    scenario.inject_faults()
    scenario.opens(lasts=8)
    scenario.receives("stream.started")
    scenario.timeline_shows(Reason.START_NOT_NEEDED)
    scenario.closed()
    scenario.off_air()
    assert (len(scenario.runs), len(scenario.starts)) == (1, 1)  # the person's own


def test_a_window_that_closes_while_the_start_is_in_doubt_ends_what_comes_of_it(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults({"path": "start", "fault": "late", "after_s": 12})
    scenario.opens(lasts=8)
    scenario.closed()
    scenario.off_air(limit_s=40)
    assert scenario.broadcasts == ["missed"]
    assert (len(scenario.starts), len(scenario.runs)) == (1, 1)
    assert scenario.desires(None)


@pytest.mark.own_product("isolated")
def test_a_token_that_is_refused_pauses_every_call_until_videosdk_takes_it_again(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults("start:401")
    scenario.opens(lasts=80, late_after="10s")
    scenario.receives("broadcast.late")
    assert scenario.reason("late") == Reason.CALLS_PAUSED
    alarms = {alarm["name"]: alarm for alarm in scenario.alarms}
    assert alarms.keys() == {"videosdk-credentials", "broadcast-late"}
    assert alarms["videosdk-credentials"]["severity"] == "critical"
    scenario.timeline_shows(Reason.CALLS_PAUSED)
    scenario.on_air(limit_s=90)
    assert 55 <= between(scenario)[0] <= 75
    assert scenario.alarms == []
    raised = [notice["data"]["alarm"]["name"] for notice in scenario.product.sink.notices("alarm.raised")]
    cleared = [notice["data"]["alarm"]["name"] for notice in scenario.product.sink.notices("alarm.cleared")]
    assert raised == cleared == ["videosdk-credentials"]
    scenario.closed(limit_s=40)
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["late", "completed"], 1)


def between(scenario: ScenarioRoom) -> list[float]:
    """How long it was from each start to the next, in seconds."""
    moments = [start["at"] for start in scenario.starts]
    return [seconds_between(before, after) for before, after in itertools.pairwise(moments)]
