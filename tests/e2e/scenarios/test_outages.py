"""The product down: every process is killed, and started again after an opening, a close or a whole window.

In each scenario every process is killed with `kill -9` at `scenario.down_at` and started again at `scenario.up_at`.
"""

import time
from datetime import UTC, datetime

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.pauses import assert_holds_for
from tests.support.polling import wait_until
from webhook_app.domain.reasons import Reason

pytestmark = [pytest.mark.process, pytest.mark.own_product("outage")]

UP_AGAIN_S = 60.0


def test_down_over_the_opening_the_window_is_entered_late(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(at=scenario.down_at + 5, lasts=45, late_after="5s")
    scenario.on_air(limit_s=UP_AGAIN_S)
    scenario.timeline_shows(Reason.WINDOW_ENTERED_LATE)
    scenario.closed()
    scenario.off_air()
    assert scenario.broadcasts == ["late", "completed"]
    assert (len(scenario.runs), len(scenario.starts)) == (1, 1)


def test_down_over_the_close_the_stream_is_ended_afterwards(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=2)
    scenario.lasts(scenario.down_at + 6 - scenario.opens_at)
    scenario.on_air()
    scenario.off_air(limit_s=UP_AGAIN_S + 30)
    assert scenario.closes_at < scenario.up_at
    assert scenario.broadcasts == ["completed"]
    assert (len(scenario.runs), len(scenario.ends)) == (1, 1)
    assert scenario.desires(None)


def test_down_over_a_whole_window_it_is_missed_and_nothing_is_started(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(at=scenario.down_at + 4, lasts=8)
    scenario.receives("broadcast.missed", limit_s=UP_AGAIN_S + 30)
    assert scenario.reason("missed") == Reason.NOT_RUNNING
    assert scenario.starts == []
    assert scenario.desires(None)


def test_down_while_somebody_opens_a_session_whose_webhook_is_lost(scenario: ScenarioRoom) -> None:
    scenario.opens(lasts=2)
    scenario.lasts(scenario.up_at + 40 - scenario.opens_at)
    scenario.receives("broadcast.armed")
    scenario.until(scenario.down_at + 5)
    scenario.inject_faults(drop=["session-*", "participant-*"])
    scenario.joins()
    scenario.on_air(limit_s=UP_AGAIN_S)
    scenario.closed(limit_s=40)
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["armed", "completed"], 1)


def test_down_while_the_stream_breaks_unheard_it_is_found_and_started_again(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(lasts=2)
    scenario.lasts(scenario.up_at + 45 - scenario.opens_at)
    scenario.on_air()
    scenario.until(scenario.down_at + 5)
    scenario.inject_faults(drop=["hls-*"])
    scenario.breaks()
    scenario.inject_faults()
    scenario.on_air(2, limit_s=UP_AGAIN_S)
    assert any("VideoSDK no longer shows it" in repair for repair in scenario.repairs())
    scenario.closed(limit_s=40)
    scenario.off_air(2)
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 2)


def test_a_room_that_is_always_on_keeps_its_stream_over_an_outage(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.puts_rule(scenario.rule, schedule={"always": True})
    scenario.on_air()
    scenario.until(scenario.up_at)
    scenario.until(scenario.up_at + 20)
    assert scenario.now["state"] == "playable"
    assert (len(scenario.runs), len(scenario.starts)) == (1, 1)
    assert any(
        call["at"] > moment(scenario.up_at)
        for call in scenario.requests_to("/active") + scenario.requests_to("/v2/hls")
    )
    scenario.rule_is("delete")


def test_an_operators_time_limit_that_passes_during_an_outage_has_passed_afterwards(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.operator("start", until=moment(scenario.down_at + 5))
    scenario.on_air()
    scenario.until(scenario.up_at)
    assert scenario.desires(None, limit_s=UP_AGAIN_S)["state"] == "playable"
    scenario.timeline_shows(Reason.OPERATOR_EXPIRED)
    assert len(scenario.runs) == 1


def test_a_reminder_that_was_due_during_an_outage_is_announced_afterwards(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.opens(at=scenario.up_at + 30, lasts=8, remind="40s")
    scenario.receives("broadcast.upcoming", limit_s=UP_AGAIN_S + 30)
    assert time.time() < scenario.opens_at
    scenario.on_air(limit_s=50)
    scenario.closed()
    scenario.off_air()
    assert scenario.broadcasts == ["upcoming", "completed"]


def test_a_start_whose_worker_is_killed_during_the_probe_is_made_once_after_the_restart(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults({"path": "active", "fault": "slow", "after_s": 600})
    scenario.opens(at=scenario.down_at - 2, lasts=70)
    scenario.wait_for_request("/active", limit_s=40)
    scenario.on_air(limit_s=UP_AGAIN_S + 20)
    assert (len(scenario.runs), len(scenario.starts)) == (1, 1)
    scenario.closed(limit_s=60)
    scenario.off_air()


def test_killed_when_a_start_was_done_and_not_answered_it_does_not_start_again(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults({"path": "start", "fault": "slow", "after_s": 600})
    scenario.opens(at=scenario.down_at - 2, lasts=70)
    scenario.wait_for_request("/hls/start", limit_s=40)
    scenario.on_air(limit_s=UP_AGAIN_S + 20)
    scenario.closed(limit_s=60)
    scenario.off_air()
    assert (len(scenario.runs), len(scenario.starts)) == (1, 1)


def test_killed_when_a_start_was_sent_and_not_done_it_starts_again_once_that_is_sure(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults("start:hang")
    scenario.opens(at=scenario.down_at - 2, lasts=75)
    scenario.wait_for_request("/hls/start", limit_s=40)
    scenario.on_air(limit_s=UP_AGAIN_S + 30)
    first, second = (start["at"] for start in scenario.starts)
    assert seconds_between(first, second) >= 25
    assert len(scenario.runs) == 1
    scenario.closed(limit_s=60)
    scenario.off_air()


def test_while_videosdk_cannot_be_reached_at_start_up_nothing_is_concluded(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.person_starts()
    scenario.on_air()
    scenario.until(scenario.down_at + 5)
    scenario.inject_faults("*:503*", drop=["hls-*"])
    scenario.breaks()
    scenario.until(scenario.up_at)
    requests_before = len(scenario.requests_to("/active"))
    wait_until(lambda: len(scenario.requests_to("/active")) > requests_before, UP_AGAIN_S, "a question at start-up")
    assert_holds_for(2, lambda: scenario.now["state"] == "playable", "the stream stays playable")
    scenario.inject_faults()
    scenario.off_air(limit_s=60)
    assert scenario.now["stream"]["ended_by"] == "probe"


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
