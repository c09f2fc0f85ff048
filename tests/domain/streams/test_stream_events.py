"""Webhooks of one stream: in order, repeated, late, failed, and with names learned later."""

from tests.support.scenario import on_air, rest, url, with_session
from tests.support.stream_scenarios import ALL, ANNOUNCED, after_a_bare_run, stream_notices
from webhook_app.domain.reasons import Reason
from webhook_app.domain.streams.stream import EndedBy

# One run


def test_a_stream_whose_webhooks_arrive_in_order_is_announced_state_by_state() -> None:
    scenario = with_session()
    scenario.hls(*ALL, id="a", url=url("a"))
    assert stream_notices(scenario) == ANNOUNCED
    assert scenario.states == ["stopped"]
    assert scenario.runs[0].ended_by is EndedBy.WEBHOOK


def test_a_stream_without_id_and_url_is_matched_by_its_session() -> None:
    scenario = with_session()
    scenario.hls(*ALL)
    assert stream_notices(scenario) == ANNOUNCED
    assert scenario.states == ["stopped"]


def test_a_stream_is_matched_by_the_url_in_the_older_field_name() -> None:
    scenario = with_session()
    scenario.hls("starting")
    scenario.hls("started", "playable", downstreamUrl=url("a"))
    scenario.hls("stopped")
    assert stream_notices(scenario) == [kind for kind in ANNOUNCED if kind != "stream.stopping"]
    assert scenario.runs[0].playback_url == url("a")


def test_both_urls_of_a_stream_identify_the_same_stream() -> None:
    scenario = with_session()
    scenario.hls("started", url=url("a"))
    scenario.hls("playable", livestreamUrl=url("a", "live.m3u8") + "?token=1")
    assert scenario.states == ["playable"]
    assert scenario.runs[0].livestream_url == url("a", "live.m3u8") + "?token=1"


def test_the_first_webhook_of_a_stream_opens_it_in_any_state() -> None:
    scenario = with_session()
    scenario.hls("playable", id="a", url=url("a"))
    assert scenario.view["state"] == "playable"
    assert scenario.announced[-1].data["previous_state"] is None


def test_a_repeated_webhook_changes_nothing_and_is_marked_as_a_repeat() -> None:
    scenario = on_air()
    sequence, notice_count = scenario.room.sequence, len(scenario.announced)
    scenario.hls("playable", id="a", url=url("a"))
    assert scenario.reasons == (Reason.STREAM_REPEAT,)
    assert (scenario.room.sequence, len(scenario.announced)) == (sequence, notice_count)


def test_two_stops_without_an_id_are_one_stop_and_a_repeat() -> None:
    scenario = after_a_bare_run()
    scenario.hls("stopped")
    assert scenario.reasons == (Reason.STREAM_REPEAT,)
    assert stream_notices(scenario).count("stream.stopped") == 1


def test_a_late_event_does_not_move_a_stream_back_and_is_marked_as_late() -> None:
    scenario = on_air()
    scenario.hls("started", id="a")
    assert scenario.reasons == (Reason.STREAM_LATE,)
    assert scenario.view["state"] == "playable"


def test_a_failed_stream_shows_its_reason_and_stays_failed() -> None:
    scenario = on_air()
    scenario.hls("failed", id="a", reason="encoder crashed")
    scenario.hls("stopped", id="a")
    assert scenario.states == ["failed"]
    assert scenario.view["stream"]["failure"] == "encoder crashed"


def test_a_stop_with_an_id_that_arrives_before_the_start_makes_an_ended_stream() -> None:
    scenario = with_session()
    scenario.hls("stopped", "starting", "started", "playable", id="a")
    assert scenario.states == ["stopped"]
    assert stream_notices(scenario) == ["stream.stopped"]


def test_a_webhook_of_unknown_type_is_kept_and_changes_no_stream() -> None:
    scenario = on_air()
    scenario.webhook("hls-dancing", id="a")
    assert scenario.reasons == (Reason.STATE_NOT_CONCERNED,)
    assert scenario.states == ["playable"]


def test_a_webhook_without_a_session_id_belongs_to_the_current_session() -> None:
    scenario = on_air()
    scenario.hls("stopping", "stopped", session=None)
    assert scenario.states == ["stopped"]


def test_an_id_that_arrives_later_is_added_to_the_stream_without_one() -> None:
    scenario = with_session()
    scenario.hls("starting")
    scenario.hls("started", id="a", url=url("a"))
    assert [(run.videosdk_id, run.state) for run in scenario.runs] == [("a", "started")]


def test_an_id_takes_precedence_over_a_url() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", id="a", url=url("same"))
    scenario.hls("starting", id="b")
    scenario.hls("stopped", id="a", url=url("same"))
    assert scenario.states == ["stopped", "starting"]


def test_a_stop_with_an_id_that_two_streams_may_have_is_settled_by_a_probe() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", url=url("a"))
    scenario.hls("starting", "started", url=url("b"))
    scenario.hls("stopped", id="x")
    assert scenario.states == ["stopped", "started"]
    scenario.ask()
    scenario.probe(rest("b"))
    assert scenario.states == ["stopped", "started"]
    assert scenario.runs[1].videosdk_id == "b"


def test_a_stop_with_a_new_id_ends_the_only_stream_without_one() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", url=url("a"))
    scenario.hls("stopped", id="a")
    assert [(run.videosdk_id, run.state) for run in scenario.runs] == [("a", "stopped")]
