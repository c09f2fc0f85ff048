"""Ends that nobody can check: without credentials, and while VideoSDK is out of reach."""

import pytest

from tests.support.scenario import MINUTE, SECOND, Story, on_air, rest, url


def two_streams(**more):
    """A session whose first stream has ended and whose second is playable, told by documented webhooks."""
    story = Story(**more)
    story.webhook("session-started")
    for run in ("a", "b"):
        story.hls("starting")
        story.hls("started", "playable", url=url(run))
        if run == "a":
            story.hls("stopping", "stopped")
    assert story.states == ["stopped", "playable"]
    return story


def cause(story):
    stream = story.view["stream"]
    return stream["state"], stream["stopped_because"], stream["known_by"]


def pass_out_of_reach(story, ms):
    """Time in which no probe is answered."""
    until = story.now + ms
    while due := [(at, name) for name, at in story.room.timers.items() if at <= until]:
        story.timer(min(due)[1])
        if story.room.probe is not None:
            story.probe(reached=False)
    story.now = max(story.now, until)


def test_without_credentials_a_bare_end_ends_the_only_live_stream():
    story = two_streams(calls=False)
    story.hls("stopping")
    assert (story.states, story.view["on_air"]) == (["stopped", "stopping"], True)
    story.hls("stopped")
    assert cause(story) == ("stopped", "somebody", "inferred")
    assert not story.view["on_air"]


def test_without_credentials_a_bare_failure_ends_the_only_live_stream():
    story = two_streams(calls=False)
    story.hls("failed")
    assert cause(story) == ("failed", "failed", "inferred")


def test_without_credentials_a_repeated_bare_end_ends_nothing_more():
    story = two_streams(calls=False)
    story.hls("stopped", "stopped", "stopping")
    assert story.states == ["stopped", "stopped"]


def test_without_credentials_a_bare_end_of_another_session_ends_nothing():
    story = two_streams(calls=False)
    story.hls("stopped", session="s0")
    assert story.states == ["stopped", "playable"]


@pytest.mark.parametrize("named", [{}, {"id": "a"}, {"url": url("a")}])
def test_without_credentials_a_sessions_end_ends_its_stream_after_a_minute(named):
    story = Story(calls=False)
    story.webhook("session-started")
    story.hls("starting", "started", "playable", **named)
    story.webhook("session-ended")
    story.wait(59 * SECOND)
    assert story.view["on_air"]
    story.wait(2 * SECOND)
    assert cause(story) == ("stopped", "session-ended", "inferred")
    assert story.notices[-1] == "stream.stopped"
    assert "infer-end" not in story.room.timers


def test_an_end_that_comes_within_the_grace_is_the_streams_own():
    story = on_air(calls=False)
    story.webhook("session-ended")
    story.hls("stopped", id="a")
    story.wait(5 * MINUTE)
    assert cause(story) == ("stopped", "session-ended", "webhook")
    assert story.notices.count("stream.stopped") == 1


def test_a_stream_of_the_next_session_is_left_alone():
    story = on_air(calls=False)
    story.webhook("session-ended")
    story.webhook("session-started", session="s2")
    story.hls("starting", "started", "playable", id="b", url=url("b"), session="s2")
    story.wait(10 * MINUTE)
    assert story.states == ["stopped", "playable"]


def test_with_videosdk_in_reach_probes_decide():
    story = two_streams()
    story.hls("stopped")
    for _ in range(8):
        story.wait(MINUTE)
        if story.room.probe is not None:
            story.probe(rest("b"))
    assert story.view["on_air"]


@pytest.mark.parametrize("end", ["stopped", "failed"])
def test_out_of_reach_a_bare_end_counts_after_five_minutes(end):
    story = two_streams()
    story.hls(end)
    pass_out_of_reach(story, 4 * MINUTE)
    assert story.view["on_air"]
    pass_out_of_reach(story, 3 * MINUTE)
    assert (story.view["on_air"], story.view["stream"]["known_by"]) == (False, "inferred")


def test_out_of_reach_a_sessions_end_counts_after_five_minutes():
    story = on_air()
    story.webhook("session-ended")
    pass_out_of_reach(story, 7 * MINUTE)
    assert cause(story) == ("stopped", "session-ended", "inferred")


def test_silence_alone_ends_nothing():
    story = on_air()
    pass_out_of_reach(story, 60 * MINUTE)
    assert story.view["on_air"]


def test_an_end_of_which_several_live_streams_may_be_meant_ends_none_without_a_probe():
    story = on_air()
    story.hls("starting", "started", "playable", id="b", url=url("b"))
    story.hls("stopped")
    pass_out_of_reach(story, 20 * MINUTE)
    assert [run.live for run in story.runs] == [True, True]


def test_a_stream_that_had_news_after_the_end_is_not_the_one_that_ended():
    story = two_streams()
    story.hls("stopped")
    story.hls("playable", url=url("b"))
    pass_out_of_reach(story, 20 * MINUTE)
    assert story.view["on_air"]


def test_what_was_inferred_wrongly_is_put_right_by_the_next_probe_that_gets_through():
    story = two_streams()
    story.hls("stopped")
    pass_out_of_reach(story, 7 * MINUTE)
    assert not story.view["on_air"]
    story.timer("ask:again")
    story.probe(rest("b"))
    assert story.view["on_air"]
    assert story.view["stream"]["stopped_because"] is None


def test_while_calls_are_paused_a_sessions_end_counts_too():
    story = on_air()
    story.operator("end")
    story.answer("refused", status=401)
    assert story.world.config.settings.paused
    story.webhook("session-ended")
    pass_out_of_reach(story, 7 * MINUTE)
    assert not story.view["on_air"]


def test_an_end_that_a_probe_has_refuted_counts_no_more_when_videosdk_goes_out_of_reach():
    story = two_streams()
    story.hls("stopped")
    story.wait(SECOND)
    for _ in range(6):
        story.probe(rest("b"))
    pass_out_of_reach(story, 30 * MINUTE)
    assert story.view["on_air"]
