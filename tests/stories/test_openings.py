"""Openings and closings: rooms that are armed, windows with conditions, people who come, stay and go."""

import time

import pytest
from hall import Hall, seconds_between

pytestmark = pytest.mark.process

WITHIN_S = 1.0
LOST_WITHIN_S = 35.0
TRIES = 3


def test_an_armed_room_goes_on_air_within_a_second_of_its_session(hall: Hall) -> None:
    hall.opens(lasts=40)
    hall.hears("broadcast.armed")
    waited = []
    for nth in range(1, TRIES + 1):
        hall.joins()
        hall.on_air(nth)
        waited.append(seconds_between(hall.event("session-started")["at"], hall.starts[-1]["at"]))
        if waited[-1] <= WITHIN_S:
            break
        hall.leaves()  # a machine that is busy is given another chance
        hall.hears("session.ended", nth)
    assert min(waited) <= WITHIN_S
    hall.closed()
    hall.off_air(len(waited))
    assert hall.broadcasts == ["armed", "completed"]
    assert hall.reason("armed") == "nobody has opened a session yet"
    hall.said("armed: nobody has opened a session")
    hall.said("the window closed: the stream is ended")
    assert hall.desires(None)["state"] == "stopped"


def test_an_armed_room_whose_session_is_not_told_goes_on_air_within_35_seconds(hall: Hall) -> None:
    hall.opens(lasts=50)
    hall.hears("broadcast.armed")
    hall.spoil(drop=["session-*", "participant-*"])
    joined = time.time()
    hall.joins()
    hall.asked("/hls/start", limit_s=60)
    assert time.time() - joined <= LOST_WITHIN_S + WITHIN_S
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert len(hall.runs) == 1
    assert next(item["source"] for item in hall.timeline if "session " in item["effect"]) == "probe"
    assert hall.broadcasts == ["armed", "completed"]


def test_a_session_that_is_told_before_the_opening_is_put_on_air_at_the_opening(hall: Hall) -> None:
    hall.joins()
    hall.opens(6, lasts=8, remind="5s")
    hall.on_air()
    (run,) = hall.runs
    opened = hall.notices("broadcast.upcoming")[0]["data"]["opens_at"]
    assert 0 <= seconds_between(opened, run["started_at"]) < 3
    assert hall.notices("broadcast.upcoming")[0]["data"]["session_live"] is True
    hall.closed()
    hall.off_air()
    assert hall.broadcasts == ["upcoming", "completed"]
    assert len(hall.runs) == 1
