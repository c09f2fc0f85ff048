"""Openings and closings: rooms that are armed, windows with conditions, people who come, stay and go."""

import time

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.waiting import seconds_between, wall_clock
from tests.support.polling import LATE_S, wait_until
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process

LOST_WITHIN_S = 35.0


def test_an_armed_room_goes_on_air_by_the_very_event_that_opens_its_session(scenario: ScenarioRoom) -> None:
    scenario.opens(lasts=40)
    scenario.receives("broadcast.armed")
    scenario.joins()
    scenario.on_air()
    assert [
        decision for decision in scenario.event("session-started")["decisions"] if decision["call_id"]
    ]  # by no timer and no probe
    scenario.closed()
    scenario.off_air()
    assert scenario.broadcasts == ["armed", "completed"]
    assert scenario.reason("armed") == Reason.NO_SESSION
    scenario.timeline_shows(Reason.WAITING_FOR_SESSION)
    scenario.timeline_shows(Reason.WINDOW_CLOSED_ENDING)
    assert scenario.desires(None)["state"] == "stopped"


def test_an_armed_room_whose_session_webhook_is_lost_goes_on_air_within_35_seconds(scenario: ScenarioRoom) -> None:
    scenario.opens(lasts=50)
    scenario.receives("broadcast.armed")
    scenario.inject_faults(drop=["session-*", "participant-*"])
    joined = time.time()
    scenario.joins()
    scenario.wait_for_request("/hls/start", limit_s=60)
    assert time.time() - joined <= LOST_WITHIN_S + LATE_S
    scenario.on_air()
    scenario.closed()
    scenario.off_air()
    assert len(scenario.runs) == 1
    assert next(item["source"] for item in scenario.timeline if "Session " in item["effect"]) == "probe"
    assert scenario.broadcasts == ["armed", "completed"]


def test_a_session_whose_webhook_was_lost_is_found_at_the_opening_without_an_alarm(
    scenario: ScenarioRoom,
) -> None:
    scenario.inject_faults(drop=["session-*", "participant-*"])
    scenario.joins()
    scenario.opens(lasts=10)
    scenario.on_air()
    scenario.closed()
    scenario.off_air()
    assert (
        seconds_between(scenario.notices("broadcast.completed")[0]["data"]["opens_at"], scenario.runs[0]["started_at"])
        < 4 + LATE_S
    )
    scenario.timeline_shows(Reason.CHECKING_SESSION)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)


def test_an_opening_while_videosdk_cannot_say_who_is_there_is_late_for_that_reason_and_armed_for_none(
    scenario: ScenarioRoom,
) -> None:
    scenario.inject_faults("sessions:503*", drop=["session-*", "participant-*"])
    scenario.joins()
    scenario.opens(lasts=50, late_after="5s")
    scenario.receives("broadcast.late")
    assert scenario.reason("late") == Reason.SESSION_UNKNOWN
    scenario.inject_faults()
    scenario.on_air(limit_s=45)
    scenario.closed(limit_s=60)
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["late", "completed"], 1)


def test_a_session_that_starts_before_the_opening_is_put_on_air_at_the_opening(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(6, lasts=8, remind="5s")
    scenario.on_air()
    (run,) = scenario.runs
    opened = scenario.notices("broadcast.upcoming")[0]["data"]["opens_at"]
    assert 0 <= seconds_between(opened, run["started_at"]) < 3 + LATE_S
    assert scenario.notices("broadcast.upcoming")[0]["data"]["session_live"] is True
    scenario.closed()
    scenario.off_air()
    assert scenario.broadcasts == ["upcoming", "completed"]
    assert len(scenario.runs) == 1


def test_a_window_with_an_if_waits_until_it_holds(scenario: ScenarioRoom) -> None:
    scenario.joins("grace", "Grace")
    scenario.opens(lasts=14, if_='room.session.participants.exists(p, p.name.startsWith("Host"))')
    scenario.until(scenario.opens_at + 3)
    assert scenario.starts == []
    scenario.timeline_shows(Reason.WINDOW_IF_AWAITED)
    scenario.joins("ada", "Host Ada")
    scenario.on_air()
    scenario.leaves("ada")
    scenario.closed()
    scenario.off_air()
    scenario.timeline_shows(Reason.WINDOW_IF_HOLDS)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)


def test_a_window_whose_if_never_holds_is_late_and_missed_and_starts_nothing(scenario: ScenarioRoom) -> None:
    scenario.joins("grace", "Grace")
    scenario.opens(lasts=6, late_after="2s", if_="room.session.participant_count > 1")
    scenario.closed(after_s=2)
    assert scenario.starts == []
    assert scenario.broadcasts == ["late", "missed"]
    assert scenario.reason("late") == scenario.reason("missed") == Reason.WINDOW_IF_AWAITED


