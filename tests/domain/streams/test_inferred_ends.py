"""Ends that nobody can check: without credentials, and while VideoSDK is out of reach."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, SECOND, Scenario, on_air, rest, url


def two_streams(**more: Any) -> Any:
    """A session whose first stream has ended and whose second is playable, told by documented webhooks."""
    scenario = Scenario(**more)
    scenario.webhook("session-started")
    for run in ("a", "b"):
        scenario.hls("starting")
        scenario.hls("started", "playable", url=url(run))
        if run == "a":
            scenario.hls("stopping", "stopped")
    assert scenario.states == ["stopped", "playable"]
    return scenario


def cause(scenario: Any) -> Any:
    stream = scenario.view["stream"]
    return stream["state"], stream["stopped_because"], stream["known_by"]


def pass_out_of_reach(scenario: Any, ms: Any) -> None:
    """Time in which no probe is answered."""
    until = scenario.now + ms
    while due := [(at, name) for name, at in scenario.room.timers.items() if at <= until]:
        scenario.timer(min(due)[1])
        if scenario.room.probing.probe is not None:
            scenario.probe(reached=False)
    scenario.now = max(scenario.now, until)


def test_without_credentials_a_bare_end_ends_the_only_live_stream() -> None:
    scenario = two_streams(calls=False)
    scenario.hls("stopping")
    assert (scenario.states, scenario.view["on_air"]) == (["stopped", "stopping"], True)
    scenario.hls("stopped")
    assert cause(scenario) == ("stopped", "somebody", "inferred")
    assert not scenario.view["on_air"]


def test_without_credentials_a_bare_failure_ends_the_only_live_stream() -> None:
    scenario = two_streams(calls=False)
    scenario.hls("failed")
    assert cause(scenario) == ("failed", "failed", "inferred")


def test_without_credentials_a_repeated_bare_end_ends_nothing_more() -> None:
    scenario = two_streams(calls=False)
    scenario.hls("stopped", "stopped", "stopping")
    assert scenario.states == ["stopped", "stopped"]


def test_without_credentials_a_bare_end_of_another_session_ends_nothing() -> None:
    scenario = two_streams(calls=False)
    scenario.hls("stopped", session="s0")
    assert scenario.states == ["stopped", "playable"]


@pytest.mark.parametrize("named", [{}, {"id": "a"}, {"url": url("a")}])
def test_without_credentials_a_sessions_end_ends_its_stream_after_a_minute(named: dict[str, Any]) -> None:
    scenario = Scenario(calls=False)
    scenario.webhook("session-started")
    scenario.hls("starting", "started", "playable", **named)
    scenario.webhook("session-ended")
    scenario.wait(59 * SECOND)
    assert scenario.view["on_air"]
    scenario.wait(2 * SECOND)
    assert cause(scenario) == ("stopped", "session-ended", "inferred")
    assert scenario.notices[-1] == "stream.stopped"
    assert "infer-end" not in scenario.room.timers


def test_an_end_that_comes_within_the_grace_is_the_streams_own() -> None:
    scenario = on_air(calls=False)
    scenario.webhook("session-ended")
    scenario.hls("stopped", id="a")
    scenario.wait(5 * MINUTE)
    assert cause(scenario) == ("stopped", "session-ended", "webhook")
    assert scenario.notices.count("stream.stopped") == 1


def test_a_stream_of_the_next_session_is_left_alone() -> None:
    scenario = on_air(calls=False)
    scenario.webhook("session-ended")
    scenario.webhook("session-started", session="s2")
    scenario.hls("starting", "started", "playable", id="b", url=url("b"), session="s2")
    scenario.wait(10 * MINUTE)
    assert scenario.states == ["stopped", "playable"]


def test_with_videosdk_in_reach_probes_decide() -> None:
    scenario = two_streams()
    scenario.hls("stopped")
    for _ in range(8):
        scenario.wait(MINUTE)
        if scenario.room.probing.probe is not None:
            scenario.probe(rest("b"))
    assert scenario.view["on_air"]


@pytest.mark.parametrize("end", ["stopped", "failed"])
def test_out_of_reach_a_bare_end_counts_after_five_minutes(end: str) -> None:
    scenario = two_streams()
    scenario.hls(end)
    pass_out_of_reach(scenario, 4 * MINUTE)
    assert scenario.view["on_air"]
    pass_out_of_reach(scenario, 3 * MINUTE)
    assert (scenario.view["on_air"], scenario.view["stream"]["known_by"]) == (False, "inferred")


def test_out_of_reach_a_sessions_end_counts_after_five_minutes() -> None:
    scenario = on_air()
    scenario.webhook("session-ended")
    pass_out_of_reach(scenario, 7 * MINUTE)
    assert cause(scenario) == ("stopped", "session-ended", "inferred")


def test_silence_alone_ends_nothing() -> None:
    scenario = on_air()
    pass_out_of_reach(scenario, 60 * MINUTE)
    assert scenario.view["on_air"]


def test_an_end_of_which_several_live_streams_may_be_meant_ends_none_without_a_probe() -> None:
    scenario = on_air()
    scenario.hls("starting", "started", "playable", id="b", url=url("b"))
    scenario.hls("stopped")
    pass_out_of_reach(scenario, 20 * MINUTE)
    assert [run.live for run in scenario.runs] == [True, True]


def test_a_stream_that_had_news_after_the_end_is_not_the_one_that_ended() -> None:
    scenario = two_streams()
    scenario.hls("stopped")
    scenario.hls("playable", url=url("b"))
    pass_out_of_reach(scenario, 20 * MINUTE)
    assert scenario.view["on_air"]


def test_what_was_inferred_wrongly_is_put_right_by_the_next_probe_that_gets_through() -> None:
    scenario = two_streams()
    scenario.hls("stopped")
    pass_out_of_reach(scenario, 7 * MINUTE)
    assert not scenario.view["on_air"]
    scenario.timer("ask:again")
    scenario.probe(rest("b"))
    assert scenario.view["on_air"]
    assert scenario.view["stream"]["stopped_because"] is None


def test_while_calls_are_paused_a_sessions_end_counts_too() -> None:
    scenario = on_air()
    scenario.operator("end")
    scenario.answer("refused", status=401)
    assert scenario.world.config.settings.paused
    scenario.webhook("session-ended")
    pass_out_of_reach(scenario, 7 * MINUTE)
    assert not scenario.view["on_air"]


def test_an_end_that_a_probe_has_refuted_counts_no_more_when_videosdk_goes_out_of_reach() -> None:
    scenario = two_streams()
    scenario.hls("stopped")
    scenario.wait(SECOND)
    for _ in range(6):
        scenario.probe(rest("b"))
    pass_out_of_reach(scenario, 30 * MINUTE)
    assert scenario.view["on_air"]
