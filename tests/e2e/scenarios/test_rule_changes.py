"""Rules that change while their window is open, and rules that want opposite things of one room."""

import time

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.waiting import wall_clock
from tests.support.polling import wait_until
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process

HIGH = {"config": {"layout": {"type": "GRID", "priority": "SPEAKER"}, "quality": "high"}}


@pytest.mark.parametrize("change", ["pause", "delete"])
def test_a_rule_that_goes_while_its_window_is_open_leaves_the_stream_alone(scenario: ScenarioRoom, change: str) -> None:
    scenario.joins()
    scenario.opens(lasts=8)
    scenario.on_air()
    scenario.rule_is(change)
    assert scenario.desires(None)["on_air"] is True
    scenario.until(scenario.closes_at + 3)
    scenario.timeline_shows(Reason.WINDOW_RULE_GONE)
    assert (scenario.ends, scenario.broadcasts, scenario.now["state"]) == ([], [], "playable")


def test_a_rule_that_is_resumed_inside_its_window_takes_the_room_again(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=12)
    scenario.on_air()
    scenario.rule_is("pause")
    scenario.desires(None)
    scenario.rule_is("resume")
    scenario.desires(True)
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)


def test_a_rule_that_leaves_the_room_leaves_its_stream_alone(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=10)
    scenario.on_air()
    schedule = {"at": [wall_clock(scenario.opens_at)], "duration": "10s"}
    scenario.product.put_rule(scenario.rule, rooms=[f"{scenario.room}-another"], schedule=schedule)
    assert scenario.desires(None)["on_air"] is True
    scenario.until(scenario.closes_at + 2)
    assert (scenario.ends, scenario.broadcasts, scenario.now["state"]) == ([], [], "playable")


def test_two_rules_share_a_window_and_one_that_is_paused_leaves_it_to_the_other(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=12)
    scenario.puts_rule(f"{scenario.rule}-too", schedule={"at": [wall_clock(scenario.opens_at)], "duration": "12s"})
    scenario.on_air()
    scenario.rule_is("pause")
    wait_until(lambda: scenario.now["desired"]["because"] == f"rule:{scenario.rule}-too", 10, "the other rule's wish")
    scenario.until(scenario.closes_at)
    scenario.off_air()
    assert [notice["data"]["rule"] for notice in scenario.notices("broadcast.completed")] == [f"{scenario.rule}-too"]
    assert (len(scenario.runs), len(scenario.starts), len(scenario.ends)) == (1, 1, 1)


def test_a_stream_that_an_event_rule_wanted_is_started_again_when_it_breaks(scenario: ScenarioRoom) -> None:
    scenario.puts_rule(scenario.rule, on="participant-joined", do="start")
    scenario.joins()
    scenario.on_air()
    scenario.breaks()
    scenario.on_air(2)
    scenario.person_stops()
    scenario.off_air()
    assert scenario.desires(None)
    scenario.timeline_shows(Reason.STOPPED_BY_SOMEBODY)
    assert len(scenario.starts) == 2


def test_a_window_that_is_extended_continues(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=6)
    scenario.on_air()
    first = scenario.closes_at
    scenario.lasts(12)
    scenario.until(first + 2)
    assert scenario.now["on_air"] is True
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)


def test_a_window_that_is_shortened_closes_earlier(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=300)
    scenario.on_air()
    scenario.lasts(6)
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)


def test_changed_start_options_inside_a_window_replace_the_stream_and_never_run_two(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=14)
    scenario.on_air()
    scenario.lasts(14, start=HIGH)
    scenario.on_air(2)
    scenario.timeline_shows(Reason.WINDOW_OTHER_START)
    scenario.closed()
    scenario.off_air(2)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 2)


