"""Starts that go wrong: refused in every way, hanging, done without an answer, done late."""

import itertools
import time

import pytest

from tests.e2e.scenarios.scenario_room import Hall
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import wait_until
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process

REFUSALS_LAST_S = 32.0  # the other stories of that house


@pytest.mark.parametrize("refusal", ["409", "4020", "4029", pytest.param("429", marks=pytest.mark.house("refusing"))])
def test_a_start_that_is_refused_is_told_and_tried_again_ever_later(hall: Hall, refusal: str) -> None:
    hall.joins()
    hall.spoil(f"start:{refusal}*2")
    hall.opens(lasts=26, late_after="8s")
    hall.on_air(limit_s=40)
    pauses = between(hall)
    assert 4.5 <= pauses[0] <= 9 and 9.5 <= pauses[1] <= 15
    statuses = {"409": 409, "4020": 409, "429": 429, "4029": 400}
    refused = [notice["data"]["call"] for notice in hall.notices("call.refused")]
    assert [call["state"] for call in refused] == ["refused", "refused"]
    assert [f"VideoSDK refused: {statuses[refusal]}" in hall.reason("late")] == [True]
    hall.said(f"VideoSDK refused: {statuses[refusal]}", 2)
    hall.said("Retrying in 5 s")
    hall.said("Retrying in 10 s")
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["late", "completed"], 1)


@pytest.mark.parametrize("broken", ["500", "502", "503"])
def test_after_a_5xx_videosdk_is_asked_twice_before_the_start_is_repeated(hall: Hall, broken: str) -> None:
    hall.joins()
    hall.spoil(f"start:{broken}")
    hall.opens(lasts=24)
    hall.on_air(limit_s=40)
    first, second = (start["at"] for start in hall.starts)
    looks = [one for one in hall.asks("/active") if first < one["at"] < second]
    assert len(looks) >= 3  # two that settle it, and the one before each start
    assert seconds_between(first, second) >= 10
    hall.said(Reason.CALL_UNKNOWN)
    hall.said(Reason.START_HAD_NO_EFFECT)
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs), len(hall.starts)) == (["completed"], 1, 2)


def test_a_start_that_is_forbidden_raises_an_alarm_and_is_tried_again_a_minute_later(hall: Hall) -> None:
    hall.joins()
    hall.spoil("start:403")
    hall.opens(lasts=75, late_after="10s")
    hall.hears("broadcast.late")
    assert "VideoSDK refused: 403" in hall.reason("late")
    assert [alarm for alarm in hall.alarms if hall.room in alarm["summary"]] != []
    hall.on_air(limit_s=90)
    assert 55 <= between(hall)[0] <= 70
    assert [alarm for alarm in hall.alarms if hall.room in alarm["summary"]] == []
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["late", "completed"], 1)


def test_a_start_that_is_refused_up_to_the_close_is_missed_for_that_reason(hall: Hall) -> None:
    hall.joins()
    hall.spoil("start:409*")
    hall.opens(lasts=12)
    hall.closed(after_s=3)
    assert hall.runs == []
    assert "VideoSDK refused: 409" in hall.reason("missed")
    assert hall.desires(None)


def test_a_start_that_hangs_and_did_nothing_is_repeated_once_that_is_sure(hall: Hall) -> None:
    hall.joins()
    hall.spoil("start:hang")
    hall.opens(lasts=45)
    hall.on_air(limit_s=60)
    assert between(hall)[0] >= 25
    hall.said(Reason.START_HAD_NO_EFFECT)
    hall.closed()
    hall.off_air()
    assert (len(hall.starts), len(hall.runs)) == (2, 1)


def test_a_start_that_hangs_and_was_done_is_found_by_its_webhooks(hall: Hall) -> None:
    hall.joins()
    hall.spoil({"path": "start", "fault": "slow", "after_s": 600})
    hall.opens(lasts=20)
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.starts), len(hall.runs)) == (["completed"], 1, 1)


