"""Operators: they start, end and release, inside windows and outside, and win while their wish holds."""

import time
from datetime import UTC, datetime

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process


def test_an_operator_starts_and_ends_outside_any_window(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.operator("start")
    scenario.on_air()
    assert scenario.desires(True)["desired"]["because"] == "operator"
    scenario.operator("end")
    scenario.off_air()
    scenario.timeline_shows(explain(Reason.START_SENT, because="operator"))
    scenario.timeline_shows(explain(Reason.END_SENT, because="operator"))
    assert (len(scenario.runs), len(scenario.starts), len(scenario.ends)) == (1, 1, 1)


def test_an_operator_who_releases_leaves_the_stream_alone(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.operator("start")
    scenario.on_air()
    scenario.operator("release")
    assert scenario.desires(None)["on_air"] is True
    scenario.timeline_shows(Reason.OPERATOR_RELEASED)
    scenario.person_stops()
    scenario.off_air()
    assert (len(scenario.starts), len(scenario.ends)) == (1, 1)


def test_an_operator_who_starts_an_empty_room_arms_it(scenario: ScenarioRoom) -> None:
    scenario.operator("start")
    assert scenario.desires(True)["armed"] is True
    scenario.joins()
    scenario.on_air()
    assert scenario.now["armed"] is False


def test_an_operators_end_while_the_stream_is_starting_waits_for_started(scenario: ScenarioRoom) -> None:
    scenario.pace(started_s=5)
    scenario.joins()
    scenario.receives("participant.joined")
    scenario.operator("start")
    scenario.receives("stream.starting")
    scenario.operator("end")
    scenario.off_air()
    scenario.timeline_shows(Reason.WAITING_FOR_STARTED)
    assert [end["status"] for end in scenario.ends] == [200]


def test_an_operators_end_inside_a_window_holds_until_it_closes(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=12)
    scenario.on_air()
    scenario.operator("end")
    scenario.off_air()
    assert scenario.desires(False)["desired"]["because"] == "operator"
    scenario.closed()
    assert scenario.desires(None)
    scenario.timeline_shows(Reason.OPERATOR_ENDED_WITH_WINDOW)
    assert (scenario.broadcasts, len(scenario.starts)) == (["completed"], 1)


def test_an_operator_who_ends_before_it_was_playable_is_the_reason_for_what_was_missed(scenario: ScenarioRoom) -> None:
    scenario.pace(playable_s=600)
    scenario.joins()
    scenario.opens(lasts=8, late_after="4s")
    scenario.receives("stream.started")
    scenario.operator("end")
    scenario.closed()
    assert scenario.reason("late") == scenario.reason("missed") == Reason.OPERATOR_OFF


def test_an_operator_who_releases_inside_a_window_gives_the_room_back_to_it(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=14)
    scenario.on_air()
    scenario.operator("end")
    scenario.off_air()
    scenario.operator("release")
    scenario.on_air(2)
    assert scenario.now["desired"]["because"] == f"rule:{scenario.rule}"
    scenario.closed()
    scenario.off_air(2)
    assert len(scenario.runs) == 2


def test_an_operators_end_holds_against_a_person_who_starts(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.operator("end")
    scenario.person_starts()
    scenario.off_air()
    assert len(scenario.ends) == 1
    scenario.timeline_shows(explain(Reason.END_SENT, because="operator"))
    assert scenario.desires(False)


def test_an_operators_start_is_dropped_at_the_next_opening_and_the_stream_continues(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.operator("start")
    scenario.on_air()
    scenario.opens(3, lasts=6)
    scenario.closed()
    scenario.off_air()
    scenario.timeline_shows(Reason.OPERATOR_SUPERSEDED_BY_WINDOW)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)


def test_an_operators_end_is_dropped_at_the_next_opening(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.operator("end")
    scenario.opens(3, lasts=6)
    scenario.on_air()
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)


def test_an_operators_start_with_a_time_limit_outlasts_the_close(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=6)
    scenario.on_air()
    until = scenario.closes_at + 6
    scenario.operator("start", until=datetime.fromtimestamp(until, UTC).isoformat())
    scenario.closed(after_s=2)
    assert scenario.now["on_air"] is True
    scenario.off_air()
    assert until - 1 < time.time()
    scenario.timeline_shows(Reason.OPERATOR_EXPIRED)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)


def test_an_operators_end_with_a_time_of_its_own_holds_over_the_opening(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(4, lasts=14)
    until = scenario.opens_at + 5
    scenario.operator("end", until=datetime.fromtimestamp(until, UTC).isoformat())
    scenario.on_air()
    assert until - 1 < time.time()
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)
