"""Failures: told once, with the reason that VideoSDK gives when it is asked, and never more than ten seconds late."""

import pytest

from tests.e2e.scenarios.scenario_room import Hall
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import LATE_S, wait_until

pytestmark = pytest.mark.process


def test_a_failure_is_told_with_the_reason_that_rest_shows(hall: Hall) -> None:
    hall.joins()
    hall.person_starts()
    hall.on_air()
    hall.sandbox.fail(hall.room, "encoder crashed")
    told = hall.hears("stream.failed")
    assert told["data"]["stream"]["failure"] == "encoder crashed"
    assert told["data"]["previous_state"] == "playable"
    assert hall.now["stream"]["failure"] == "encoder crashed"
    assert len(hall.notices("stream.failed")) == 1


def test_a_failure_of_a_run_that_nothing_names_is_told_with_its_reason_all_the_same(hall: Hall) -> None:
    hall.joins()
    hall.spoil(stream_ids=False)
    hall.person_starts()
    hall.on_air()
    hall.sandbox.fail(hall.room, "encoder crashed")
    assert hall.hears("stream.failed")["data"]["stream"]["failure"] == "encoder crashed"


def test_a_failure_is_told_in_time_although_videosdk_leaves_the_question_without_an_answer(hall: Hall) -> None:
    hall.joins()
    hall.person_starts()
    hall.on_air()
    hall.spoil("active:hang")
    hall.sandbox.fail(hall.room, "encoder crashed")
    told = hall.hears("stream.failed", limit_s=20)
    assert told["data"]["stream"]["failure"] is None
    assert seconds_between(told["data"]["stream"]["ended_at"], told["timestamp"]) <= 10 + LATE_S
    wait_until(lambda: hall.now["stream"]["failure"] == "encoder crashed", 60, "the reason being known after all")
    assert len(hall.notices("stream.failed")) == 1
