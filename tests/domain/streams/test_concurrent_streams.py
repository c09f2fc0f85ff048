"""Several streams in one room: which of them an event belongs to, and how many are kept."""

from tests.support.scenario import on_air, rest, url, with_session
from tests.support.stream_scenarios import stream_notices
from webhook_app.domain.reasons import Reason
from webhook_app.domain.streams.stream import EndedBy

# Two runs


def test_two_streams_with_ids_may_be_live_at_once_and_the_older_is_probed() -> None:
    scenario = on_air("a")
    scenario.hls("starting", id="b")
    assert scenario.states == ["playable", "starting"]
    assert scenario.view["stream"]["videosdk_id"] == "b"
    scenario.ask()
    scenario.probe(rest("b"))
    assert scenario.states == ["stopped", "started"]
    assert scenario.runs[0].ended_by is EndedBy.PROBE


def test_a_new_stream_without_an_id_ends_the_older_as_inferred() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", url=url("a"))
    scenario.hls("started", url=url("b"))
    assert scenario.states == ["stopped", "started"]
    assert scenario.runs[0].ended_by is EndedBy.INFERRED
    assert stream_notices(scenario)[-2:] == ["stream.stopped", "stream.started"]


def test_a_stop_with_the_first_streams_id_leaves_the_second_on_air() -> None:
    scenario = on_air("a")
    scenario.hls("starting", "started", id="b", url=url("b"))
    scenario.hls("stopped", id="a")
    assert scenario.states == ["stopped", "started"]


def test_a_stop_with_an_unknown_url_does_not_end_the_stream_on_air() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", url=url("b"))
    scenario.hls("stopping", url=url("a"))
    assert scenario.runs[0].live


def test_a_stop_without_an_id_in_a_session_of_two_streams_is_settled_by_a_probe() -> None:
    scenario = on_air("a")
    scenario.hls("stopped", id="a")
    scenario.hls("starting", "started", id="b", url=url("b"))
    scenario.hls("stopped")
    assert scenario.states == ["stopped", "started"]
    scenario.ask()
    scenario.probe(None)
    assert scenario.states == ["stopped", "stopped"]
    assert scenario.view["stream"]["ended_by"] == "probe"


def test_a_late_webhook_of_a_stream_that_is_no_longer_kept_opens_nothing() -> None:
    scenario = with_session()
    for n in range(14):
        scenario.hls("started", "stopped", id=f"run-{n}")
    scenario.hls("started", id="run-0")
    assert scenario.reasons == (Reason.STREAM_TOO_OLD,)
    assert not scenario.view["on_air"]


def test_a_thirteenth_live_stream_ends_the_oldest_as_inferred() -> None:
    scenario = with_session()
    for number in range(12):
        scenario.hls("starting", "started", id=f"run-{number}")
    assert scenario.states == ["started"] * 12
    oldest = scenario.runs[0]
    scenario.hls("starting", id="run-12")
    assert len(scenario.runs) == 12
    assert scenario.runs[0].videosdk_id == "run-1"
    ended = scenario.last.streams[oldest.stream_id]
    assert (ended.state, ended.ended_by) == ("stopped", EndedBy.INFERRED)
    assert oldest.stream_id in [effect.arguments.get("stream") for effect in scenario.last.effects]
    assert stream_notices(scenario)[-2:] == ["stream.stopped", "stream.starting"]
    assert "ask:older" in scenario.room.timers
    scenario.hls("stopped", id="run-0")
    assert scenario.reasons == (Reason.STREAM_TOO_OLD,)
