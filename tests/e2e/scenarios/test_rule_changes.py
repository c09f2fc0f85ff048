"""Rules that change while their window is open, and rules that want opposite things of one room."""

import time

import pytest

from tests.e2e.scenarios.scenario_room import Hall
from tests.e2e.scenarios.waiting import wall_clock
from tests.support.polling import wait_until
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process

HIGH = {"config": {"layout": {"type": "GRID", "priority": "SPEAKER"}, "quality": "high"}}


@pytest.mark.parametrize("change", ["pause", "delete"])
def test_a_rule_that_goes_while_its_window_is_open_leaves_the_stream_alone(hall: Hall, change: str) -> None:
    hall.joins()
    hall.opens(lasts=8)
    hall.on_air()
    hall.rule_is(change)
    assert hall.desires(None)["on_air"] is True
    hall.until(hall.closes_at + 3)
    hall.said(Reason.WINDOW_RULE_GONE)
    assert (hall.ends, hall.broadcasts, hall.now["state"]) == ([], [], "playable")


def test_a_rule_that_is_resumed_inside_its_window_takes_the_room_again(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=12)
    hall.on_air()
    hall.rule_is("pause")
    hall.desires(None)
    hall.rule_is("resume")
    hall.desires(True)
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)


def test_a_rule_that_leaves_the_room_leaves_its_stream_alone(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=10)
    hall.on_air()
    schedule = {"at": [wall_clock(hall.opens_at)], "duration": "10s"}
    hall.one.put_rule(hall.rule, rooms=[f"{hall.room}-another"], schedule=schedule)
    assert hall.desires(None)["on_air"] is True
    hall.until(hall.closes_at + 2)
    assert (hall.ends, hall.broadcasts, hall.now["state"]) == ([], [], "playable")


def test_two_rules_share_a_window_and_one_that_is_paused_leaves_it_to_the_other(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=12)
    hall.puts_rule(f"{hall.rule}-too", schedule={"at": [wall_clock(hall.opens_at)], "duration": "12s"})
    hall.on_air()
    hall.rule_is("pause")
    wait_until(lambda: hall.now["desired"]["because"] == f"rule:{hall.rule}-too", 10, "the other rule's wish")
    hall.until(hall.closes_at)
    hall.off_air()
    assert [notice["data"]["rule"] for notice in hall.notices("broadcast.completed")] == [f"{hall.rule}-too"]
    assert (len(hall.runs), len(hall.starts), len(hall.ends)) == (1, 1, 1)


def test_a_stream_that_an_event_rule_wanted_is_started_again_when_it_breaks(hall: Hall) -> None:
    hall.puts_rule(hall.rule, on="participant-joined", do="start")
    hall.joins()
    hall.on_air()
    hall.breaks()
    hall.on_air(2)
    hall.person_stops()
    hall.off_air()
    assert hall.desires(None)
    hall.said(Reason.STOPPED_BY_SOMEBODY)
    assert len(hall.starts) == 2


def test_a_window_that_is_made_longer_goes_on(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=6)
    hall.on_air()
    first = hall.closes_at
    hall.lasts(12)
    hall.until(first + 2)
    assert hall.now["on_air"] is True
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)


def test_a_window_that_is_made_shorter_closes_earlier(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=300)
    hall.on_air()
    hall.lasts(6)
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)


def test_another_start_inside_the_window_replaces_the_run_and_never_are_there_two(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=14)
    hall.on_air()
    hall.lasts(14, start=HIGH)
    hall.on_air(2)
    hall.said(Reason.WINDOW_OTHER_START)
    hall.closed()
    hall.off_air(2)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 2)


def test_an_event_rule_that_wants_the_room_off_loses_to_a_window_and_the_timeline_says_so(hall: Hall) -> None:
    hall.joins()
    ender = f"{hall.rule}-ender"
    hall.puts_rule(ender, on="participant-left", do="end")
    hall.joins("grace", "Grace")
    hall.opens(lasts=10)
    hall.on_air()
    hall.leaves("grace")
    hall.hears("participant.left")
    hall.until(time.time() + 3)
    assert hall.now["on_air"] is True
    lost = [one for one in hall.event("participant-left")["decisions"] if one["rule"] == ender]
    assert [one["did"] for one in lost] == [f"Matched: end wanted, but the schedule {hall.rule} wins"]
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs), len(hall.ends)) == (["completed"], 1, 1)


def test_of_two_event_rules_the_newest_wish_wins_and_the_timeline_says_so(hall: Hall) -> None:
    starter, ender = f"{hall.rule}-a", f"{hall.rule}-b"
    hall.puts_rule(starter, on="participant-joined", do="start", if_='event.data.participantName.startsWith("Host")')
    hall.puts_rule(ender, on="participant-joined", do="end", if_='event.data.participantName == "Guard"')
    hall.joins()
    hall.on_air()
    hall.joins("guard", "Guard")
    hall.off_air()
    hall.said(f"Matched: end wanted, newer than what {starter} wants")
    assert (len(hall.runs), len(hall.ends)) == (1, 1)
    assert hall.desires(None)


def test_two_rules_that_want_opposite_things_at_one_event_make_one_call_at_most(hall: Hall) -> None:
    starter, ender = f"{hall.rule}-a", f"{hall.rule}-b"
    hall.puts_rule(starter, on="session.started", do="start")
    hall.puts_rule(ender, on="session.started", do="end")
    hall.joins()
    hall.hears("session.started")
    hall.until(time.time() + 4)
    did = [(one["rule"], one["did"]) for one in hall.event("session-started")["decisions"]]
    assert (starter, "Matched: start wanted") in did
    assert any(rule == ender for rule, _ in did)
    assert len(hall.runs) <= 1


def test_an_operator_wins_over_an_event_rule_and_the_timeline_says_so(hall: Hall) -> None:
    hall.puts_rule(f"{hall.rule}-ender", on="participant-left", do="end")
    hall.joins()
    hall.joins("grace", "Grace")
    hall.operator("start")
    hall.on_air()
    hall.leaves("grace")
    hall.hears("participant.left")
    hall.said(Reason.RULE_OPERATOR_WINS)
    hall.until(time.time() + 2)
    assert (hall.ends, hall.now["state"]) == ([], "playable")
    hall.operator("end")
    hall.off_air()


def test_a_rule_that_cools_down_acts_once_and_says_why_not_again(hall: Hall) -> None:
    hall.puts_rule(f"{hall.rule}-told", on="participant-joined", do="notify", cooldown="1h", message="hello")
    for nth in range(3):
        hall.joins(f"p{nth}")
    hall.hears("participant.joined", 3)
    hall.said(Reason.RULE_COOLING_DOWN, 2)
    assert len(hall.notices(f"rule.{hall.rule}-told")) == 1


def test_a_rule_that_chases_its_own_tail_is_bounded(hall: Hall) -> None:
    hall.puts_rule(f"{hall.rule}-off", on="stream.playable", do="end")
    hall.puts_rule(f"{hall.rule}-again", on="stream.stopped", do="start")
    hall.joins()
    hall.hears("participant.joined")
    hall.person_starts()
    wait_until(lambda: any("it has acted 12 times within a minute" in did for did in hall.decisions), 60, "the bound")
    hall.rule_is_gone(f"{hall.rule}-off")
    hall.rule_is_gone(f"{hall.rule}-again")
    assert len(hall.runs) <= 26
