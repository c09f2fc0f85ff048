"""A process is killed at each point of an output's life, and the output is on once, from its opening to its close.

The process that makes calls dies before the mark, between mark and send, and after the send: see
`test_killed_processes` for how the sandbox holds each moment open. The reduce worker dies at the opening; for its other
points see `test_killed_reducers`.
"""

from functools import partial

import pytest

from tests.e2e.scenarios.output_room import PATHS, OutputRoom
from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.test_killed_processes import strike
from tests.support.polling import wait_until
from webhook_app.domain.alarms.alarm import AlarmName

pytestmark = [pytest.mark.process, pytest.mark.own_product("isolated")]


@pytest.fixture(params=["recording", "rtmp"])
def room(request: pytest.FixtureRequest, scenario: ScenarioRoom) -> OutputRoom:
    return OutputRoom(scenario, request.param)


def test_killed_before_the_mark_the_start_is_decided_again(room: OutputRoom) -> None:
    room.scenario.joins()
    room.scenario.receives("participant.joined")
    room.inject_faults({"path": "list", "fault": "slow", "after_s": 600})
    room.operator("start")
    room.scenario.wait_for_request(f"/{PATHS[room.output]}")
    strike(room.scenario)
    room.on(limit_s=60)
    assert (len(room.starts), len(room.runs)) == (1, 1)


@pytest.mark.own_product("gated")
def test_killed_between_mark_and_send_the_starts_are_given_up_and_an_operator_repeats_them(
    scenario: ScenarioRoom,
) -> None:
    assert scenario.proxy is not None
    rooms = [OutputRoom(scenario, output) for output in ("recording", "rtmp")]
    scenario.joins()
    scenario.receives("participant.joined")
    for room in rooms:
        scenario.proxy.shut_after(f"/{PATHS[room.output]}")
        room.operator("start")
        wait_until(partial(is_marked, room), 10, "the mark")
        assert room.starts == []
        strike(scenario)
        scenario.proxy.open()
    scenario.receives("call.given-up", 2, limit_s=180)
    assert [(room.starts, room.alarms) for room in rooms] == [([], [AlarmName.START_UNKNOWN] * 2)] * 2
    for room in rooms:
        room.operator("start")
        room.on()
        assert ([call["state"] for call in room.calls], len(room.starts)) == (["given-up", "succeeded"], 1)
    assert (len(scenario.runs), rooms[0].alarms) == (2, [])
    scenario.assert_replayed()


def test_killed_after_the_send_of_an_end_it_ends_once(room: OutputRoom) -> None:
    room.scenario.joins()
    room.operator("start")
    room.on()
    room.inject_faults({"path": "end", "fault": "slow", "after_s": 600})
    room.operator("end")
    room.scenario.wait_for_request(f"/{PATHS[room.output]}/end")
    strike(room.scenario)
    room.off(limit_s=60)
    assert (len(room.ends), len(room.runs), room.view["state"]) == (1, 1, "stopped")
    room.scenario.assert_replayed()


def test_killed_after_the_send_the_start_is_not_repeated(room: OutputRoom) -> None:
    room.scenario.joins()
    room.inject_faults({"path": "start", "fault": "slow", "after_s": 600})
    room.opens(lasts=40)
    room.wait_for_start()
    strike(room.scenario)
    room.on(limit_s=60)
    room.scenario.closed(limit_s=60)
    room.off(limit_s=40)
    assert (len(room.starts), len(room.runs)) == (1, 1)
    room.scenario.assert_replayed()


def test_the_worker_is_killed_at_the_opening_and_the_output_starts_all_the_same(room: OutputRoom) -> None:
    room.scenario.joins()
    room.opens(5, lasts=20)
    room.scenario.until(room.scenario.opens_at - 0.05)
    room.scenario.kills("worker")
    room.on(limit_s=40)
    room.scenario.closed()
    room.off()
    assert (room.scenario.broadcasts, len(room.starts), len(room.runs)) == (["completed"], 1, 1)


def is_marked(room: OutputRoom) -> bool:
    """Whether the output's first call may have been sent."""
    return [call["state"] for call in room.calls] == ["sent"]