def test_a_stream_that_takes_long_to_be_playable_is_late_with_the_reason_and_then_completed(
    scenario: ScenarioRoom,
) -> None:
    scenario.pace(playable_s=6)
    scenario.joins()
    scenario.opens(lasts=14, late_after="3s")
    scenario.on_air()
    scenario.closed()
    scenario.off_air()
    assert scenario.broadcasts == ["late", "completed"]
    assert scenario.reason("late") == Reason.NOT_PLAYABLE


def test_an_empty_room_is_ended_inside_its_window_and_on_again_when_somebody_comes_back(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=20, end_when_empty="3s")
    scenario.on_air()
    scenario.leaves(keep=True)
    scenario.off_air()
    scenario.timeline_shows(Reason.WINDOW_CHECKING_EMPTY)
    scenario.timeline_shows(Reason.WINDOW_EMPTY)
    scenario.joins("grace", "Grace")
    scenario.on_air(2)
    scenario.closed()
    scenario.off_air(2)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 2)


def test_a_room_in_which_only_viewers_are_left_is_ended_where_empty_means_no_hosts(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.joins("eve", "Eve", "VIEWER")
    scenario.opens(lasts=30, end_when_empty="3s", empty_means="no-hosts")
    scenario.on_air()
    scenario.leaves(keep=True)
    scenario.off_air()
    scenario.timeline_shows(Reason.WINDOW_NO_HOSTS)
    session = scenario.now["session"]
    assert (session["participant_count"], session["host_count"]) == (1, 0)
    assert [participant["name"] for participant in session["participants"]] == ["Eve"]
    scenario.closed()
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)


def test_somebody_who_comes_back_in_time_keeps_the_room_on_air(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=14, end_when_empty="5s")
    scenario.on_air()
    scenario.leaves(keep=True)
    scenario.until(time.time() + 2)
    scenario.joins("grace", "Grace")
    scenario.closed()
    scenario.off_air()
    assert len(scenario.runs) == 1
    assert seconds_between(scenario.runs[0]["started_at"], scenario.runs[0]["ended_at"]) > 10


def test_a_window_runs_over_while_somebody_is_there(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=6, overrun="30s")
    scenario.on_air()
    scenario.until(scenario.closes_at + 3)
    assert scenario.now["on_air"]
    scenario.timeline_shows(Reason.WINDOW_OVERRUNS)
    scenario.leaves(keep=True)
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)
    assert scenario.desires(None)


def test_a_window_runs_over_no_longer_than_its_limit(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=6, overrun="5s")
    scenario.off_air(limit_s=30)
    assert time.time() - scenario.closes_at >= 4.5
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)


def test_a_long_window_renews_its_stream_before_the_limit_and_never_runs_two(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=18, max_run="6s")
    scenario.on_air(2)
    scenario.closed()
    wait_all_over(scenario)
    scenario.timeline_shows(Reason.STREAM_RENEWED)
    assert len(scenario.runs) in (2, 3)
    assert scenario.broadcasts == ["completed"]


def test_a_renewed_stream_starts_only_after_the_previous_one_has_stopped(scenario: ScenarioRoom) -> None:
    scenario.pace(stopped_s=6)
    scenario.joins()
    scenario.opens(lasts=30, max_run="8s")
    scenario.on_air(2, limit_s=40)
    scenario.closed()
    wait_all_over(scenario)
    assert [start["status"] for start in scenario.starts] == [200] * len(scenario.runs)
    assert scenario.broadcasts == ["completed"]


def test_a_room_that_is_always_on_is_put_on_air_and_stays_so_whatever_happens(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.puts_rule(scenario.rule, schedule={"always": True}, restart="always")
    scenario.on_air()
    scenario.breaks()
    scenario.on_air(2)
    scenario.person_stops()
    scenario.on_air(3)
    scenario.session_ends()
    scenario.receives("broadcast.armed")
    scenario.joins()
    scenario.on_air(4)
    assert scenario.now["desired"]["because"] == f"rule:{scenario.rule}"
    scenario.rule_is("delete")
    assert scenario.desires(None)["state"] == "playable"
    assert scenario.broadcasts == ["armed"]


def test_windows_that_ask_for_different_streams_follow_each_other_without_ever_being_two(
    scenario: ScenarioRoom,
) -> None:
    scenario.joins()
    scenario.opens(lasts=8)
    later = f"{scenario.rule}-later"
    schedule = {"at": [wall_clock(scenario.closes_at)], "duration": "8s"}
    start = {"config": {"layout": {"type": "GRID", "priority": "SPEAKER"}, "quality": "high"}}
    scenario.puts_rule(later, schedule=schedule, start=start)
    scenario.on_air(2)
    scenario.off_air(2)
    assert [notice["data"]["rule"] for notice in scenario.notices("broadcast.completed")] == [scenario.rule, later]
    assert [notice["data"]["because"] for notice in scenario.notices("stream.playable")] == [
        f"rule:{scenario.rule}",
        f"rule:{later}",
    ]
    assert len(scenario.runs) == 2


def wait_all_over(scenario: ScenarioRoom) -> None:
    """Every run of the room has ended."""
    wait_until(lambda: all(run["ended_at"] for run in scenario.runs), 20, "the end of every run")
