"""Equal URL folders are one stream, whatever the ids say: one stream, told once, matched later by any of its ids."""

from itertools import permutations

import pytest

from tests.support.scenario import MINUTE, SECOND, Story, rest, url, with_session
from webhook_app.domain.streams.machine import ALIASES_MAX


def started(**more):
    story = with_session(**more)
    story.operator("start")
    return story


def told(story):
    return [notice.type for notice in story.told if notice.type.startswith("stream.")]


def ids(story):
    return [set(run.ids) for run in story.runs]


def test_webhooks_that_carry_another_id_than_the_answer_are_of_the_same_stream():
    story = started()
    story.answer("succeeded", run="a")
    story.hls("starting", id="composer")
    story.hls("started", "playable", id="composer", url=url("a"))
    assert (story.states, ids(story)) == (["playable"], [{"a", "composer"}])
    story.hls("stopping", "stopped", id="composer")
    assert story.states == ["stopped"]
    assert told(story) == [f"stream.{state}" for state in ("starting", "started", "playable", "stopping", "stopped")]
    assert len({notice.data["stream"]["stream_id"] for notice in story.told if "stream" in notice.data}) == 1


def test_a_webhook_with_another_id_that_overtakes_the_answer_opens_no_stream_of_its_own():
    story = started()
    story.hls("starting", id="composer")
    assert told(story) == []
    story.answer("succeeded", run="a")
    story.hls("started", "playable", id="composer", url=url("a"))
    assert (story.states, ids(story)) == (["playable"], [{"a", "composer"}])
    assert told(story) == ["stream.starting", "stream.started", "stream.playable"]


def test_an_answer_under_another_id_joins_what_webhooks_have_told_with_the_same_address():
    story = started()
    story.hls("starting", id="composer")
    story.hls("started", "playable", id="composer", url=url("a"))
    story.answer("succeeded", run="a")
    assert (story.states, ids(story), told(story)) == (
        ["playable"],
        [{"a", "composer"}],
        ["stream.started", "stream.playable"],
    )
    assert story.room.call is None


def test_a_composer_id_of_an_answer_is_one_of_the_streams_names():
    story = started()
    story.answer("succeeded", stream={**rest("a"), "composerId": "composer", "_id": "a"})
    story.hls("starting", "started", "playable", "stopped", id="composer")
    assert (story.states, ids(story)) == (["stopped"], [{"a", "composer"}])
    assert story.view["stream"]["videosdk_id"] == "a"


def test_two_streams_that_were_opened_under_two_ids_become_one_when_their_address_is_known():
    story = Story()
    story.webhook("session-started")
    story.hls("started", "playable", url=url("a"))
    story.probe({"id": "a", "roomId": story.room_id, "sessionId": "s1", "end": None, "playbackHlsUrl": url("a")})
    story.hls("started", id="composer")
    assert len(story.runs) == 2
    story.hls("playable", id="composer", url=url("a"))
    assert (story.states, ids(story)) == (["playable"], [{"a", "composer"}])
    assert story.last.dropped
    story.hls("stopped", id="composer")
    assert story.view["on_air"] is False


@pytest.mark.parametrize("probed", [True, False])
def test_a_probe_that_shows_the_address_under_another_id_confirms_the_stream(probed):
    story = with_session()
    story.hls("started", "playable", id="webhooks-id", url=url("a"))
    if probed:
        story.wait(90 * SECOND)
        story.probe(rest("a"))
    story.wait(90 * SECOND)
    story.probe({**rest("a"), "livestreamUrl": None, "playbackHlsUrl": url("a", "live.m3u8?token=1")})
    assert (story.states, ids(story)) == (["playable"], [{"webhooks-id", "a"}])
    assert told(story) == ["stream.started", "stream.playable"]


def test_a_stop_of_one_of_two_that_become_one_ends_it():
    story = started()
    story.answer("succeeded", run="a")
    story.hls("stopped", id="composer")
    story.hls("playable", id="composer", url=url("a"))
    assert (story.states, ids(story)) == (["stopped"], [{"a", "composer"}])
    assert told(story)[-1] == "stream.stopped"


def test_ids_that_differ_with_addresses_that_differ_are_two_streams():
    story = started()
    story.answer("succeeded", run="a")
    story.hls("started", "playable", id="b", url=url("b"))
    assert ids(story) == [{"a"}, {"b"}]


def test_another_streams_start_that_was_held_back_is_told_when_its_address_shows_that_it_is_another():
    story = started()
    story.answer("succeeded", run="a")
    story.hls("starting", id="b")
    assert len(story.runs) == 1
    story.hls("started", id="b", url=url("b"))
    assert ids(story) == [{"a"}, {"b"}]


@pytest.mark.parametrize("order", list(permutations(("rest", "composer", "url"))))
def test_whatever_comes_first_the_names_end_up_on_one_stream(order):
    story = started()
    for name in order:
        if name == "rest":
            story.answer("succeeded", run="a")
        else:
            story.hls("started", id="composer" if name == "composer" else None, url=url("a"))
    story.hls("playable", id="composer", url=url("a"))
    assert (story.states, ids(story)) == (["playable"], [{"a", "composer"}])
    story.wait(20 * MINUTE)
    assert len(story.starts) == 1


def test_a_stream_keeps_so_many_ids():
    story = with_session()
    for n in range(3 * ALIASES_MAX):
        story.hls("playable", id=f"id-{n}", url=url("a"))
    [run] = story.runs
    assert run.videosdk_id == "id-0"
    assert len(run.aliases) == ALIASES_MAX
