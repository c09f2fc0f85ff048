"""Webhooks without an id or URL: what cannot be matched is held back until a probe or a later webhook confirms it."""

from tests.support.scenario import SECOND, rest, url, with_session
from tests.support.stream_scenarios import after_a_bare_run, stream_notices
from webhook_app.domain.reasons import Reason

# A bare end that finds no run


def test_a_stop_without_an_id_before_any_stream_is_kept_and_probed() -> None:
    scenario = with_session()
    scenario.hls("stopped")
    assert scenario.room.streams == ()
    assert "ask:settle" in scenario.room.timers


def test_a_start_without_an_id_after_an_unmatched_stop_is_held_back_and_not_shown() -> None:
    scenario = with_session()
    scenario.hls("stopped", "starting")
    assert scenario.reasons == (Reason.HELD_BACK,)
    assert (stream_notices(scenario), scenario.view["state"], scenario.view["stream"]) == ([], "idle", None)


def test_a_start_without_an_id_after_a_stop_is_held_back() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting")
    assert scenario.reasons == (Reason.HELD_BACK,)
    assert (scenario.view["state"], stream_notices(scenario)[-1]) == ("stopped", "stream.stopped")
    assert not scenario.view["on_air"]
    assert not scenario.last.streams


def test_a_provisional_stream_is_probed_within_15_s() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting")
    scenario.wait(15 * SECOND)
    assert scenario.room.probing.probe is not None


def test_a_started_webhook_with_a_url_confirms_a_provisional_stream() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting")
    scenario.hls("started", url=url("b"))
    assert scenario.states == ["stopped", "started"]
    assert stream_notices(scenario)[-1] == "stream.started"


def test_a_probe_that_finds_the_stream_confirms_a_provisional_stream() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting")
    scenario.probe(rest("b"))
    assert scenario.states == ["stopped", "started"]
    assert scenario.runs[1].videosdk_id == "b"


def test_the_answer_to_a_start_confirms_a_provisional_stream() -> None:
    scenario = after_a_bare_run()
    scenario.operator("start")
    scenario.hls("starting")
    assert scenario.states == ["stopped"]
    scenario.answer("succeeded", run="b")
    assert scenario.states == ["stopped", "starting"]
    assert len(scenario.room.streams) == 2


def test_a_probe_that_finds_no_stream_drops_a_provisional_stream() -> None:
    scenario = after_a_bare_run()
    notice_count = len(scenario.announced)
    scenario.hls("starting")
    scenario.probe(None)
    assert [run.state for run in scenario.room.streams] == ["stopped"]
    assert len(scenario.announced) == notice_count


def test_a_stop_without_an_id_does_not_confirm_a_provisional_stream() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting", "stopped")
    assert scenario.states == ["stopped"]
    assert "ask:settle" in scenario.room.timers


def test_a_start_without_an_id_in_a_new_session_is_not_held_back() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting", session="s2")
    assert scenario.states == ["stopped", "starting"]
