"""Rules that watch a room's state: empty rooms are ended, slow and silent ones are told of, after a while only."""

import time

import pytest

from tests.e2e.scenarios.scenario_room import Hall
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import LATE_S
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process

EMPTY = "room.on_air && room.session.participant_count == 0"


def test_an_empty_room_is_ended_after_videosdk_was_asked_who_is_there(hall: Hall) -> None:
    hall.puts_rule(hall.rule, when=EMPTY, **{"for": "3s"}, do="end")
    hall.joins()
    hall.hears("participant.joined")
    hall.operator("start")
    hall.on_air()
    hall.operator("release")
    hall.leaves(keep=True)
    hall.off_air()
    left, ended = hall.event("participant-left")["at"], hall.ends[0]["at"]
    assert 2.9 <= seconds_between(left, ended) <= 10 + LATE_S
    hall.said(Reason.RULE_BEGAN_TO_HOLD)
    hall.said(Reason.RULE_VERIFYING)
    assert len(hall.ends) == 1


def test_a_room_that_is_thought_empty_and_is_not_stays_on_air(hall: Hall) -> None:
    hall.puts_rule(hall.rule, when=EMPTY, **{"for": "3s"}, do="end")
    hall.joins()
    hall.hears("participant.joined")
    hall.person_starts()
    hall.on_air()
    hall.spoil(drop=["participant-joined"])
    hall.joins("grace", "Grace")
    hall.leaves("ada", keep=True)
    hall.hears("participant.joined", 2)
    time.sleep(3)
    assert (hall.now["state"], hall.ends) == ("playable", [])
    hall.said(Reason.RULE_NO_LONGER_HOLDS)


def test_somebody_who_comes_back_in_time_stops_the_waiting(hall: Hall) -> None:
    hall.puts_rule(hall.rule, when=EMPTY, **{"for": "4s"}, do="end")
    hall.joins()
    hall.hears("participant.joined")
    hall.person_starts()
    hall.on_air()
    hall.leaves(keep=True)
    time.sleep(1)
    hall.joins()
    time.sleep(6)
    assert (hall.now["state"], hall.ends) == ("playable", [])
    hall.said(Reason.RULE_NO_LONGER_HOLDS)


def test_a_stream_that_starts_slowly_is_told_of_by_name(hall: Hall) -> None:
    message = "{room.room_id} has been {room.state} for a while"
    hall.puts_rule(hall.rule, when='room.state == "starting"', **{"for": "3s"}, do="notify", message=message)
    hall.pace(started_s=6)
    hall.joins()
    hall.hears("participant.joined")
    hall.operator("start")
    told = hall.hears(f"rule.{hall.rule}")
    assert told["data"]["message"] == f"{hall.room} has been starting for a while"
    hall.on_air()
    assert len(hall.notices(f"rule.{hall.rule}")) == 1


def test_a_room_that_waits_too_long_for_its_session_is_told_of(hall: Hall) -> None:
    hall.puts_rule(f"{hall.rule}-waits", when="room.armed", **{"for": "3s"}, do="notify", message="nobody came")
    hall.opens(lasts=15)
    told = hall.hears(f"rule.{hall.rule}-waits")
    assert told["data"]["message"] == "nobody came"
    hall.joins()
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert hall.broadcasts == ["armed", "completed"]


def test_the_next_opening_can_be_passed_over(hall: Hall) -> None:
    hall.joins()
    hall.opens(5, lasts=6)
    hall.rule_is("skip-next")
    hall.until(hall.opens_at + 3)
    assert (hall.starts, hall.now["desired"], hall.broadcasts) == ([], None, [])
    hall.said(Reason.OCCURRENCE_SKIPPED)


def test_a_host_who_joins_puts_the_room_on_air_and_whose_leaving_ends_it(hall: Hall) -> None:
    host = 'event.data.participantName.startsWith("Host")'
    hall.puts_rule(f"{hall.rule}-in", on="participant-joined", if_=host, do="start")
    hall.puts_rule(f"{hall.rule}-out", on="participant-left", if_=host, do="end")
    hall.joins("grace", "Grace")
    hall.joins("ada", "Host Ada")
    hall.on_air()
    hall.leaves("ada")
    hall.off_air()
    assert (len(hall.runs), len(hall.starts), len(hall.ends)) == (1, 1, 1)
    hall.said(f"because of rule:{hall.rule}-in")
    hall.said(f"because of rule:{hall.rule}-out")
