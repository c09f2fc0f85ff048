"""Why a stream ended: who or what stopped it, how that is known, and what comes of it."""

import pytest

from tests.support.scenario import MINUTE, ROOM, SECOND, SESSION, Story, on_air, rest, url, wanted_on_air, with_session
from webhook_app.domain.events import Source
from webhook_app.domain.notices.text import words
from webhook_app.domain.notices.types import make_notice
from webhook_app.domain.streams.end_causes import LIMIT_EARLY_MS, LIMIT_LATE_MS
from webhook_app.domain.times import rfc3339

HOUR = 60 * MINUTE
LIMIT = 2 * HOUR
A_PERSONS = [SECOND, MINUTE, 30 * MINUTE, 116 * MINUTE, LIMIT - MINUTE, LIMIT + 4 * MINUTE, 150 * MINUTE, 5 * HOUR]
AT_THE_LIMIT = [LIMIT - 20 * SECOND, LIMIT, LIMIT + 40 * SECOND, LIMIT + 2 * MINUTE]


def stopped_at_age(age, *, limit=None, known_start=True):
    """A stream that an operator wants on air, stopped at this age by a webhook."""
    story = with_session()
    if limit is not None:
        story.tell(Source.SYSTEM, "settings", {"max_stream_s": limit // SECOND}, room=None)
    story.operator("start")
    began = story.now
    story.answer("succeeded", run="a")
    if known_start:
        story.webhook("hls-started", id="a", url=url("a"), start=rfc3339(began), after=9 * SECOND)
        assert story.runs[0].began_at == began
    story.hls("started", "playable", id="a", url=url("a"))
    story.now = began + age
    story.webhook("hls-stopping", id="a", after=0)
    story.webhook("hls-stopped", id="a", after=20 * SECOND)
    return story


def cause(story):
    stream = story.view["stream"]
    return stream["stopped_because"], stream["known_by"]


@pytest.mark.parametrize("age", A_PERSONS[2:])
@pytest.mark.parametrize("known_start", [True, False])
def test_a_person_who_stops_the_stream_is_obeyed_at_any_age(age, known_start):
    story = stopped_at_age(age, known_start=known_start)
    assert cause(story) == ("somebody", "webhook")
    story.wait(10 * MINUTE)
    assert len(story.starts) == 1
    assert story.view["desired"] is None


@pytest.mark.parametrize("age", AT_THE_LIMIT)
@pytest.mark.parametrize("known_start", [True, False])
def test_a_stream_that_ends_at_videosdks_limit_is_started_again(age, known_start):
    story = stopped_at_age(age, known_start=known_start)
    assert cause(story) == ("videosdk-limit", "webhook")
    story.timer("backoff")
    assert len(story.starts) == 2


def test_the_band_around_the_limit_is_narrow():
    assert LIMIT_EARLY_MS + LIMIT_LATE_MS < 5 * MINUTE


def test_the_limit_is_a_setting_that_the_journal_carries():
    assert cause(stopped_at_age(HOUR, limit=HOUR))[0] == "videosdk-limit"
    assert cause(stopped_at_age(LIMIT, limit=HOUR))[0] == "somebody"


def test_a_stream_that_an_operator_ended_says_so():
    story = wanted_on_air()
    assert cause(story) == (None, None)
    story.operator("end")
    story.answer("succeeded")
    story.hls("stopping", "stopped", id="a")
    assert cause(story) == ("operator", "webhook")
    assert story.view["stream"]["ended_by"] == "webhook"


def test_a_stream_that_a_rule_ended_says_so_whoever_started_it():
    story = wanted_on_air()
    story.put_rule({"name": "host-left", "on": "participant-left", "do": "end"})
    story.operator("release")
    story.joined("ada")
    story.joined("bob")
    story.left("ada")
    story.answer("succeeded")
    story.hls("stopped", id="a")
    assert cause(story) == ("rule:host-left", "webhook")
    [notice] = [notice for notice in story.told if notice.type == "stream.stopped"]
    body = words(notice, room_name=None, base_url=None).body
    assert "Ended by the rule host-left" in body
    assert "Started by an operator" in body
    assert "Because" not in body


def test_an_end_that_videosdk_refused_is_not_why_the_stream_ended():
    story = wanted_on_air()
    story.operator("end")
    story.answer("refused", status=429)
    story.hls("stopped", id="a")
    assert cause(story) == ("somebody", "webhook")


def test_a_stream_that_ended_with_its_session_says_so():
    story = on_air()
    story.webhook("session-ended")
    story.hls("stopped", id="a")
    assert cause(story) == ("session-ended", "webhook")


def test_a_stream_that_stopped_when_the_last_one_left_ended_with_its_session():
    story = on_air()
    story.joined("ada")
    story.left("ada")
    story.hls("stopped", id="a")
    assert cause(story) == ("session-ended", "webhook")


@pytest.mark.parametrize(("after", "because"), [(2 * SECOND, "session-ended"), (MINUTE, "somebody")])
def test_a_stop_that_a_sessions_end_follows_at_once_came_of_that_end(after, because):
    story = on_air()
    story.joined("ada")
    story.hls("stopping", "stopped", id="a")
    assert cause(story) == ("somebody", "webhook")
    story.webhook("session-ended", after=after)
    assert cause(story) == (because, "webhook")
    assert story.outcomes[-1].streams.keys() <= {story.runs[0].stream_id}


def test_a_stream_that_an_operator_ended_with_the_session_was_ended_by_the_operator():
    story = wanted_on_air()
    story.operator("end")
    story.answer("succeeded")
    story.hls("stopped", id="a")
    story.webhook("session-ended")
    assert cause(story) == ("operator", "webhook")


def test_a_stream_that_failed_says_so():
    story = on_air()
    story.hls("failed", id="a", reason="encoder crashed")
    assert cause(story) == ("failed", "webhook")


def test_nobody_knows_what_ended_a_stream_that_vanished_until_its_stop_comes_late():
    story = on_air()
    story.wait(90 * SECOND)
    story.probe(None)
    assert cause(story) == ("unknown", "probe")
    story.hls("stopped", id="a")
    assert cause(story) == ("somebody", "probe")


def test_a_stream_that_a_newer_one_replaced_is_inferred_to_have_ended():
    story = with_session()
    story.hls("starting", "started", url=url("a"))
    story.hls("starting", "started", url=url("b"))
    assert [(run.stopped_because, run.ended_by) for run in story.runs] == [("unknown", "inferred"), (None, None)]


def test_a_stream_that_is_shown_again_has_not_ended():
    story = on_air()
    story.wait(90 * SECOND)
    story.probe(None)
    story.now += 2 * MINUTE
    story.hls("playable", id="a")
    story.timer("ask:again")
    story.probe(rest("a"))
    assert story.view["on_air"]
    assert cause(story) == (None, None)


@pytest.mark.parametrize(
    ("because", "line"),
    [
        ("operator", "Ended by an operator"),
        ("rule:r1", "Ended by the rule r1"),
        ("session-ended", "Ended with its session"),
        ("videosdk-limit", "Ended at VideoSDK's own limit"),
        ("somebody", "Stopped by somebody, not by Tallylight"),
        ("unknown", "VideoSDK no longer shows it; what ended it is not known"),
    ],
)
def test_each_cause_has_its_words(because, line):
    data = {"stream": {"stopped_because": because, "session_id": SESSION}}
    notice = make_notice("1-0", "stream.stopped", 1, room_id=ROOM, sequence=1, because="rule:start", data=data)
    assert words(notice, room_name=None, base_url=None).body.splitlines()[:2] == [line, "Started by the rule start"]


def test_a_story_without_credentials_knows_who_stopped_it_too():
    story = Story(calls=False)
    story.webhook("session-started")
    story.hls("starting", "started", "stopped")
    assert cause(story) == ("somebody", "webhook")
