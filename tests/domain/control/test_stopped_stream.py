"""A desired stream that stops: a person's stop is respected, a failure is retried."""

from tests.support.scenario import MINUTE, SECOND, rest, url, wanted_on_air, with_session
from tests.support.started_room import backing_off, start_called
from webhook_app.domain.reasons import Reason

# A stream that stops by itself, or by somebody's hand


def test_a_persons_stop_is_respected() -> None:
    scenario = wanted_on_air()
    scenario.hls("stopping", "stopped", id="a")
    assert Reason.STOPPED_BY_SOMEBODY in scenario.decided
    assert scenario.view["desired"] is None
    scenario.wait(15 * MINUTE)
    assert len(scenario.starts) == 1


def test_a_persons_stop_of_a_sessions_second_stream_is_respected_though_its_webhook_names_no_stream() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", "stopped")
    scenario.operator("start")
    scenario.answer("succeeded", run="b")
    scenario.hls("started", url=url("b"))
    scenario.hls("stopping", "stopped")
    scenario.ask()
    scenario.probe(None)
    assert scenario.states == ["stopped", "stopped"]
    assert Reason.STOPPED_BY_SOMEBODY in scenario.decided
    assert scenario.view["desired"] is None


def test_a_persons_stop_is_respected_though_only_the_stopping_webhook_arrived() -> None:
    scenario = wanted_on_air()
    scenario.hls("stopping", id="a")
    scenario.wait(60 * SECOND)
    scenario.probe(None)
    assert Reason.STOPPED_BY_SOMEBODY in scenario.decided


def test_a_stream_that_stops_because_everybody_left_was_not_stopped_by_a_person() -> None:
    scenario = with_session()
    scenario.joined("ada")
    scenario.operator("start")
    scenario.answer("succeeded", run="a")
    scenario.hls("started", "playable", id="a")
    scenario.left("ada")
    scenario.hls("stopping", "stopped", id="a")
    scenario.webhook("session-ended")
    assert scenario.view["desired"]["on_air"]
    assert scenario.view["armed"]
    scenario.webhook("session-started", session="s2")
    scenario.wait(5 * SECOND)
    assert len(scenario.starts) == 2


def test_a_stream_that_failed_is_restarted_after_five_seconds() -> None:
    scenario = wanted_on_air()
    scenario.hls("failed", id="a")
    assert backing_off(scenario) == 5
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_a_stream_that_a_probe_finds_gone_is_restarted_after_five_seconds() -> None:
    scenario = wanted_on_air()
    scenario.wait(90 * SECOND)
    scenario.probe(None)
    assert backing_off(scenario) == 5
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_a_stream_that_fails_before_it_is_on_air_is_restarted_with_growing_delays() -> None:
    scenario = start_called()
    waited = []
    for n in range(4):
        scenario.answer("succeeded", run=f"run-{n}")
        scenario.hls("failed", id=f"run-{n}")
        waited.append(backing_off(scenario))
        scenario.timer("backoff")
    assert waited == [5, 10, 20, 40]


def test_a_stream_that_videosdk_ended_at_its_own_limit_is_restarted() -> None:
    scenario = wanted_on_air()
    scenario.now += 2 * 60 * MINUTE
    scenario.hls("stopping", "stopped", id="a")
    assert scenario.view["desired"]["on_air"]
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_the_age_of_a_stream_found_on_air_is_counted_from_videosdks_start_time() -> None:
    scenario = with_session()
    scenario.operator("start")
    scenario.answer("already", stream={**rest("a"), "start": "2026-11-22T10:00:00.000Z"})
    scenario.hls("stopping", "stopped", id="a")
    assert Reason.RETRY_VIDEOSDK_LIMIT in scenario.decided
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_a_start_that_finds_a_stream_which_has_just_ended_is_retried_after_a_back_off() -> None:
    scenario = wanted_on_air()
    scenario.hls("stopped", id="a")
    scenario.operator("start")
    scenario.answer("already", run="a")
    assert len(scenario.starts) == 2
    assert backing_off(scenario) == 5
