"""Watchdogs: what VideoSDK does not tell is found by asking; nothing is concluded while it cannot be reached."""

import itertools
import time

import pytest

from tests.e2e.scenarios.scenario_room import Hall
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import wait_until
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process


def test_a_lost_starting_changes_nothing_but_the_first_word(hall: Hall) -> None:
    hall.joins()
    hall.spoil(drop=["hls-starting"])
    hall.operator("start")
    hall.on_air()
    assert (len(hall.runs), hall.now["state"]) == (1, "playable")


def test_a_lost_started_is_found_by_playable(hall: Hall) -> None:
    hall.joins()
    hall.spoil(drop=["hls-started"])
    hall.operator("start")
    hall.on_air()
    shown = hall.now["stream"]
    assert shown["started_at"] and shown["started_at"] <= shown["playable_at"]


def test_a_lost_start_sequence_is_repaired_within_15_seconds_of_the_answer(hall: Hall) -> None:
    hall.joins()
    hall.hears("participant.joined")
    hall.spoil(drop=["hls-*"])
    hall.operator("start")
    hall.hears("stream.started", limit_s=30)
    answered = hall.event("start-succeeded")["at"]
    assert seconds_between(answered, hall.notices("stream.started")[0]["timestamp"]) <= 20
    assert hall.repairs() != []


def test_a_bare_starting_whose_started_is_lost_is_found_within_a_minute(hall: Hall) -> None:
    hall.joins()
    hall.spoil(drop=["hls-started", "hls-playable"], stream_ids=False)
    hall.person_starts()
    hall.hears("stream.starting")
    hall.hears("stream.started", limit_s=80)
    assert hall.repairs() != []
    assert seconds_between(*(hall.notices(f"stream.{one}")[0]["timestamp"] for one in ("starting", "started"))) >= 55


def test_a_lost_playable_is_found_within_two_minutes(hall: Hall) -> None:
    hall.joins()
    hall.spoil(drop=["hls-playable"])
    hall.operator("start")
    hall.hears("stream.started")
    hall.hears("stream.playable", limit_s=140)
    assert seconds_between(*(hall.notices(f"stream.{one}")[0]["timestamp"] for one in ("started", "playable"))) >= 110
    assert len([repair for repair in hall.repairs() if "to playable" in repair]) == 1


def test_a_lost_stopping_changes_nothing_but_the_word(hall: Hall) -> None:
    hall.joins()
    hall.operator("start")
    hall.on_air()
    hall.spoil(drop=["hls-stopping"])
    hall.person_stops()
    hall.off_air()
    assert hall.now["stream"]["ended_by"] == "webhook"
    assert hall.desires(None)


def test_a_lost_stopped_is_found_within_a_minute(hall: Hall) -> None:
    hall.joins()
    hall.operator("start")
    hall.on_air()
    hall.spoil(drop=["hls-stopped"])
    hall.person_stops()
    hall.hears("stream.stopping")
    hall.off_air(limit_s=80)
    assert hall.now["stream"]["ended_by"] == "probe"
    assert any("VideoSDK's record: hls-stopped sent, delivery failed" in repair for repair in hall.repairs())
    assert hall.desires(None)
    assert len(hall.starts) == 1


def test_a_lost_stop_sequence_of_our_own_end_is_found_within_15_seconds(hall: Hall) -> None:
    hall.joins()
    hall.operator("start")
    hall.on_air()
    hall.spoil(drop=["hls-*"])
    hall.operator("end")
    hall.off_air(limit_s=25)
    assert hall.now["stream"]["ended_by"] == "probe"
    assert len(hall.ends) == 1


def test_a_lost_stop_sequence_is_found_within_90_seconds(hall: Hall) -> None:
    hall.joins()
    hall.person_starts()
    hall.on_air()
    hall.spoil(drop=["hls-*"])
    hall.person_stops()
    hall.off_air(limit_s=110)
    assert hall.now["stream"]["ended_by"] == "probe"


def test_a_session_that_ended_under_a_live_stream_is_asked_about_a_minute_later(hall: Hall) -> None:
    hall.joins()
    hall.person_starts()
    hall.on_air()
    hall.spoil(drop=["hls-*"])
    hall.session_ends()
    hall.hears("session.ended")
    hall.off_air(limit_s=80)
    ended, stopped = (hall.notices(one)[0]["timestamp"] for one in ("session.ended", "stream.stopped"))
    assert 25 <= seconds_between(ended, stopped) <= 75
    assert hall.now["stream"]["ended_by"] == "probe"


def test_while_videosdk_cannot_be_reached_nothing_is_concluded_and_afterwards_all_is(hall: Hall) -> None:
    hall.joins()
    hall.person_starts()
    hall.on_air()
    hall.spoil("*:503*", drop=["hls-*"])
    hall.sandbox.end_session(hall.room)
    hall.hears("session.ended")
    wait_until(
        lambda: [one for one in hall.asks("/active") if one["status"] == 503], 90, "a question that was not answered"
    )
    time.sleep(3)
    assert hall.now["state"] == "playable"
    hall.said(Reason.PROBE_UNREACHED)
    hall.spoil(drop=["hls-*"])
    hall.off_air(limit_s=120)
    assert hall.now["stream"]["ended_by"] == "probe"


def test_an_opening_while_videosdk_cannot_be_reached_is_late_and_made_up_for(hall: Hall) -> None:
    hall.joins()
    hall.spoil("*:502*")
    hall.opens(lasts=45, late_after="8s")
    hall.hears("broadcast.late")
    assert "could not be reached" in hall.reason("late")
    assert hall.starts == []
    hall.spoil()
    hall.on_air(limit_s=60)
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs), len(hall.starts)) == (["late", "completed"], 1, 1)


def test_an_answer_that_is_older_than_an_event_ends_nothing(hall: Hall) -> None:
    hall.spoil({"path": "active", "fault": "slow", "after_s": 4})
    hall.operator("start")
    hall.asked("/active")  # asked while nobody is there; the answer comes when the room is on air
    hall.joins()
    hall.on_air()
    wait_until(lambda: [item for item in hall.timeline if item["source"] == "probe"], 20, "the old answer")
    before_it = list(itertools.takewhile(lambda item: item["source"] != "probe", hall.timeline))
    answer = hall.timeline[len(before_it)]["effect"]
    # On a slow machine it may come before the stream begins, or too late to be taken. It ends nothing either way.
    in_time = any(item["type"].startswith("hls-") for item in before_it) and "could not be reached" not in answer
    assert not in_time or "after the probe was sent" in answer
    time.sleep(4)
    assert (hall.now["state"], len(hall.runs), len(hall.starts)) == ("playable", 1, 1)
    assert hall.notices("stream.stopped") == []


def test_webhooks_that_come_twice_and_out_of_order_make_one_run(hall: Hall) -> None:
    hall.spoil(repeat=2, reorder=0.5)
    hall.joins()
    hall.opens(lasts=12)
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)
    assert len(hall.told) == len({(told, index) for index, told in enumerate(hall.told)})
    assert hall.told.count("stream.stopped") == hall.told.count("stream.playable") == 1
