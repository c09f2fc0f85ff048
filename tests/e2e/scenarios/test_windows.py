"""Openings and closings: rooms that are armed, windows with conditions, people who come, stay and go."""

import time

import pytest

from tests.e2e.scenarios.scenario_room import Hall
from tests.e2e.scenarios.waiting import seconds_between, wall_clock
from tests.support.polling import LATE_S, wait_until
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process

LOST_WITHIN_S = 35.0


def test_an_armed_room_goes_on_air_by_the_very_event_that_opens_its_session(hall: Hall) -> None:
    hall.opens(lasts=40)
    hall.hears("broadcast.armed")
    hall.joins()
    hall.on_air()
    assert [one for one in hall.event("session-started")["decisions"] if one["call_id"]]  # by no timer and no probe
    hall.closed()
    hall.off_air()
    assert hall.broadcasts == ["armed", "completed"]
    assert hall.reason("armed") == "nobody has opened a session"
    hall.said(Reason.WAITING_FOR_SESSION)
    hall.said(Reason.WINDOW_CLOSED_ENDING)
    assert hall.desires(None)["state"] == "stopped"


def test_an_armed_room_whose_session_is_not_told_goes_on_air_within_35_seconds(hall: Hall) -> None:
    hall.opens(lasts=50)
    hall.hears("broadcast.armed")
    hall.spoil(drop=["session-*", "participant-*"])
    joined = time.time()
    hall.joins()
    hall.asked("/hls/start", limit_s=60)
    assert time.time() - joined <= LOST_WITHIN_S + LATE_S
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert len(hall.runs) == 1
    assert next(item["source"] for item in hall.timeline if "Session " in item["effect"]) == "probe"
    assert hall.broadcasts == ["armed", "completed"]


def test_a_session_that_was_there_before_anybody_told_us_is_found_at_the_opening_and_nobody_is_alarmed(
    hall: Hall,
) -> None:
    hall.spoil(drop=["session-*", "participant-*"])
    hall.joins()
    hall.opens(lasts=10)
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert (
        seconds_between(hall.notices("broadcast.completed")[0]["data"]["opens_at"], hall.runs[0]["started_at"])
        < 4 + LATE_S
    )
    hall.said(Reason.CHECKING_SESSION)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)


def test_an_opening_while_videosdk_cannot_say_who_is_there_is_late_for_that_reason_and_armed_for_none(
    hall: Hall,
) -> None:
    hall.spoil("sessions:503*", drop=["session-*", "participant-*"])
    hall.joins()
    hall.opens(lasts=50, late_after="5s")
    hall.hears("broadcast.late")
    assert hall.reason("late") == "VideoSDK could not say who is there"
    hall.spoil()
    hall.on_air(limit_s=45)
    hall.closed(limit_s=60)
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["late", "completed"], 1)


def test_a_session_that_is_told_before_the_opening_is_put_on_air_at_the_opening(hall: Hall) -> None:
    hall.joins()
    hall.opens(6, lasts=8, remind="5s")
    hall.on_air()
    (run,) = hall.runs
    opened = hall.notices("broadcast.upcoming")[0]["data"]["opens_at"]
    assert 0 <= seconds_between(opened, run["started_at"]) < 3 + LATE_S
    assert hall.notices("broadcast.upcoming")[0]["data"]["session_live"] is True
    hall.closed()
    hall.off_air()
    assert hall.broadcasts == ["upcoming", "completed"]
    assert len(hall.runs) == 1


def test_a_window_with_an_if_waits_until_it_holds(hall: Hall) -> None:
    hall.joins("grace", "Grace")
    hall.opens(lasts=14, if_='room.session.participants.exists(p, p.name.startsWith("Host"))')
    hall.until(hall.opens_at + 3)
    assert hall.starts == []
    hall.said(Reason.WINDOW_IF_AWAITED)
    hall.joins("ada", "Host Ada")
    hall.on_air()
    hall.leaves("ada")
    hall.closed()
    hall.off_air()
    hall.said(Reason.WINDOW_IF_HOLDS)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)


def test_a_window_whose_if_never_holds_is_late_and_missed_and_starts_nothing(hall: Hall) -> None:
    hall.joins("grace", "Grace")
    hall.opens(lasts=6, late_after="2s", if_="room.session.participant_count > 1")
    hall.closed(after_s=2)
    assert hall.starts == []
    assert hall.broadcasts == ["late", "missed"]
    assert hall.reason("late") == hall.reason("missed") == "The window is open and waits for its `if`"