def test_a_start_that_hangs_and_was_done_is_found_by_asking_when_its_webhooks_are_lost(hall: Hall) -> None:
    hall.joins()
    hall.spoil({"path": "start", "fault": "slow", "after_s": 600}, drop=["hls-*"])
    hall.opens(lasts=24)
    hall.hears("stream.started", limit_s=30)
    hall.said(Reason.START_TOOK_EFFECT)
    assert hall.repairs() != []
    hall.spoil()
    hall.closed()
    hall.off_air(limit_s=30)
    assert (len(hall.starts), len(hall.runs)) == (1, 1)


def test_a_start_that_is_done_after_we_gave_up_is_not_repeated(hall: Hall) -> None:
    hall.joins()
    hall.spoil({"path": "start", "fault": "late", "after_s": 14})
    hall.opens(lasts=30)
    hall.on_air(limit_s=40)
    hall.said(Reason.START_TOOK_EFFECT)
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.starts), len(hall.runs)) == (["completed"], 1, 1)


def test_a_start_whose_answer_is_lost_is_one_run(hall: Hall) -> None:
    hall.joins()
    hall.spoil("start:answer-lost")
    hall.opens(lasts=10)
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.starts), len(hall.runs)) == (["completed"], 1, 1)


def test_a_start_in_a_session_that_has_ended_unheard_arms_the_room_for_the_next(hall: Hall) -> None:
    hall.joins()
    hall.hears("participant.joined")
    hall.spoil(drop=["session-*", "participant-*"])
    hall.session_ends()
    hall.opens(lasts=60)
    hall.hears("broadcast.armed", limit_s=50)
    assert hall.now["armed"] is True
    assert hall.notices("call.refused") == []
    hall.spoil()
    hall.joins()
    hall.on_air()
    hall.closed(limit_s=60)
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["armed", "completed"], 1)


def test_a_room_that_is_on_air_already_is_not_started_but_taken_over(hall: Hall) -> None:
    hall.spoil(drop=["hls-*"])
    hall.joins()
    hall.person_starts()
    wait_until(lambda: [run["state"] for run in hall.runs] == ["playable"], 10, "the person's run")
    hall.spoil()
    hall.opens(lasts=8)
    hall.hears("stream.started")
    hall.said(Reason.START_NOT_NEEDED)
    hall.closed()
    hall.off_air()
    assert (len(hall.runs), len(hall.starts)) == (1, 1)  # the person's own


def test_a_window_that_closes_while_the_start_is_in_doubt_ends_what_comes_of_it(hall: Hall) -> None:
    hall.joins()
    hall.spoil({"path": "start", "fault": "late", "after_s": 12})
    hall.opens(lasts=8)
    hall.closed()
    hall.off_air(limit_s=40)
    assert hall.broadcasts == ["missed"]
    assert (len(hall.starts), len(hall.runs)) == (1, 1)
    assert hall.desires(None)


@pytest.mark.house("refusing")
def test_a_token_that_is_refused_pauses_every_call_until_videosdk_takes_it_again(hall: Hall) -> None:
    time.sleep(REFUSALS_LAST_S)
    hall.joins()
    hall.spoil("start:401")
    hall.opens(lasts=80, late_after="10s")
    hall.hears("broadcast.late")
    assert "VideoSDK does not accept our token" in hall.reason("late")
    alarms = {alarm["name"]: alarm for alarm in hall.alarms}
    assert alarms.keys() == {"videosdk-credentials", "broadcast-late"}
    assert alarms["videosdk-credentials"]["severity"] == "critical"
    hall.said(Reason.CALLS_PAUSED)
    hall.on_air(limit_s=90)
    assert 55 <= between(hall)[0] <= 75
    assert hall.alarms == []
    raised = [told["data"]["alarm"]["name"] for told in hall.one.sink.notices("alarm.raised")]
    cleared = [told["data"]["alarm"]["name"] for told in hall.one.sink.notices("alarm.cleared")]
    assert raised == cleared == ["videosdk-credentials"]
    hall.closed(limit_s=40)
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["late", "completed"], 1)


def between(hall: Hall) -> list[float]:
    """How long it was from each start to the next, in seconds."""
    moments = [start["at"] for start in hall.starts]
    return [seconds_between(before, after) for before, after in itertools.pairwise(moments)]
