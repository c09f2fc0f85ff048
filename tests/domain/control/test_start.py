"""A start that succeeds: one call, whose stream is matched to the webhooks and probes that follow."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, SECOND, on_air, rest, url, with_session
from tests.support.started_room import start_called
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason

# A start that goes well


def test_an_operators_start_makes_one_call() -> None:
    scenario = start_called()
    assert [call.because for call in scenario.starts] == ["operator"]
    assert scenario.explained[0] == explain(Reason.START_SENT, because="operator")


def test_a_start_carries_the_operators_options() -> None:
    scenario = with_session()
    scenario.operator("start", start={"templateUrl": "https://t.example"})
    assert scenario.starts[0].body == {"templateUrl": "https://t.example"}


def test_a_repeated_start_makes_no_second_call() -> None:
    scenario = start_called()
    scenario.operator("start")
    assert scenario.reasons == (Reason.OPERATOR_REPEAT,)
    scenario.answer("succeeded", run="a")
    scenario.operator("start")
    assert len(scenario.starts) == 1


def test_webhooks_are_matched_to_the_stream_that_the_answer_names() -> None:
    scenario = start_called()
    scenario.answer("succeeded", run="a")
    assert scenario.view["stream"]["videosdk_id"] == "a"
    scenario.hls("starting", "started", "playable")
    assert scenario.states == ["playable"]
    assert {notice.because for notice in scenario.announced if notice.type.startswith("stream.")} == {"operator"}


@pytest.mark.parametrize("named", [{}, {"url": url("a")}, {"id": "a"}])
def test_webhooks_that_arrive_before_the_answer_belong_to_the_same_stream(named: dict[str, Any]) -> None:
    scenario = start_called()
    scenario.hls("starting", "started", **named)
    scenario.answer("succeeded", run="a")
    scenario.hls("playable", **named)
    assert [(run.videosdk_id, run.state, run.because) for run in scenario.runs] == [("a", "playable", "operator")]


def test_an_answer_does_not_reopen_a_stream_that_has_already_ended() -> None:
    scenario = start_called()
    scenario.hls("starting", "started", "stopped")
    scenario.answer("succeeded", run="a")
    assert [(run.videosdk_id, run.state) for run in scenario.room.streams] == [("a", "stopped")]


def test_a_room_that_is_on_air_already_is_not_started_again() -> None:
    scenario = on_air()
    scenario.operator("start")
    assert scenario.starts == []


def test_a_start_that_finds_a_stream_on_air_is_satisfied_by_it() -> None:
    scenario = start_called()
    scenario.answer("already", run="z")
    assert scenario.states == ["started"]
    scenario.wait(15 * MINUTE)
    assert len(scenario.starts) == 1


def test_a_success_that_names_no_stream_is_probed_before_the_start_is_repeated() -> None:
    scenario = start_called()
    scenario.answer("succeeded", status=200)
    assert len(scenario.starts) == 1
    assert scenario.room.probing.probe is not None
    scenario.probe(rest("a"))
    assert scenario.states == ["started"]
    assert scenario.room.control.call is None


@pytest.mark.parametrize("shown_after_s", [20, 45, 90])
def test_a_stream_that_videosdk_lists_as_active_late_is_not_started_twice(shown_after_s: int) -> None:
    scenario = start_called()
    scenario.answer("succeeded", run="a", status=200)
    shown_at = scenario.now + shown_after_s * SECOND
    while scenario.now < shown_at:
        if scenario.room.probing.probe is None:
            scenario.wait(SECOND)
        else:
            scenario.probe(None, records=[{"id": "a", "ended": False}])
        assert (scenario.states, len(scenario.starts)) == (["starting"], 1)
    scenario.ask()
    scenario.probe(rest("a"))
    assert (scenario.states, len(scenario.starts)) == (["started"], 1)


@pytest.mark.parametrize("state", ["started", "playable"])
def test_a_new_stream_that_is_not_listed_as_active_yet_stays_on_air(state: str) -> None:
    scenario = start_called()
    scenario.answer("succeeded", run="a", status=200)
    scenario.hls(state, id="a")
    scenario.ask()
    scenario.probe(None, records=[{"id": "a", "ended": False}])
    assert (scenario.states, len(scenario.starts)) == ([state], 1)
    began = scenario.now
    while scenario.states == [state]:
        assert scenario.now - began < 4 * MINUTE
        if scenario.room.probing.probe is None:
            scenario.wait(SECOND)
        else:
            scenario.probe(None, records=[{"id": "a", "ended": False}])


@pytest.mark.parametrize("records", [[], [{"id": "b", "ended": False}], [{"id": "a", "webhooks": {}}]])
def test_a_stream_that_is_not_listed_as_active_has_ended_unless_its_own_record_shows_no_end(records: Any) -> None:
    scenario = start_called()
    scenario.answer("succeeded", run="a", status=200)
    scenario.timer("watch")
    scenario.probe(None, records=records)
    assert scenario.states == ["stopped"]


def test_a_stream_that_is_never_listed_as_active_is_taken_for_ended_after_a_while() -> None:
    scenario = start_called()
    scenario.answer("succeeded", run="a", status=200)
    began = scenario.now
    while scenario.states == ["starting"]:
        assert scenario.now - began < 150 * SECOND
        if scenario.room.probing.probe is None:
            scenario.wait(SECOND)
        else:
            scenario.probe(None, records=[{"id": "a", "ended": False}])


def test_a_stream_whose_stop_webhook_arrived_has_ended_though_its_own_record_shows_no_end() -> None:
    scenario = start_called()
    scenario.answer("succeeded", run="a", status=200)
    scenario.hls("stopped")
    scenario.ask()
    scenario.probe(None, records=[{"id": "a", "ended": False}])
    assert scenario.states == ["stopped"]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_success_that_names_no_stream_is_not_repeated_within_a_minute(status: int) -> None:
    scenario = start_called()
    scenario.answer("unknown", status=status)
    answered_at = scenario.now
    while scenario.now < answered_at + 55 * SECOND:
        if scenario.room.probing.probe is None:
            scenario.wait(SECOND)
        else:
            scenario.probe(None, asked_at=scenario.now)
        assert len(scenario.starts) == 1
