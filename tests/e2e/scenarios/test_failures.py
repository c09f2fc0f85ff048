"""Failures: told once, with the reason that VideoSDK gives when it is asked, and never more than ten seconds late."""

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import LATE_S, wait_until

pytestmark = pytest.mark.process


def test_a_failure_is_announced_with_the_reason_from_the_rest_api(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.person_starts()
    scenario.on_air()
    scenario.sandbox.fail(scenario.room, "encoder crashed")
    notice = scenario.receives("stream.failed")
    assert notice["data"]["stream"]["failure"] == "encoder crashed"
    assert notice["data"]["previous_state"] == "playable"
    assert scenario.now["stream"]["failure"] == "encoder crashed"
    assert len(scenario.notices("stream.failed")) == 1


def test_a_failure_of_a_stream_without_id_and_url_is_announced_with_its_reason(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults(stream_ids=False)
    scenario.person_starts()
    scenario.on_air()
    scenario.sandbox.fail(scenario.room, "encoder crashed")
    assert scenario.receives("stream.failed")["data"]["stream"]["failure"] == "encoder crashed"


def test_a_failure_is_announced_in_time_though_videosdk_does_not_answer_the_probe(
    scenario: ScenarioRoom,
) -> None:
    scenario.joins()
    scenario.person_starts()
    scenario.on_air()
    scenario.inject_faults("active:hang")
    scenario.sandbox.fail(scenario.room, "encoder crashed")
    notice = scenario.receives("stream.failed", limit_s=20)
    assert notice["data"]["stream"]["failure"] is None
    assert seconds_between(notice["data"]["stream"]["ended_at"], notice["timestamp"]) <= 10 + LATE_S
    wait_until(lambda: scenario.now["stream"]["failure"] == "encoder crashed", 60, "the reason being known after all")
    assert len(scenario.notices("stream.failed")) == 1
