"""What a probe concludes: streams that have ended, are newly known, or are unchanged."""

from tests.support.scenario import SECOND, on_air, rest, url, with_session
from webhook_app.domain.events import Source
from webhook_app.domain.reasons import Reason

# What a probe saw


def test_a_stream_that_a_probe_no_longer_finds_is_ended_with_a_visible_repair() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    scenario.probe(None)
    assert scenario.view["stream"]["ended_by"] == "probe"
    assert scenario.reasons[-1] == Reason.STREAM_GONE


def test_a_stream_first_found_by_a_probe_is_started() -> None:
    scenario = with_session()
    scenario.hls("stopped")
    scenario.ask()
    scenario.probe(rest("a"))
    assert scenario.states == ["started"]


def test_a_probe_older_than_a_streams_last_event_does_not_end_it_and_is_repeated() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    asked_id = scenario.last_id
    scenario.hls("playable", id="a")
    scenario.probe(None, asked_id=asked_id)
    assert scenario.states == ["playable"]
    scenario.wait(2 * SECOND)
    assert scenario.room.probing.probe is not None
    scenario.probe(None)
    assert scenario.states == ["stopped"]


def test_a_probe_older_than_a_streams_end_does_not_reopen_it() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    asked_id = scenario.last_id
    scenario.hls("stopped", id="a")
    scenario.probe(rest("a"), asked_id=asked_id)
    assert scenario.states == ["stopped"]
    assert "ask:again" in scenario.room.timers


def test_a_probe_older_than_the_end_of_a_stream_without_an_id_opens_no_second_stream() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", "playable")
    scenario.wait(90 * SECOND)
    asked_id = scenario.last_id
    scenario.hls("stopped")
    scenario.probe(rest("a"), asked_id=asked_id)
    assert scenario.states == ["stopped"]
    assert "ask:again" in scenario.room.timers


def test_a_stream_whose_end_was_inferred_reopens_when_a_probe_finds_it_active() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", url=url("a"))
    scenario.hls("started", url=url("b"))
    scenario.wait(90 * SECOND)
    scenario.probe(rest("a"))
    assert scenario.states == ["started", "stopped"]
    assert Reason.STREAM_REOPENED in scenario.reasons


def test_a_probe_that_does_not_reach_videosdk_concludes_nothing_and_is_repeated() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    scenario.probe(reached=False)
    assert scenario.states == ["playable"]
    scenario.wait(30 * SECOND)
    assert scenario.room.probing.probe is not None


def test_a_late_answer_to_a_probe_that_was_given_up_is_ignored() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    lost = scenario.pending_probe
    scenario.timer("probe-lost")
    scenario.process(Source.PROBE, "probed", {"call_id": lost.call_id, "reached": True, "active": None})
    assert scenario.states == ["playable"]
    assert scenario.reasons == (Reason.PROBE_LATE,)


def test_a_probe_that_confirms_the_current_state_is_no_change() -> None:
    scenario = on_air()
    for _ in range(2):
        scenario.wait(90 * SECOND)
        scenario.probe(rest("a"))
        sequence = scenario.view["sequence"]
    assert sequence == 5  # the first probe brought the other URL
    assert scenario.reasons == (Reason.PROBE_NO_CHANGE,)
