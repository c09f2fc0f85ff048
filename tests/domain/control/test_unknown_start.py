"""A start whose outcome is unknown: VideoSDK is probed before the start is repeated."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, SECOND, rest, url, with_session
from tests.support.started_room import start_called, start_timed_out
from webhook_app.domain.reasons import Reason

# A start whose outcome nobody knows


def test_a_start_whose_outcome_is_unknown_is_probed_before_it_is_repeated() -> None:
    scenario = start_timed_out()
    assert Reason.CALL_UNKNOWN in scenario.outcomes[-1].reasons
    assert [probe.because for probe in scenario.probes] == ["unknown"]
    assert len(scenario.starts) == 1


def test_two_probes_that_find_nothing_allow_another_start_if_the_second_is_late_enough() -> None:
    scenario = start_timed_out()
    deadline = scenario.now
    scenario.probe(None)
    scenario.timer("ask:unknown")
    assert scenario.now == deadline + 15 * SECOND
    scenario.probe(None)
    assert Reason.START_HAD_NO_EFFECT in scenario.decided
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_one_probe_that_finds_nothing_does_not_allow_another_start_however_late() -> None:
    scenario = start_timed_out()
    scenario.wait(40 * SECOND)
    scenario.probe(None)
    scenario.wait(SECOND)
    assert len(scenario.starts) == 1


def test_probes_that_come_too_early_do_not_allow_another_start_however_many() -> None:
    scenario = start_timed_out()
    too_early = scenario.now + 14 * SECOND
    for _ in range(4):
        scenario.probe(None, asked_at=too_early)
    scenario.wait(SECOND)
    assert scenario.room.control.call is not None
    assert len(scenario.starts) == 1


def test_after_a_5xx_a_probe_five_seconds_later_is_late_enough() -> None:
    scenario = start_called()
    scenario.answer("unknown", status=502)
    scenario.probe(None)
    scenario.timer("ask:unknown")
    scenario.probe(None, asked_at=scenario.now)
    assert Reason.START_HAD_NO_EFFECT in scenario.decided


def test_probes_that_do_not_reach_videosdk_do_not_count() -> None:
    scenario = start_timed_out()
    for _ in range(4):
        scenario.probe(reached=False)
        scenario.timer("ask:unknown")
    scenario.probe(None)
    assert len(scenario.starts) == 1
    assert scenario.room.control.call is not None


def test_a_probe_that_finds_the_stream_settles_the_call_without_a_second_start() -> None:
    scenario = start_timed_out()
    scenario.probe(rest("a"))
    assert scenario.room.control.call is None
    scenario.wait(15 * MINUTE)
    assert (len(scenario.starts), scenario.states) == (1, ["started"])
    assert scenario.runs[0].because == "operator"


@pytest.mark.parametrize("named", [{}, {"url": url("a")}, {"id": "a"}])
def test_a_late_webhook_settles_the_call(named: dict[str, Any]) -> None:
    scenario = start_timed_out()
    scenario.hls("starting", **named)
    assert scenario.room.control.call is None
    assert Reason.START_TOOK_EFFECT in scenario.decided


def test_a_late_webhook_that_may_belong_to_an_older_stream_does_not_settle_the_call() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", "stopped")
    scenario.operator("start")
    scenario.answer("unknown")
    scenario.hls("starting")
    call = scenario.room.control.call
    assert call is not None
    scenario.probe(rest("b"))
    assert (scenario.room.control.call, scenario.states) == (None, ["stopped", "started"])


def test_a_call_that_is_never_answered_becomes_a_call_of_unknown_outcome() -> None:
    scenario = start_called()
    scenario.timer("call-lost")
    assert scenario.room.control.call is not None
    scenario.probe(None)
    scenario.timer("ask:unknown")
    scenario.probe(None)
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_an_answer_that_arrives_late_settles_the_call() -> None:
    scenario = start_timed_out()
    scenario.answer("succeeded", run="a")
    assert (scenario.room.control.call, scenario.states) == (None, ["starting"])


def test_an_operators_further_commands_do_not_settle_a_call_of_unknown_outcome() -> None:
    scenario = start_timed_out()
    scenario.operator("end")
    scenario.operator("start")
    assert len(scenario.starts) == 1
    scenario.operator("release")
    scenario.operator("start")
    assert len(scenario.starts) == 1
