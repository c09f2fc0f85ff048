"""The reduce worker is killed at each event of an output's window, before it is committed or before its wake-ups."""

import pytest

from tests.e2e.scenarios.output_room import WEBHOOKS, OutputRoom
from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.support.held_reducer import Moment, Point, kill_at, suspended_worker

pytestmark = [pytest.mark.process, pytest.mark.own_product("isolated")]

# The events of a window in their order; between two of the same kind, one dies before and one after the commit.
MOMENTS = (
    ("timer:window", Point.FOLDED),
    ("start-succeeded", Point.FOLDED),
    ("{webhook}-started", Point.COMMITTED),
    ("timer:window", Point.COMMITTED),
    ("end-succeeded", Point.COMMITTED),
    ("{webhook}-stopped", Point.FOLDED),
)


@pytest.mark.parametrize("output", ["hls", "recording", "rtmp"])
def test_killed_at_each_event_of_a_window_the_output_is_on_once(scenario: ScenarioRoom, output: str) -> None:
    room, webhook = OutputRoom(scenario, output), WEBHOOKS[output]
    moments = [Moment(event.format(webhook=webhook), point) for event, point in MOMENTS]
    scenario.pace(started_s=2, stopped_s=2)
    scenario.joins()
    scenario.receives("participant.joined")
    room.opens(6, lasts=20)
    with suspended_worker(scenario.product):
        kill_at(scenario.product, scenario.room, moments, limit_s=60)
    room.on()
    room.off()
    scenario.closed()
    assert (scenario.broadcasts, len(room.starts), len(room.runs), len(room.ends)) == (["completed"], 1, 1, 1)
    assert room.view["state"] == "stopped"
    scenario.assert_replayed()
