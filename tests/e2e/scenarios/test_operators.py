"""Operators: they start, end and release, inside windows and outside, and win while their wish holds."""

import time
from datetime import UTC, datetime

import pytest

from tests.e2e.scenarios.scenario_room import Hall
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process


def test_an_operator_starts_and_ends_outside_any_window(hall: Hall) -> None:
    hall.joins()
    hall.operator("start")
    hall.on_air()
    assert hall.desires(True)["desired"]["because"] == "operator"
    hall.operator("end")
    hall.off_air()
    hall.said("Start called because of operator")
    hall.said("End called because of operator")
    assert (len(hall.runs), len(hall.starts), len(hall.ends)) == (1, 1, 1)


def test_an_operator_who_releases_leaves_the_stream_alone(hall: Hall) -> None:
    hall.joins()
    hall.operator("start")
    hall.on_air()
    hall.operator("release")
    assert hall.desires(None)["on_air"] is True
    hall.said(Reason.OPERATOR_RELEASED)
    hall.person_stops()
    hall.off_air()
    assert (len(hall.starts), len(hall.ends)) == (1, 1)


def test_an_operator_who_starts_an_empty_room_arms_it(hall: Hall) -> None:
    hall.operator("start")
    assert hall.desires(True)["armed"] is True
    hall.joins()
    hall.on_air()
    assert hall.now["armed"] is False


def test_an_operators_end_while_the_stream_is_starting_waits_for_started(hall: Hall) -> None:
    hall.pace(started_s=5)
    hall.joins()
    hall.hears("participant.joined")
    hall.operator("start")
    hall.hears("stream.starting")
    hall.operator("end")
    hall.off_air()
    hall.said(Reason.WAITING_FOR_STARTED)
    assert [end["status"] for end in hall.ends] == [200]


def test_an_operators_end_inside_a_window_holds_until_it_closes(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=12)
    hall.on_air()
    hall.operator("end")
    hall.off_air()
    assert hall.desires(False)["desired"]["because"] == "operator"
    hall.closed()
    assert hall.desires(None)
    hall.said(Reason.OPERATOR_ENDED_WITH_WINDOW)
    assert (hall.broadcasts, len(hall.starts)) == (["completed"], 1)


def test_an_operator_who_ends_before_it_was_playable_is_the_reason_for_what_was_missed(hall: Hall) -> None:
    hall.pace(playable_s=600)
    hall.joins()
    hall.opens(lasts=8, late_after="4s")
    hall.hears("stream.started")
    hall.operator("end")
    hall.closed()
    assert hall.reason("late") == hall.reason("missed") == "the operator wants the room off air"


def test_an_operator_who_releases_inside_a_window_gives_the_room_back_to_it(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=14)
    hall.on_air()
    hall.operator("end")
    hall.off_air()
    hall.operator("release")
    hall.on_air(2)
    assert hall.now["desired"]["because"] == f"rule:{hall.rule}"
    hall.closed()
    hall.off_air(2)
    assert len(hall.runs) == 2


def test_an_operators_end_holds_against_a_person_who_starts(hall: Hall) -> None:
    hall.joins()
    hall.operator("end")
    hall.person_starts()
    hall.off_air()
    assert len(hall.ends) == 1
    hall.said("End called because of operator")
    assert hall.desires(False)


def test_an_operators_start_is_dropped_at_the_next_opening_and_the_run_goes_on(hall: Hall) -> None:
    hall.joins()
    hall.operator("start")
    hall.on_air()
    hall.opens(3, lasts=6)
    hall.closed()
    hall.off_air()
    hall.said(Reason.OPERATOR_SUPERSEDED_BY_WINDOW)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)


def test_an_operators_end_is_dropped_at_the_next_opening(hall: Hall) -> None:
    hall.joins()
    hall.operator("end")
    hall.opens(3, lasts=6)
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)


def test_an_operators_wish_with_a_time_of_its_own_holds_over_the_close(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=6)
    hall.on_air()
    until = hall.closes_at + 6
    hall.operator("start", until=datetime.fromtimestamp(until, UTC).isoformat())
    hall.closed(after_s=2)
    assert hall.now["on_air"] is True
    hall.off_air()
    assert until - 1 < time.time()
    hall.said(Reason.OPERATOR_EXPIRED)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)


def test_an_operators_end_with_a_time_of_its_own_holds_over_the_opening(hall: Hall) -> None:
    hall.joins()
    hall.opens(4, lasts=14)
    until = hall.opens_at + 5
    hall.operator("end", until=datetime.fromtimestamp(until, UTC).isoformat())
    hall.on_air()
    assert until - 1 < time.time()
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)
