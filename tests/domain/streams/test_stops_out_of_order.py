"""Stops without an id that arrive before the events of their stream."""

from tests.support.scenario import SECOND, rest, url, with_session
from tests.support.stream_scenarios import after_a_run_of_its_own
from webhook_app.domain.reasons import Reason
from webhook_app.domain.streams.stream import EndedBy

# A bare end that came before what it ends


def test_a_stop_without_an_id_that_arrives_before_its_stream_leaves_nothing_on_air() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("stopped")
    assert scenario.reasons == (Reason.STREAM_REPEAT,)
    scenario.hls("started", "playable", url=url("b"))
    assert scenario.view["on_air"]
    received_at = scenario.now
    scenario.timer("ask:settle")
    assert scenario.now - received_at <= 5 * SECOND
    scenario.probe(None)
    assert scenario.states == ["stopped", "stopped"]
    assert scenario.view["on_air"] is False


def test_a_stop_without_an_id_that_arrives_before_the_sessions_first_stream_leaves_nothing_on_air() -> None:
    scenario = with_session()
    scenario.hls("stopped")
    scenario.timer("ask:settle")
    scenario.probe(None)
    scenario.hls("started", "playable", id="a", url=url("a"))
    assert scenario.view["on_air"]
    scenario.wait(5 * SECOND)
    assert scenario.room.probing.probe is not None
    scenario.probe(None)
    assert scenario.states == ["stopped"]


def test_an_older_unmatched_stop_does_not_probe_a_stream_that_is_only_starting() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("stopped")
    scenario.hls("starting", id="b")
    assert "ask:settle" not in scenario.room.timers


def test_a_stop_that_videosdk_does_not_show_yet_is_probed_again_with_growing_delays() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("started", "playable", url=url("b"))
    scenario.hls("stopped")
    stopped_at, probe_times = scenario.now, []
    while "ask:settle" in scenario.room.timers:
        scenario.timer("ask:settle")
        probe_times.append((scenario.now - stopped_at) // SECOND)
        scenario.probe(rest("b"), after=0)
    assert probe_times == [0, 5, 10, 20, 40]
    assert scenario.view["on_air"]


def test_a_settled_stop_causes_no_further_probe() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("started", "playable", url=url("b"))
    scenario.hls("stopped")
    scenario.timer("ask:settle")
    scenario.probe(None)
    scenario.hls("starting", "started", id="c", url=url("c"))
    assert "ask:settle" not in scenario.room.timers
    assert scenario.states == ["stopped", "stopped", "started"]


def test_a_failure_without_an_id_that_a_probe_settles_is_announced_as_a_failure() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("started", "playable", url=url("b"))
    scenario.hls("failed")
    scenario.timer("ask:settle")
    scenario.probe(None)
    assert scenario.states == ["stopped", "failed"]
    assert scenario.runs[1].ended_by is EndedBy.PROBE


def test_a_stream_that_a_probe_ended_is_probed_and_on_air_again_when_a_webhook_arrives() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("stopped")
    scenario.hls("started", url=url("b"))
    scenario.timer("ask:settle")
    scenario.probe(None)
    assert scenario.states == ["stopped", "stopped"]
    scenario.hls("playable", url=url("b"))
    scenario.timer("ask:again")
    scenario.probe(rest("b"))
    assert scenario.view["on_air"]
