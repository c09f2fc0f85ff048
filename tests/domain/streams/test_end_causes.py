"""Why a stream ended: who or what stopped it, how that is known, and what comes of it."""

from typing import Any

import pytest

from tests.support.scenario import (
    MINUTE,
    ROOM,
    SECOND,
    SESSION,
    Scenario,
    on_air,
    rest,
    url,
    wanted_on_air,
    with_session,
)
from webhook_app.domain.events import Source
from webhook_app.domain.notices.notice import make_notice
from webhook_app.domain.notices.text import STOP_CAUSE_TEXTS, render_notice
from webhook_app.domain.notices.types import NoticeType
from webhook_app.domain.streams.end_causes import LIMIT_EARLY_MS, LIMIT_LATE_MS
from webhook_app.domain.times import rfc3339

HOUR = 60 * MINUTE
LIMIT = 2 * HOUR
A_PERSONS = [SECOND, MINUTE, 30 * MINUTE, 116 * MINUTE, LIMIT - MINUTE, LIMIT + 4 * MINUTE, 150 * MINUTE, 5 * HOUR]
AT_THE_LIMIT = [LIMIT - 20 * SECOND, LIMIT, LIMIT + 40 * SECOND, LIMIT + 2 * MINUTE]


def stopped_at_age(age: Any, *, limit: Any = None, known_start: bool = True) -> Any:
    """A stream that an operator wants on air, stopped at this age by a webhook."""
    scenario = with_session()
    if limit is not None:
        scenario.process(Source.SYSTEM, "settings", {"max_stream_s": limit // SECOND}, room=None)
    scenario.operator("start")
    began = scenario.now
    scenario.answer("succeeded", run="a")
    if known_start:
        scenario.webhook("hls-started", id="a", url=url("a"), start=rfc3339(began), after=9 * SECOND)
        assert scenario.runs[0].videosdk_started_at == began
    scenario.hls("started", "playable", id="a", url=url("a"))
    scenario.now = began + age
    scenario.webhook("hls-stopping", id="a", after=0)
    scenario.webhook("hls-stopped", id="a", after=20 * SECOND)
    return scenario


def cause(scenario: Any) -> Any:
    stream = scenario.view["stream"]
    return stream["stopped_because"], stream["known_by"]


@pytest.mark.parametrize("age", A_PERSONS[2:])
@pytest.mark.parametrize("known_start", [True, False])
def test_a_persons_stop_is_respected_at_any_age_of_the_stream(age: Any, known_start: bool) -> None:
    scenario = stopped_at_age(age, known_start=known_start)
    assert cause(scenario) == ("somebody", "webhook")
    scenario.wait(10 * MINUTE)
    assert len(scenario.starts) == 1
    assert scenario.view["desired"] is None


@pytest.mark.parametrize("age", AT_THE_LIMIT)
@pytest.mark.parametrize("known_start", [True, False])
def test_a_stream_that_ends_at_videosdks_limit_is_started_again(age: Any, known_start: bool) -> None:
    scenario = stopped_at_age(age, known_start=known_start)
    assert cause(scenario) == ("videosdk-limit", "webhook")
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_the_band_around_the_limit_is_narrow() -> None:
    assert LIMIT_EARLY_MS + LIMIT_LATE_MS < 5 * MINUTE


def test_the_limit_is_a_setting_that_the_journal_carries() -> None:
    assert cause(stopped_at_age(HOUR, limit=HOUR))[0] == "videosdk-limit"
    assert cause(stopped_at_age(LIMIT, limit=HOUR))[0] == "somebody"


def test_a_stream_that_an_operator_ended_says_so() -> None:
    scenario = wanted_on_air()
    assert cause(scenario) == (None, None)
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.hls("stopping", "stopped", id="a")
    assert cause(scenario) == ("operator", "webhook")
    assert scenario.view["stream"]["ended_by"] == "webhook"


def test_a_stream_that_a_rule_ended_says_so_whoever_started_it() -> None:
    scenario = wanted_on_air()
    scenario.put_rule({"name": "host-left", "on": "participant-left", "do": "end"})
    scenario.operator("release")
    scenario.joined("ada")
    scenario.joined("bob")
    scenario.left("ada")
    scenario.answer("succeeded")
    scenario.hls("stopped", id="a")
    assert cause(scenario) == ("rule:host-left", "webhook")
    [notice] = [notice for notice in scenario.announced if notice.type == "stream.stopped"]
    body = render_notice(notice, room_name=None, base_url=None).body
    assert "Ended by rule host-left" in body
    assert "Started by an operator" in body
    assert "Because" not in body


def test_an_end_that_videosdk_refused_is_not_why_the_stream_ended() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("refused", status=429)
    scenario.hls("stopped", id="a")
    assert cause(scenario) == ("somebody", "webhook")


def test_a_stream_that_ended_with_its_session_says_so() -> None:
    scenario = on_air()
    scenario.webhook("session-ended")
    scenario.hls("stopped", id="a")
    assert cause(scenario) == ("session-ended", "webhook")


def test_a_stream_that_stopped_when_the_last_one_left_ended_with_its_session() -> None:
    scenario = on_air()
    scenario.joined("ada")
    scenario.left("ada")
    scenario.hls("stopped", id="a")
    assert cause(scenario) == ("session-ended", "webhook")


@pytest.mark.parametrize(("after", "because"), [(2 * SECOND, "session-ended"), (MINUTE, "somebody")])
def test_a_stop_that_a_sessions_end_follows_at_once_came_of_that_end(after: Any, because: str) -> None:
    scenario = on_air()
    scenario.joined("ada")
    scenario.hls("stopping", "stopped", id="a")
    assert cause(scenario) == ("somebody", "webhook")
    scenario.webhook("session-ended", after=after)
    assert cause(scenario) == (because, "webhook")
    assert scenario.outcomes[-1].streams.keys() <= {scenario.runs[0].stream_id}


def test_a_stream_that_an_operator_ended_with_the_session_was_ended_by_the_operator() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.hls("stopped", id="a")
    scenario.webhook("session-ended")
    assert cause(scenario) == ("operator", "webhook")


def test_a_stream_that_failed_says_so() -> None:
    scenario = on_air()
    scenario.hls("failed", id="a", reason="encoder crashed")
    assert cause(scenario) == ("failed", "webhook")


def test_nobody_knows_what_ended_a_stream_that_vanished_until_its_stop_comes_late() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    scenario.probe(None)
    assert cause(scenario) == ("unknown", "probe")
    scenario.hls("stopped", id="a")
    assert cause(scenario) == ("somebody", "probe")


def test_a_stream_that_a_newer_one_replaced_is_inferred_to_have_ended() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", url=url("a"))
    scenario.hls("starting", "started", url=url("b"))
    assert [(run.stopped_because, run.ended_by) for run in scenario.runs] == [("unknown", "inferred"), (None, None)]


def test_a_stream_that_is_shown_again_has_not_ended() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    scenario.probe(None)
    scenario.now += 2 * MINUTE
    scenario.hls("playable", id="a")
    scenario.timer("ask:again")
    scenario.probe(rest("a"))
    assert scenario.view["on_air"]
    assert cause(scenario) == (None, None)


@pytest.mark.parametrize(
    ("because", "line"),
    [
        ("operator", STOP_CAUSE_TEXTS["operator"]),
        ("rule:r1", "Ended by rule r1"),
        ("session-ended", STOP_CAUSE_TEXTS["session-ended"]),
        ("videosdk-limit", STOP_CAUSE_TEXTS["videosdk-limit"]),
        ("somebody", STOP_CAUSE_TEXTS["somebody"]),
        ("unknown", STOP_CAUSE_TEXTS["unknown"]),
    ],
)
def test_each_cause_has_its_words(because: str, line: str) -> None:
    data = {"stream": {"stopped_because": because, "session_id": SESSION}}
    notice = make_notice("1-0", NoticeType.STREAM_STOPPED, 1, room_id=ROOM, sequence=1, because="rule:start", data=data)
    assert render_notice(notice, room_name=None, base_url=None).body.splitlines()[:2] == [
        line,
        "Started by rule start",
    ]


def test_without_credentials_a_persons_stop_is_recognised_too() -> None:
    scenario = Scenario(calls=False)
    scenario.webhook("session-started")
    scenario.hls("starting", "started", "stopped")
    assert cause(scenario) == ("somebody", "webhook")
