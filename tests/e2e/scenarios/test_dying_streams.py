"""Streams that end before they should: broken, vanished, stopped by a person, or by VideoSDK's own limit."""

import time

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import LATE_S, wait_until
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process

TWO_HOURS_S = 7_200


def test_a_stream_that_breaks_in_its_window_is_started_again(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=14)
    scenario.on_air()
    scenario.breaks()
    scenario.receives("stream.failed")
    scenario.on_air(2)
    assert scenario.now["desired"]["because"] == f"rule:{scenario.rule}"
    scenario.closed()
    scenario.off_air()
    scenario.timeline_shows(Reason.RETRY_STREAM_GONE)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 2)


def test_a_stream_that_breaks_again_and_again_is_started_ever_later(scenario: ScenarioRoom) -> None:
    scenario.pace(playable_s=600)
    scenario.joins()
    scenario.opens(lasts=50, late_after="30s")
    for nth in range(1, 4):
        scenario.receives("stream.started", nth)
        if nth == 3:
            scenario.pace(playable_s=0.2)
        scenario.breaks()
        scenario.receives("stream.failed", nth)
    scenario.on_air(limit_s=30)
    ended = [run["ended_at"] for run in scenario.runs[:3]]
    begun = [run["started_at"] for run in scenario.runs[1:]]
    pauses = [seconds_between(*moments) for moments in zip(ended, begun, strict=True)]
    assert [least <= pause <= least + 5 + LATE_S for least, pause in zip((4.9, 9.9, 19.9), pauses, strict=True)] == [
        True
    ] * 3
    scenario.closed()
    scenario.off_air()
    assert scenario.broadcasts == ["late", "completed"]


def test_a_stream_that_vanishes_without_a_word_is_missed_and_started_again(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=115)
    scenario.on_air()
    scenario.inject_faults(drop=["hls-*"])
    scenario.breaks()
    wait_until(lambda: len(scenario.runs) == 2, 110, "the second run")
    scenario.inject_faults()
    scenario.on_air(2)
    assert any("VideoSDK no longer shows it" in repair for repair in scenario.repairs())
    scenario.timeline_shows(Reason.RETRY_STREAM_GONE)
    scenario.closed()
    scenario.off_air(2)
    assert scenario.broadcasts == ["completed"]


def test_a_persons_stop_in_the_app_is_respected_until_the_window_closes(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=12)
    scenario.on_air()
    scenario.person_stops()
    scenario.receives("broadcast.interrupted")
    assert scenario.reason("interrupted") == Reason.STOPPED_BY_SOMEBODY
    assert scenario.desires(None)["on_air"] is False
    scenario.closed(after_s=2)
    scenario.timeline_shows(Reason.STOPPED_BY_SOMEBODY_IN_WINDOW)
    assert (len(scenario.starts), len(scenario.runs)) == (1, 1)
    assert scenario.broadcasts == ["interrupted", "completed"]


def test_a_persons_stop_is_respected_though_a_probe_found_it_before_the_webhook_arrived(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=22)
    scenario.on_air()
    two = "room.on_air && room.session.participant_count == 2"
    scenario.puts_rule(f"{scenario.rule}-asks", when=two, **{"for": "4s"}, do="end")  # it has VideoSDK asked, and loses
    scenario.joins("grace", "Grace")
    scenario.receives("participant.joined", 2)
    scenario.inject_faults(delay_s=5)
    scenario.until(time.time() + 1.5)
    scenario.person_stops()
    scenario.receives("broadcast.interrupted")
    assert any("VideoSDK no longer shows it" in repair for repair in scenario.repairs())
    scenario.closed()
    assert (len(scenario.starts), len(scenario.runs)) == (1, 1)
    assert scenario.broadcasts == ["interrupted", "completed"]


def test_a_person_who_stops_and_starts_again_is_left_alone_at_the_close(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=10)
    scenario.on_air()
    scenario.person_stops()
    scenario.receives("broadcast.interrupted")
    scenario.person_starts()
    scenario.on_air(2)
    scenario.closed(after_s=3)
    assert (scenario.now["state"], scenario.ends[1:]) == ("playable", [])
    assert scenario.broadcasts == ["interrupted", "completed"]


