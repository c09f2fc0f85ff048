"""Webhooks that name no run, as VideoSDK documents them; and webhooks that come late, twice, mixed up or not at all."""

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.support.polling import wait_until

pytestmark = pytest.mark.process

BARE = {"stream_ids": False}


def test_a_window_whose_webhooks_lack_ids_is_one_stream_from_opening_to_close(scenario: ScenarioRoom) -> None:
    scenario.inject_faults(**BARE)
    scenario.joins()
    scenario.opens(lasts=10)
    scenario.on_air()
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs), len(scenario.ends)) == (["completed"], 1, 1)
    assert scenario.now["stream"]["videosdk_id"] == scenario.runs[0]["id"]
    assert scenario.desires(None)


def test_a_stream_that_breaks_is_started_again_and_the_second_is_ended_at_the_close(scenario: ScenarioRoom) -> None:
    scenario.inject_faults(**BARE)
    scenario.joins()
    scenario.opens(lasts=18)
    scenario.on_air()
    scenario.breaks()
    scenario.receives("stream.failed")
    scenario.on_air(2)
    scenario.closed()
    scenario.off_air(limit_s=40)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 2)
    assert scenario.desires(None)["state"] == "stopped"


def test_a_persons_stop_of_a_sessions_second_stream_is_respected(scenario: ScenarioRoom) -> None:
    scenario.inject_faults(**BARE)
    scenario.joins()
    scenario.opens(lasts=24)
    scenario.on_air()
    scenario.breaks()
    scenario.on_air(2)
    scenario.person_stops()
    scenario.receives("broadcast.interrupted")
    scenario.closed(after_s=2)
    assert (scenario.broadcasts, len(scenario.runs)) == (["interrupted", "completed"], 2)


def test_a_stream_renewed_with_webhooks_without_ids_is_never_two(scenario: ScenarioRoom) -> None:
    scenario.inject_faults(**BARE)
    scenario.joins()
    scenario.opens(lasts=24, max_run="6s")
    scenario.on_air(2, limit_s=30)
    scenario.closed()
    wait_until(lambda: all(run["ended_at"] for run in scenario.runs), 40, "the end of every run")
    assert len(scenario.runs) >= 2
    assert scenario.broadcasts == ["completed"]


def test_each_of_an_operators_repeated_starts_makes_one_stream(scenario: ScenarioRoom) -> None:
    scenario.inject_faults(**BARE)
    scenario.joins()
    scenario.receives("participant.joined")
    for nth in range(1, 4):
        scenario.operator("start")
        scenario.on_air(nth, limit_s=40)
        scenario.operator("end")
        scenario.off_air(nth, limit_s=40)
    assert (len(scenario.runs), len(scenario.starts), len(scenario.ends)) == (3, 3, 3)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("nth", range(4))
def test_in_a_storm_of_lost_late_and_doubled_webhooks_the_window_is_kept(
    scenario: ScenarioRoom, nth: int, named: bool
) -> None:
    scenario.inject_faults(
        drop={"probability": 0.3, "types": ["hls-*", "session-*", "participant-*"]},
        repeat=0.4,
        reorder=0.4,
        delay_s=0.2 * nth,
        stream_ids=named,
    )
    scenario.joins()
    scenario.opens(5, lasts=45, late_after="40s")
    wait_until(lambda: [run["state"] for run in scenario.runs][-1:] == ["playable"], 40, "a run")
    scenario.breaks()
    scenario.until(scenario.closes_at)
    wait_until(
        lambda: len(scenario.runs) >= 1 and all(run["ended_at"] for run in scenario.runs), 60, "the end of every run"
    )
    wait_until(
        lambda: scenario.now["desired"] is None and not scenario.now["on_air"], 110, "the room being off and left alone"
    )
    assert all(start["status"] != 409 for start in scenario.starts)
