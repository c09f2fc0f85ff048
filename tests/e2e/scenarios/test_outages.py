"""The product down: every process is killed, and started again after an opening, a close or a whole window.

All stories here share one fall: at `hall.falls_at` all processes die by `kill -9`, at `hall.back_at` they start again.
"""

import time
from datetime import UTC, datetime

import pytest

from tests.e2e.scenarios.scenario_room import Hall
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import wait_until
from webhook_app.domain.reasons import Reason

pytestmark = [pytest.mark.process, pytest.mark.house("falling")]

UP_AGAIN_S = 60.0


def test_down_over_the_opening_the_window_is_entered_late(hall: Hall) -> None:
    hall.joins()
    hall.opens(at=hall.falls_at + 5, lasts=45, late_after="5s")
    hall.on_air(limit_s=UP_AGAIN_S)
    hall.said(Reason.WINDOW_ENTERED_LATE)
    hall.closed()
    hall.off_air()
    assert hall.broadcasts == ["late", "completed"]
    assert (len(hall.runs), len(hall.starts)) == (1, 1)


def test_down_over_the_close_the_stream_is_ended_afterwards(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=2)
    hall.lasts(hall.falls_at + 6 - hall.opens_at)
    hall.on_air()
    hall.off_air(limit_s=UP_AGAIN_S + 30)
    assert hall.closes_at < hall.back_at
    assert hall.broadcasts == ["completed"]
    assert (len(hall.runs), len(hall.ends)) == (1, 1)
    assert hall.desires(None)


def test_down_over_a_whole_window_it_is_missed_and_nothing_is_started(hall: Hall) -> None:
    hall.joins()
    hall.opens(at=hall.falls_at + 4, lasts=8)
    hall.hears("broadcast.missed", limit_s=UP_AGAIN_S + 30)
    assert hall.reason("missed") == "the process was not running"
    assert hall.starts == []
    assert hall.desires(None)


def test_down_while_somebody_opens_a_session_whose_webhook_is_lost(hall: Hall) -> None:
    hall.opens(lasts=2)
    hall.lasts(hall.back_at + 40 - hall.opens_at)
    hall.hears("broadcast.armed")
    hall.until(hall.falls_at + 5)
    hall.spoil(drop=["session-*", "participant-*"])
    hall.joins()
    hall.on_air(limit_s=UP_AGAIN_S)
    hall.closed(limit_s=40)
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["armed", "completed"], 1)


def test_down_while_the_stream_breaks_unheard_it_is_found_and_started_again(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=2)
    hall.lasts(hall.back_at + 45 - hall.opens_at)
    hall.on_air()
    hall.until(hall.falls_at + 5)
    hall.spoil(drop=["hls-*"])
    hall.breaks()
    hall.spoil()
    hall.on_air(2, limit_s=UP_AGAIN_S)
    assert any("VideoSDK no longer shows it" in repair for repair in hall.repairs())
    hall.closed(limit_s=40)
    hall.off_air(2)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 2)


def test_a_room_that_is_always_on_stays_on_over_the_fall_with_one_run(hall: Hall) -> None:
    hall.joins()
    hall.puts_rule(hall.rule, schedule={"always": True})
    hall.on_air()
    hall.until(hall.back_at)
    hall.until(hall.back_at + 20)
    assert hall.now["state"] == "playable"
    assert (len(hall.runs), len(hall.starts)) == (1, 1)
    assert any(call["at"] > moment(hall.back_at) for call in hall.asks("/active") + hall.asks("/v2/hls"))
    hall.rule_is("delete")


def test_an_operators_time_that_runs_out_during_the_fall_is_over_afterwards(hall: Hall) -> None:
    hall.joins()
    hall.operator("start", until=moment(hall.falls_at + 5))
    hall.on_air()
    hall.until(hall.back_at)
    assert hall.desires(None, limit_s=UP_AGAIN_S)["state"] == "playable"
    hall.said(Reason.OPERATOR_EXPIRED)
    assert len(hall.runs) == 1


def test_a_reminder_that_was_due_during_the_fall_is_told_afterwards(hall: Hall) -> None:
    hall.joins()
    hall.opens(at=hall.back_at + 30, lasts=8, remind="40s")
    hall.hears("broadcast.upcoming", limit_s=UP_AGAIN_S + 30)
    assert time.time() < hall.opens_at
    hall.on_air(limit_s=50)
    hall.closed()
    hall.off_air()
    assert hall.broadcasts == ["upcoming", "completed"]


def test_killed_while_it_looks_it_starts_once_it_is_back(hall: Hall) -> None:
    hall.joins()
    hall.spoil({"path": "active", "fault": "slow", "after_s": 600})
    hall.opens(at=hall.falls_at - 2, lasts=70)
    hall.asked("/active", limit_s=40)
    hall.on_air(limit_s=UP_AGAIN_S + 20)
    assert (len(hall.runs), len(hall.starts)) == (1, 1)
    hall.closed(limit_s=60)
    hall.off_air()


def test_killed_when_a_start_was_done_and_not_answered_it_does_not_start_again(hall: Hall) -> None:
    hall.joins()
    hall.spoil({"path": "start", "fault": "slow", "after_s": 600})
    hall.opens(at=hall.falls_at - 2, lasts=70)
    hall.asked("/hls/start", limit_s=40)
    hall.on_air(limit_s=UP_AGAIN_S + 20)
    hall.closed(limit_s=60)
    hall.off_air()
    assert (len(hall.runs), len(hall.starts)) == (1, 1)


def test_killed_when_a_start_was_sent_and_not_done_it_starts_again_once_that_is_sure(hall: Hall) -> None:
    hall.joins()
    hall.spoil("start:hang")
    hall.opens(at=hall.falls_at - 2, lasts=75)
    hall.asked("/hls/start", limit_s=40)
    hall.on_air(limit_s=UP_AGAIN_S + 30)
    first, second = (start["at"] for start in hall.starts)
    assert seconds_between(first, second) >= 25
    assert len(hall.runs) == 1
    hall.closed(limit_s=60)
    hall.off_air()


def test_while_videosdk_cannot_be_reached_at_start_up_nothing_is_concluded(hall: Hall) -> None:
    hall.joins()
    hall.person_starts()
    hall.on_air()
    hall.until(hall.falls_at + 5)
    hall.spoil("*:503*", drop=["hls-*"])
    hall.breaks()
    hall.until(hall.back_at)
    asked = len(hall.asks("/active"))
    wait_until(lambda: len(hall.asks("/active")) > asked, UP_AGAIN_S, "a question at start-up")
    time.sleep(2)
    assert hall.now["state"] == "playable"
    hall.spoil()
    hall.off_air(limit_s=60)
    assert hall.now["stream"]["ended_by"] == "probe"


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
