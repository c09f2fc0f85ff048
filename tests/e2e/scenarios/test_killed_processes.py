"""One process killed at the worst moment: between look and mark, mark and send, send and answer; and the others too.

The sandbox holds each moment of a start open: it delays the answer to a probe, accepts a start and does nothing, or
does it and delays the answer. Then the test kills the process that makes calls.
"""

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import wait_until
from tests.support.product import command_of
from webhook_app.domain.reasons import Reason

pytestmark = [pytest.mark.process, pytest.mark.own_product("isolated")]


def test_a_start_whose_worker_is_killed_between_probe_and_mark_is_decided_again(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults({"path": "active", "fault": "slow", "after_s": 600})
    scenario.opens(lasts=60)
    scenario.wait_for_request("/active")
    strike(scenario)
    scenario.on_air(limit_s=60)
    assert (len(scenario.starts), len(scenario.runs)) == (1, 1)
    scenario.timeline_shows(Reason.CALL_NOT_MADE)
    scenario.closed(limit_s=60)
    scenario.off_air()


@pytest.mark.own_product("gated")
def test_killed_between_mark_and_send_the_start_is_repeated_once_it_is_sure_that_nothing_was_done(
    scenario: ScenarioRoom,
) -> None:
    assert scenario.proxy is not None
    scenario.joins()
    scenario.receives("participant.joined")
    scenario.proxy.shut_after(f"/{scenario.room}/active")
    scenario.opens(lasts=75)
    wait_until(lambda: [call["state"] for call in scenario.calls] == ["sent"], 10, "the mark")
    assert scenario.starts == []
    scenario.kills("call")
    scenario.proxy.open()
    scenario.on_air(limit_s=75)
    assert (len(scenario.starts), len(scenario.runs)) == (1, 1)
    assert [call["state"] for call in scenario.calls] == ["unknown", "succeeded"]
    scenario.timeline_shows(Reason.START_HAD_NO_EFFECT)
    scenario.closed(limit_s=60)
    scenario.off_air()


def test_killed_between_mark_and_work_the_start_is_repeated_once_it_is_sure_that_nothing_was_done(
    scenario: ScenarioRoom,
) -> None:
    scenario.joins()
    scenario.inject_faults("start:hang")
    scenario.opens(lasts=75)
    scenario.wait_for_request("/hls/start")
    strike(scenario)
    scenario.on_air(limit_s=75)
    first, second = (start["at"] for start in scenario.starts)
    assert seconds_between(first, second) >= 25
    assert len(scenario.runs) == 1
    scenario.timeline_shows(Reason.START_HAD_NO_EFFECT)
    scenario.closed(limit_s=60)
    scenario.off_air()


def test_killed_between_work_and_answer_the_start_is_not_repeated(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults({"path": "start", "fault": "slow", "after_s": 600})
    scenario.opens(lasts=40)
    scenario.wait_for_request("/hls/start")
    strike(scenario)
    scenario.on_air()
    scenario.closed(limit_s=60)
    scenario.off_air(limit_s=40)
    assert (len(scenario.starts), len(scenario.runs)) == (1, 1)


def test_killed_between_work_and_answer_of_an_end_the_room_ends_once(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.operator("start")
    scenario.on_air()
    scenario.inject_faults({"path": "end", "fault": "slow", "after_s": 600})
    scenario.operator("end")
    scenario.wait_for_request("/hls/end")
    strike(scenario)
    scenario.off_air(limit_s=60)
    assert (len(scenario.ends), len(scenario.runs)) == (1, 1)


def test_the_clock_is_killed_at_the_opening_and_the_room_goes_on_air_all_the_same(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(5, lasts=20)
    scenario.until(scenario.opens_at - 0.2)
    scenario.kills("clock")
    scenario.on_air()
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs), len(scenario.starts)) == (["completed"], 1, 1)


def test_the_worker_is_killed_at_the_opening_and_the_room_goes_on_air_all_the_same(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(5, lasts=20)
    scenario.until(scenario.opens_at - 0.05)
    scenario.kills("worker")
    scenario.on_air()
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs), len(scenario.starts)) == (["completed"], 1, 1)


def test_the_receiver_is_killed_when_a_session_opens_and_the_room_goes_on_air_all_the_same(
    scenario: ScenarioRoom,
) -> None:
    scenario.opens(3, lasts=30)
    scenario.receives("broadcast.armed")
    scenario.kills("web")
    scenario.joins()
    scenario.on_air(limit_s=30)
    scenario.closed(limit_s=60)
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["armed", "completed"], 1)


def strike(scenario: ScenarioRoom) -> None:
    """Kill the process that makes calls, then let VideoSDK answer as usual."""
    pid = scenario.product.pids()["call"]
    scenario.product.kill(pid)
    wait_until(lambda: not command_of(pid), 5, f"the end of process {pid}")
    scenario.inject_faults()
