"""The MP4 of an HLS stream: requested once, a minute after the end of the stream, whatever goes wrong."""

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.test_killed_processes import strike
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import wait_until
from tests.support.product import Json
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process

REQUEST = "/transcodings/hls-to-mp4"
REQUEST_LIMIT_S = 90.0


def run_stream(scenario: ScenarioRoom) -> None:
    """Put the room on air by a rule that wants an MP4, until its window closes."""
    scenario.pace(transcoded_s=1)
    scenario.joins()
    scenario.opens(lasts=8, mp4=True)
    scenario.on_air()
    scenario.closed()
    scenario.off_air()


def stream_of(scenario: ScenarioRoom) -> Json:
    """The room's only stream, as the API shows it."""
    [stream] = scenario.product.items(f"/streams?room_id={scenario.room}")
    return stream


def assert_ready(scenario: ScenarioRoom) -> None:
    """The file is told of and shown, after a single request."""
    ready = scenario.receives("recording.ready", limit_s=REQUEST_LIMIT_S)["data"]
    [file] = ready["stream"]["files"]
    assert file["path"].endswith(".mp4") and file["url"].endswith(file["path"])
    assert (ready["stream"]["output"], ready["because"]) == ("hls", f"rule:{scenario.rule}")
    shown = stream_of(scenario)
    assert (shown["mp4"], shown["files"], shown["output"]) == ("ready", [file], "hls")
    assert len(scenario.requests_to(REQUEST)) == 1
    assert len(scenario.notices("recording.ready")) == 1


def test_an_mp4_is_requested_once_after_the_end_and_announced_when_ready(scenario: ScenarioRoom) -> None:
    run_stream(scenario)
    assert stream_of(scenario)["mp4"] == "wanted"
    stopped = scenario.notices("stream.stopped")[0]["timestamp"]
    requested = scenario.wait_for_request(REQUEST, limit_s=REQUEST_LIMIT_S)
    assert seconds_between(stopped, requested["at"]) >= 59
    assert_ready(scenario)


def test_an_mp4_that_videosdk_refuses_is_failed_and_not_requested_again(scenario: ScenarioRoom) -> None:
    scenario.inject_faults("transcode:406")
    run_stream(scenario)
    refused = scenario.receives("call.refused", limit_s=REQUEST_LIMIT_S)["data"]
    assert (refused["call"]["kind"], refused["call"]["message"]) == ("transcode", "config.layout is required")
    scenario.receives("call.given-up")
    assert (stream_of(scenario)["mp4"], stream_of(scenario)["files"]) == ("failed", [])
    assert len(scenario.requests_to(REQUEST)) == 1
    scenario.timeline_shows(Reason.MP4_FAILED)


def test_an_mp4_that_videosdk_cannot_make_is_failed(scenario: ScenarioRoom) -> None:
    scenario.sandbox.spoil(scenario.room, forms={"transcoding_end": "failed"})
    run_stream(scenario)
    scenario.receives("call.given-up", limit_s=REQUEST_LIMIT_S)
    assert (stream_of(scenario)["mp4"], len(scenario.requests_to(REQUEST))) == ("failed", 1)
    assert scenario.notices("recording.ready") == []


@pytest.mark.own_product("isolated")
def test_killed_after_the_send_the_mp4_is_found_in_the_list_and_not_requested_again(scenario: ScenarioRoom) -> None:
    scenario.inject_faults({"path": "transcode", "fault": "slow", "after_s": 600})
    run_stream(scenario)
    scenario.wait_for_request(REQUEST, limit_s=REQUEST_LIMIT_S)
    strike(scenario)
    wait_until(lambda: stream_of(scenario)["mp4"] == "ready", REQUEST_LIMIT_S, "the MP4", describe=scenario.describe)
    assert_ready(scenario)
    scenario.timeline_shows(Reason.MP4_UNKNOWN)
    scenario.assert_replayed()
