"""Equal URL folders are one stream, whatever the ids say: one stream, told once, matched later by any of its ids."""

from itertools import permutations
from typing import Any

import pytest

from tests.support.scenario import MINUTE, SECOND, Scenario, rest, url, with_session
from webhook_app.domain.streams.stream import ALIASES_MAX


def started(**more: Any) -> Any:
    scenario = with_session(**more)
    scenario.operator("start")
    return scenario


def announced(scenario: Any) -> Any:
    return [notice.type for notice in scenario.announced if notice.type.startswith("stream.")]


def ids(scenario: Any) -> Any:
    return [set(run.ids) for run in scenario.runs]


def test_webhooks_that_carry_another_id_than_the_answer_are_of_the_same_stream() -> None:
    scenario = started()
    scenario.answer("succeeded", run="a")
    scenario.hls("starting", id="composer")
    scenario.hls("started", "playable", id="composer", url=url("a"))
    assert (scenario.states, ids(scenario)) == (["playable"], [{"a", "composer"}])
    scenario.hls("stopping", "stopped", id="composer")
    assert scenario.states == ["stopped"]
    assert announced(scenario) == [
        f"stream.{state}" for state in ("starting", "started", "playable", "stopping", "stopped")
    ]
    assert len({notice.data["stream"]["stream_id"] for notice in scenario.announced if "stream" in notice.data}) == 1


def test_a_webhook_with_another_id_that_overtakes_the_answer_opens_no_stream_of_its_own() -> None:
    scenario = started()
    scenario.hls("starting", id="composer")
    assert announced(scenario) == []
    scenario.answer("succeeded", run="a")
    scenario.hls("started", "playable", id="composer", url=url("a"))
    assert (scenario.states, ids(scenario)) == (["playable"], [{"a", "composer"}])
    assert announced(scenario) == ["stream.starting", "stream.started", "stream.playable"]


def test_an_answer_with_another_id_is_matched_to_the_stream_with_the_same_url() -> None:
    scenario = started()
    scenario.hls("starting", id="composer")
    scenario.hls("started", "playable", id="composer", url=url("a"))
    scenario.answer("succeeded", run="a")
    assert (scenario.states, ids(scenario), announced(scenario)) == (
        ["playable"],
        [{"a", "composer"}],
        ["stream.started", "stream.playable"],
    )
    assert scenario.room.control.call is None


def test_a_composer_id_of_an_answer_is_one_of_the_streams_names() -> None:
    scenario = started()
    scenario.answer("succeeded", stream={**rest("a"), "composerId": "composer", "_id": "a"})
    scenario.hls("starting", "started", "playable", "stopped", id="composer")
    assert (scenario.states, ids(scenario)) == (["stopped"], [{"a", "composer"}])
    assert scenario.view["stream"]["videosdk_id"] == "a"


def test_two_streams_that_were_opened_under_two_ids_become_one_when_their_address_is_known() -> None:
    scenario = Scenario()
    scenario.webhook("session-started")
    scenario.hls("started", "playable", url=url("a"))
    scenario.probe({"id": "a", "roomId": scenario.room_id, "sessionId": "s1", "end": None, "playbackHlsUrl": url("a")})
    scenario.hls("started", id="composer")
    assert len(scenario.runs) == 2
    scenario.hls("playable", id="composer", url=url("a"))
    assert (scenario.states, ids(scenario)) == (["playable"], [{"a", "composer"}])
    assert scenario.last.dropped
    scenario.hls("stopped", id="composer")
    assert scenario.view["on_air"] is False


@pytest.mark.parametrize("probed", [True, False])
def test_a_probe_that_shows_the_address_under_another_id_confirms_the_stream(probed: bool) -> None:
    scenario = with_session()
    scenario.hls("started", "playable", id="webhooks-id", url=url("a"))
    if probed:
        scenario.wait(90 * SECOND)
        scenario.probe(rest("a"))
    scenario.wait(90 * SECOND)
    scenario.probe({**rest("a"), "livestreamUrl": None, "playbackHlsUrl": url("a", "live.m3u8?token=1")})
    assert (scenario.states, ids(scenario)) == (["playable"], [{"webhooks-id", "a"}])
    assert announced(scenario) == ["stream.started", "stream.playable"]


def test_a_stop_of_one_of_two_that_become_one_ends_it() -> None:
    scenario = started()
    scenario.answer("succeeded", run="a")
    scenario.hls("stopped", id="composer")
    scenario.hls("playable", id="composer", url=url("a"))
    assert (scenario.states, ids(scenario)) == (["stopped"], [{"a", "composer"}])
    assert announced(scenario)[-1] == "stream.stopped"


def test_ids_that_differ_with_addresses_that_differ_are_two_streams() -> None:
    scenario = started()
    scenario.answer("succeeded", run="a")
    scenario.hls("started", "playable", id="b", url=url("b"))
    assert ids(scenario) == [{"a"}, {"b"}]


def test_a_provisional_stream_is_announced_once_its_url_shows_that_it_is_another_stream() -> None:
    scenario = started()
    scenario.answer("succeeded", run="a")
    scenario.hls("starting", id="b")
    assert len(scenario.runs) == 1
    scenario.hls("started", id="b", url=url("b"))
    assert ids(scenario) == [{"a"}, {"b"}]


@pytest.mark.parametrize("order", list(permutations(("rest", "composer", "url"))))
def test_whatever_comes_first_the_names_end_up_on_one_stream(order: Any) -> None:
    scenario = started()
    for name in order:
        if name == "rest":
            scenario.answer("succeeded", run="a")
        else:
            scenario.hls("started", id="composer" if name == "composer" else None, url=url("a"))
    scenario.hls("playable", id="composer", url=url("a"))
    assert (scenario.states, ids(scenario)) == (["playable"], [{"a", "composer"}])
    scenario.wait(20 * MINUTE)
    assert len(scenario.starts) == 1


def test_a_stream_keeps_so_many_ids() -> None:
    scenario = with_session()
    for n in range(3 * ALIASES_MAX):
        scenario.hls("playable", id=f"id-{n}", url=url("a"))
    [run] = scenario.runs
    assert run.videosdk_id == "id-0"
    assert len(run.aliases) == ALIASES_MAX