def test_an_event_rule_that_wants_the_room_off_loses_to_a_window_and_the_timeline_says_so(
    scenario: ScenarioRoom,
) -> None:
    scenario.joins()
    ender = f"{scenario.rule}-ender"
    scenario.puts_rule(ender, on="participant-left", do="end")
    scenario.joins("grace", "Grace")
    scenario.opens(lasts=10)
    scenario.on_air()
    scenario.leaves("grace")
    scenario.receives("participant.left")
    scenario.until(time.time() + 3)
    assert scenario.now["on_air"] is True
    lost = [decision for decision in scenario.event("participant-left")["decisions"] if decision["rule"] == ender]
    assert [decision["reason"] for decision in lost] == [Reason.RULE_SCHEDULE_WINS]
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs), len(scenario.ends)) == (["completed"], 1, 1)


def test_the_newest_of_two_event_rules_wins_and_the_timeline_says_so(scenario: ScenarioRoom) -> None:
    starter, ender = f"{scenario.rule}-a", f"{scenario.rule}-b"
    scenario.puts_rule(
        starter, on="participant-joined", do="start", if_='event.data.participantName.startsWith("Host")'
    )
    scenario.puts_rule(ender, on="participant-joined", do="end", if_='event.data.participantName == "Guard"')
    scenario.joins()
    scenario.on_air()
    scenario.joins("guard", "Guard")
    scenario.off_air()
    scenario.timeline_shows(explain(Reason.RULE_NEWER, action="end", loser=starter))
    assert (len(scenario.runs), len(scenario.ends)) == (1, 1)
    assert scenario.desires(None)


def test_two_rules_that_want_opposite_things_at_one_event_make_one_call_at_most(scenario: ScenarioRoom) -> None:
    starter, ender = f"{scenario.rule}-a", f"{scenario.rule}-b"
    scenario.puts_rule(starter, on="session.started", do="start")
    scenario.puts_rule(ender, on="session.started", do="end")
    scenario.joins()
    scenario.receives("session.started")
    scenario.until(time.time() + 4)
    did = [(decision["rule"], decision["reason"]) for decision in scenario.event("session-started")["decisions"]]
    assert (starter, Reason.RULE_MATCHED) in did
    assert any(rule == ender for rule, _ in did)
    assert len(scenario.runs) <= 1


def test_an_operator_wins_over_an_event_rule_and_the_timeline_says_so(scenario: ScenarioRoom) -> None:
    scenario.puts_rule(f"{scenario.rule}-ender", on="participant-left", do="end")
    scenario.joins()
    scenario.joins("grace", "Grace")
    scenario.operator("start")
    scenario.on_air()
    scenario.leaves("grace")
    scenario.receives("participant.left")
    scenario.timeline_shows(Reason.RULE_OPERATOR_WINS)
    scenario.until(time.time() + 2)
    assert (scenario.ends, scenario.now["state"]) == ([], "playable")
    scenario.operator("end")
    scenario.off_air()


def test_a_rule_that_cools_down_acts_once_and_says_why_not_again(scenario: ScenarioRoom) -> None:
    scenario.puts_rule(f"{scenario.rule}-told", on="participant-joined", do="notify", cooldown="1h", message="hello")
    for nth in range(3):
        scenario.joins(f"p{nth}")
    scenario.receives("participant.joined", 3)
    scenario.timeline_shows(Reason.RULE_COOLING_DOWN, 2)
    assert len(scenario.notices(f"rule.{scenario.rule}-told")) == 1


def test_a_rule_that_chases_its_own_tail_is_bounded(scenario: ScenarioRoom) -> None:
    scenario.puts_rule(f"{scenario.rule}-off", on="stream.playable", do="end")
    scenario.puts_rule(f"{scenario.rule}-again", on="stream.stopped", do="start")
    scenario.joins()
    scenario.receives("participant.joined")
    scenario.person_starts()
    wait_until(
        lambda: any("it has acted 12 times within a minute" in did for did in scenario.decisions), 60, "the bound"
    )
    scenario.rule_is_gone(f"{scenario.rule}-off")
    scenario.rule_is_gone(f"{scenario.rule}-again")
    assert len(scenario.runs) <= 26
