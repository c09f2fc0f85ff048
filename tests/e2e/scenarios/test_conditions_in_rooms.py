"""Rules that watch a room's state: empty rooms are ended, slow and silent ones are told of, after a while only."""

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.pauses import assert_holds_for
from tests.support.polling import LATE_S
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process

EMPTY = "room.on_air && room.session.participant_count == 0"


def stays_on_air(scenario: ScenarioRoom) -> bool:
    return scenario.now["state"] == "playable" and not scenario.ends


def test_an_empty_room_is_ended_after_its_participants_were_probed(scenario: ScenarioRoom) -> None:
    scenario.puts_rule(scenario.rule, when=EMPTY, **{"for": "3s"}, do="end")
    scenario.joins()
    scenario.receives("participant.joined")
    scenario.operator("start")
    scenario.on_air()
    scenario.operator("release")
    scenario.leaves(keep=True)
    scenario.off_air()
    left, ended = scenario.event("participant-left")["at"], scenario.ends[0]["at"]
    assert 2.9 <= seconds_between(left, ended) <= 10 + LATE_S
    scenario.timeline_shows(Reason.RULE_BEGAN_TO_HOLD)
    scenario.timeline_shows(Reason.RULE_VERIFYING)
    assert len(scenario.ends) == 1


def test_a_room_that_only_seems_empty_stays_on_air(scenario: ScenarioRoom) -> None:
    scenario.puts_rule(scenario.rule, when=EMPTY, **{"for": "3s"}, do="end")
    scenario.joins()
    scenario.receives("participant.joined")
    scenario.person_starts()
    scenario.on_air()
    scenario.inject_faults(drop=["participant-joined"])
    scenario.joins("grace", "Grace")
    scenario.leaves("ada", keep=True)
    scenario.receives("participant.joined", 2)
    assert_holds_for(3, lambda: stays_on_air(scenario), "on air without an end")
    scenario.timeline_shows(Reason.RULE_NO_LONGER_HOLDS)


def test_a_participant_who_returns_in_time_keeps_the_room_on_air(scenario: ScenarioRoom) -> None:
    scenario.puts_rule(scenario.rule, when=EMPTY, **{"for": "4s"}, do="end")
    scenario.joins()
    scenario.receives("participant.joined")
    scenario.person_starts()
    scenario.on_air()
    scenario.leaves(keep=True)
    scenario.receives("participant.left")
    scenario.joins()
    assert_holds_for(6, lambda: stays_on_air(scenario), "on air without an end")
    scenario.timeline_shows(Reason.RULE_NO_LONGER_HOLDS)


def test_a_slow_start_is_notified_with_the_rooms_name(scenario: ScenarioRoom) -> None:
    message = "{room.room_id} has been {room.state} for a while"
    scenario.puts_rule(scenario.rule, when='room.state == "starting"', **{"for": "3s"}, do="notify", message=message)
    scenario.pace(started_s=6)
    scenario.joins()
    scenario.receives("participant.joined")
    scenario.operator("start")
    notice = scenario.receives(f"rule.{scenario.rule}")
    assert notice["data"]["message"] == f"{scenario.room} has been starting for a while"
    scenario.on_air()
    assert len(scenario.notices(f"rule.{scenario.rule}")) == 1


def test_a_long_wait_for_a_session_is_notified(scenario: ScenarioRoom) -> None:
    scenario.puts_rule(f"{scenario.rule}-waits", when="room.armed", **{"for": "3s"}, do="notify", message="nobody came")
    scenario.opens(lasts=15)
    notice = scenario.receives(f"rule.{scenario.rule}-waits")
    assert notice["data"]["message"] == "nobody came"
    scenario.joins()
    scenario.on_air()
    scenario.closed()
    scenario.off_air()
    assert scenario.broadcasts == ["armed", "completed"]


def test_the_next_opening_can_be_passed_over(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(5, lasts=6)
    scenario.rule_is("skip-next")
    scenario.until(scenario.opens_at + 3)
    assert (scenario.starts, scenario.now["desired"], scenario.broadcasts) == ([], None, [])
    scenario.timeline_shows(Reason.OCCURRENCE_SKIPPED)


def test_a_host_who_joins_puts_the_room_on_air_and_whose_leaving_ends_it(scenario: ScenarioRoom) -> None:
    host = 'event.data.participantName.startsWith("Host")'
    scenario.puts_rule(f"{scenario.rule}-in", on="participant-joined", if_=host, do="start")
    scenario.puts_rule(f"{scenario.rule}-out", on="participant-left", if_=host, do="end")
    scenario.joins("grace", "Grace")
    scenario.joins("ada", "Host Ada")
    scenario.on_air()
    scenario.leaves("ada")
    scenario.off_air()
    assert (len(scenario.runs), len(scenario.starts), len(scenario.ends)) == (1, 1, 1)
    scenario.timeline_shows(explain(Reason.START_SENT, because=f"rule:{scenario.rule}-in"))
    scenario.timeline_shows(explain(Reason.END_SENT, because=f"rule:{scenario.rule}-out"))