def test_a_stream_that_takes_long_to_be_playable_is_late_with_the_reason_and_then_completed(hall: Hall) -> None:
    hall.pace(playable_s=6)
    hall.joins()
    hall.opens(lasts=14, late_after="3s")
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert hall.broadcasts == ["late", "completed"]
    assert hall.reason("late") == "VideoSDK has not made it playable: it is started"


def test_an_empty_room_is_ended_inside_its_window_and_on_again_when_somebody_comes_back(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=20, end_when_empty="3s")
    hall.on_air()
    hall.leaves(keep=True)
    hall.off_air()
    hall.said(Reason.WINDOW_CHECKING_EMPTY)
    hall.said(Reason.WINDOW_EMPTY)
    hall.joins("grace", "Grace")
    hall.on_air(2)
    hall.closed()
    hall.off_air(2)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 2)


def test_a_room_in_which_only_viewers_are_left_is_ended_where_empty_means_no_hosts(hall: Hall) -> None:
    hall.joins()
    hall.joins("eve", "Eve", "VIEWER")
    hall.opens(lasts=30, end_when_empty="3s", empty_means="no-hosts")
    hall.on_air()
    hall.leaves(keep=True)
    hall.off_air()
    hall.said(Reason.WINDOW_NO_HOSTS)
    session = hall.now["session"]
    assert (session["participant_count"], session["host_count"]) == (1, 0)
    assert [one["name"] for one in session["participants"]] == ["Eve"]
    hall.closed()
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)


def test_somebody_who_comes_back_in_time_keeps_the_room_on_air(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=14, end_when_empty="5s")
    hall.on_air()
    hall.leaves(keep=True)
    hall.until(time.time() + 2)
    hall.joins("grace", "Grace")
    hall.closed()
    hall.off_air()
    assert len(hall.runs) == 1
    assert seconds_between(hall.runs[0]["started_at"], hall.runs[0]["ended_at"]) > 10


def test_a_window_runs_over_while_somebody_is_there(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=6, overrun="30s")
    hall.on_air()
    hall.until(hall.closes_at + 3)
    assert hall.now["on_air"]
    hall.said(Reason.WINDOW_OVERRUNS)
    hall.leaves(keep=True)
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)
    assert hall.desires(None)


def test_a_window_runs_over_no_longer_than_it_may(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=6, overrun="5s")
    hall.off_air(limit_s=30)
    assert time.time() - hall.closes_at >= 4.5
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)


def test_a_long_window_renews_its_run_before_it_is_too_long_and_never_has_two(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=18, max_run="6s")
    hall.on_air(2)
    hall.closed()
    wait_all_over(hall)
    hall.said(Reason.STREAM_RENEWED)
    assert len(hall.runs) in (2, 3)
    assert hall.broadcasts == ["completed"]


def test_a_run_that_is_renewed_waits_until_the_last_one_has_stopped(hall: Hall) -> None:
    hall.pace(stopped_s=6)
    hall.joins()
    hall.opens(lasts=30, max_run="8s")
    hall.on_air(2, limit_s=40)
    hall.closed()
    wait_all_over(hall)
    assert [start["status"] for start in hall.starts] == [200] * len(hall.runs)
    assert hall.broadcasts == ["completed"]


def test_a_room_that_is_always_on_is_put_on_air_and_stays_so_whatever_happens(hall: Hall) -> None:
    hall.joins()
    hall.puts_rule(hall.rule, schedule={"always": True}, restart="always")
    hall.on_air()
    hall.breaks()
    hall.on_air(2)
    hall.person_stops()
    hall.on_air(3)
    hall.session_ends()
    hall.hears("broadcast.armed")
    hall.joins()
    hall.on_air(4)
    assert hall.now["desired"]["because"] == f"rule:{hall.rule}"
    hall.rule_is("delete")
    assert hall.desires(None)["state"] == "playable"
    assert hall.broadcasts == ["armed"]


def test_windows_that_ask_for_different_streams_follow_each_other_without_ever_being_two(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=8)
    later = f"{hall.rule}-later"
    schedule = {"at": [wall_clock(hall.closes_at)], "duration": "8s"}
    start = {"config": {"layout": {"type": "GRID", "priority": "SPEAKER"}, "quality": "high"}}
    hall.puts_rule(later, schedule=schedule, start=start)
    hall.on_air(2)
    hall.off_air(2)
    assert [notice["data"]["rule"] for notice in hall.notices("broadcast.completed")] == [hall.rule, later]
    assert [notice["data"]["because"] for notice in hall.notices("stream.playable")] == [
        f"rule:{hall.rule}",
        f"rule:{later}",
    ]
    assert len(hall.runs) == 2


def wait_all_over(hall: Hall) -> None:
    """Every run of the room has ended."""
    wait_until(lambda: all(run["ended_at"] for run in hall.runs), 20, "the end of every run")