def test_with_restart_always_a_persons_stop_is_undone(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=14, restart="always")
    scenario.on_air()
    scenario.person_stops()
    scenario.on_air(2)
    scenario.closed()
    scenario.off_air(2)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 2)


def test_with_restart_never_a_stream_that_breaks_is_left_off(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=14, restart="never")
    scenario.on_air()
    scenario.breaks()
    scenario.receives("stream.failed")
    scenario.closed()
    scenario.timeline_shows(Reason.NOT_RESTARTED)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)


def test_a_stream_that_ends_at_videosdks_own_limit_is_started_again(scenario: ScenarioRoom) -> None:
    scenario.inject_faults(drop=["hls-*"])
    scenario.joins()
    scenario.person_starts()
    wait_until(lambda: [run["state"] for run in scenario.runs] == ["playable"], 10, "the person's run")
    scenario.sandbox.age(scenario.room, TWO_HOURS_S - 15)
    scenario.inject_faults()
    scenario.opens(lasts=34)
    scenario.off_air(limit_s=30)
    scenario.on_air()
    scenario.closed()
    scenario.off_air(2)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 2)
    scenario.timeline_shows(Reason.RETRY_VIDEOSDK_LIMIT)


def test_a_session_that_ends_takes_its_stream_along_and_the_next_one_is_put_on_air(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=20)
    scenario.on_air()
    scenario.session_ends()
    scenario.off_air()
    scenario.receives("broadcast.armed")
    scenario.joins()
    scenario.on_air(2)
    scenario.closed()
    scenario.off_air(2)
    assert (scenario.broadcasts, len(scenario.runs)) == (["armed", "completed"], 2)


def test_a_close_while_the_stream_is_starting_waits_for_started_before_it_ends_it(scenario: ScenarioRoom) -> None:
    scenario.pace(started_s=8)
    scenario.joins()
    scenario.opens(lasts=5)
    scenario.closed()
    scenario.off_air()
    scenario.timeline_shows(Reason.WAITING_FOR_STARTED)
    assert [end["status"] for end in scenario.ends] == [200]
    assert scenario.broadcasts == ["missed"]
    assert scenario.desires(None)


def test_a_refused_end_is_announced_and_retried(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults("end:409")
    scenario.opens(lasts=5)
    scenario.closed()
    scenario.off_air()
    assert [end["status"] for end in scenario.ends] == [409, 200]
    assert [notice["data"]["call"]["kind"] for notice in scenario.notices("call.refused")] == ["end"]
    assert scenario.desires(None)["state"] == "stopped"


def test_an_end_whose_answer_is_lost_is_not_repeated_when_it_was_done(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults("end:answer-lost")
    scenario.opens(lasts=5)
    scenario.closed()
    scenario.off_air()
    assert len(scenario.ends) == 1
    assert scenario.desires(None)["state"] == "stopped"


def test_an_end_that_hangs_and_was_done_is_not_repeated(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults({"path": "end", "fault": "slow", "after_s": 600})
    scenario.opens(lasts=5)
    scenario.closed()
    scenario.off_air()
    assert len(scenario.ends) == 1


@pytest.mark.parametrize("broken", ["500", "503"])
def test_an_end_of_unknown_outcome_is_probed_and_repeated(scenario: ScenarioRoom, broken: str) -> None:
    scenario.joins()
    scenario.inject_faults(f"end:{broken}")
    scenario.opens(lasts=5)
    scenario.closed()
    scenario.off_air(limit_s=40)
    assert len(scenario.ends) == 2
    assert scenario.desires(None)["state"] == "stopped"


def test_an_end_that_hangs_and_did_nothing_is_repeated(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults("end:hang")
    scenario.opens(lasts=5)
    scenario.closed()
    scenario.off_air(limit_s=60)
    assert len(scenario.ends) == 2
    assert scenario.desires(None)["state"] == "stopped"
