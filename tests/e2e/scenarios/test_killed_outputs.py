"""A process is killed while a recording or an RTMP stream is started: before the mark, after the send, at the opening.

See `test_killed_processes` for how the sandbox holds each moment open.
"""

import pytest

from tests.e2e.scenarios.output_room import OutputRoom
from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.test_killed_processes import strike

pytestmark = [pytest.mark.process, pytest.mark.own_product("isolated")]


@pytest.fixture(params=["recording", "rtmp"])
def room(request: pytest.FixtureRequest, scenario: ScenarioRoom) -> OutputRoom:
    return OutputRoom(scenario, request.param)


def test_killed_before_the_mark_the_start_is_decided_again(room: OutputRoom) -> None:
    room.scenario.joins()
    room.scenario.receives("participant.joined")
    room.inject_faults({"path": "list", "fault": "slow", "after_s": 600})
    room.operator("start")
    room.scenario.wait_for_request({"recording": "/recordings", "rtmp": "/livestreams"}[room.output])
    strike(room.scenario)
    room.on(limit_s=60)
    assert (len(room.starts), len(room.runs)) == (1, 1)


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


def test_the_worker_is_killed_at_the_opening_and_the_output_starts_all_the_same(room: OutputRoom) -> None:
    room.scenario.joins()
    room.opens(5, lasts=20)
    room.scenario.until(room.scenario.opens_at - 0.05)
    room.scenario.kills("worker")
    room.on(limit_s=40)
    room.scenario.closed()
    room.off()
    assert (room.scenario.broadcasts, len(room.starts), len(room.runs)) == (["completed"], 1, 1)
