"""Watchdogs: what VideoSDK does not tell is found by asking; nothing is concluded while it cannot be reached."""

import itertools

import pytest

from tests.e2e.scenarios.scenario_room import ScenarioRoom
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.pauses import assert_holds_for
from tests.support.polling import wait_until
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process


def test_a_lost_starting_changes_nothing_but_the_first_word(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults(drop=["hls-starting"])
    scenario.operator("start")
    scenario.on_air()
    assert (len(scenario.runs), scenario.now["state"]) == (1, "playable")


def test_a_lost_started_is_found_by_playable(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults(drop=["hls-started"])
    scenario.operator("start")
    scenario.on_air()
    shown = scenario.now["stream"]
    assert shown["started_at"] and shown["started_at"] <= shown["playable_at"]


def test_a_lost_start_sequence_is_repaired_within_15_seconds_of_the_answer(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.receives("participant.joined")
    scenario.inject_faults(drop=["hls-*"])
    scenario.operator("start")
    scenario.receives("stream.started", limit_s=30)
    answered = scenario.event("start-succeeded")["at"]
    assert seconds_between(answered, scenario.notices("stream.started")[0]["timestamp"]) <= 20
    assert scenario.repairs() != []


def test_a_bare_starting_whose_started_is_lost_is_found_within_a_minute(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults(drop=["hls-started", "hls-playable"], stream_ids=False)
    scenario.person_starts()
    scenario.receives("stream.starting")
    scenario.receives("stream.started", limit_s=80)
    assert scenario.repairs() != []
    assert (
        seconds_between(*(scenario.notices(f"stream.{kind}")[0]["timestamp"] for kind in ("starting", "started"))) >= 55
    )


def test_a_lost_playable_is_found_within_two_minutes(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults(drop=["hls-playable"])
    scenario.operator("start")
    scenario.receives("stream.started")
    scenario.receives("stream.playable", limit_s=140)
    assert (
        seconds_between(*(scenario.notices(f"stream.{kind}")[0]["timestamp"] for kind in ("started", "playable")))
        >= 110
    )
    assert len([repair for repair in scenario.repairs() if "to playable" in repair]) == 1


def test_a_lost_stopping_changes_nothing_but_the_word(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.operator("start")
    scenario.on_air()
    scenario.inject_faults(drop=["hls-stopping"])
    scenario.person_stops()
    scenario.off_air()
    assert scenario.now["stream"]["ended_by"] == "webhook"
    assert scenario.desires(None)


def test_a_lost_stopped_is_found_within_a_minute(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.operator("start")
    scenario.on_air()
    scenario.inject_faults(drop=["hls-stopped"])
    scenario.person_stops()
    scenario.receives("stream.stopping")
    scenario.off_air(limit_s=80)
    assert scenario.now["stream"]["ended_by"] == "probe"
    assert any("VideoSDK's record: hls-stopped sent, delivery failed" in repair for repair in scenario.repairs())
    assert scenario.desires(None)
    assert len(scenario.starts) == 1


def test_a_lost_stop_sequence_of_our_own_end_is_found_within_15_seconds(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.operator("start")
    scenario.on_air()
    scenario.inject_faults(drop=["hls-*"])
    scenario.operator("end")
    scenario.off_air(limit_s=25)
    assert scenario.now["stream"]["ended_by"] == "probe"
    assert len(scenario.ends) == 1


def test_a_lost_stop_sequence_is_found_within_90_seconds(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.person_starts()
    scenario.on_air()
    scenario.inject_faults(drop=["hls-*"])
    scenario.person_stops()
    scenario.off_air(limit_s=110)
    assert scenario.now["stream"]["ended_by"] == "probe"


def test_a_live_stream_whose_session_ended_is_probed_a_minute_later(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.person_starts()
    scenario.on_air()
    scenario.inject_faults(drop=["hls-*"])
    scenario.session_ends()
    scenario.receives("session.ended")
    scenario.off_air(limit_s=80)
    ended, stopped = (scenario.notices(kind)[0]["timestamp"] for kind in ("session.ended", "stream.stopped"))
    assert 25 <= seconds_between(ended, stopped) <= 75
    assert scenario.now["stream"]["ended_by"] == "probe"


def test_while_videosdk_cannot_be_reached_nothing_is_concluded_and_afterwards_all_is(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.person_starts()
    scenario.on_air()
    scenario.inject_faults("*:503*", drop=["hls-*"])
    scenario.sandbox.end_session(scenario.room)
    scenario.receives("session.ended")
    wait_until(
        lambda: [ask for ask in scenario.requests_to("/active") if ask["status"] == 503],
        90,
        "a question that was not answered",
    )
    assert_holds_for(3, lambda: scenario.now["state"] == "playable", "the stream stays playable")
    scenario.timeline_shows(Reason.PROBE_UNREACHED)
    scenario.inject_faults(drop=["hls-*"])
    scenario.off_air(limit_s=120)
    assert scenario.now["stream"]["ended_by"] == "probe"


def test_an_opening_while_videosdk_cannot_be_reached_is_late_and_made_up_for(scenario: ScenarioRoom) -> None:
    scenario.joins()
    scenario.inject_faults("*:502*")
    scenario.opens(lasts=45, late_after="8s")
    scenario.receives("broadcast.late")
    assert scenario.reason("late") == Reason.VIDEOSDK_UNREACHED
    assert scenario.starts == []
    scenario.inject_faults()
    scenario.on_air(limit_s=60)
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs), len(scenario.starts)) == (["late", "completed"], 1, 1)


def test_an_answer_that_is_older_than_an_event_ends_nothing(scenario: ScenarioRoom) -> None:
    scenario.inject_faults({"path": "active", "fault": "slow", "after_s": 4})
    scenario.operator("start")
    scenario.wait_for_request("/active")  # asked while nobody is there; the answer comes when the room is on air
    scenario.joins()
    scenario.on_air()
    wait_until(lambda: [item for item in scenario.timeline if item["source"] == "probe"], 20, "the old answer")
    before_it = list(itertools.takewhile(lambda item: item["source"] != "probe", scenario.timeline))
    answer = scenario.timeline[len(before_it)]["effect"]
    # On a slow machine it may come before the stream begins, or too late to be taken. It ends nothing either way.
    in_time = any(item["type"].startswith("hls-") for item in before_it) and "could not be reached" not in answer
    assert not in_time or "after the probe was sent" in answer
    assert_holds_for(
        4,
        lambda: (scenario.now["state"], len(scenario.runs), len(scenario.starts)) == ("playable", 1, 1),
        "one stream, playable, started once",
    )
    assert scenario.notices("stream.stopped") == []


def test_webhooks_repeated_and_out_of_order_make_one_stream(scenario: ScenarioRoom) -> None:
    scenario.inject_faults(repeat=2, reorder=0.5)
    scenario.joins()
    scenario.opens(lasts=12)
    scenario.on_air()
    scenario.closed()
    scenario.off_air()
    assert (scenario.broadcasts, len(scenario.runs)) == (["completed"], 1)
    assert len(scenario.notice_types) == len(
        {(notice_type, index) for index, notice_type in enumerate(scenario.notice_types)}
    )
    assert scenario.notice_types.count("stream.stopped") == scenario.notice_types.count("stream.playable") == 1
