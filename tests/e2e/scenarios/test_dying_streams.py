"""Streams that end before they should: broken, vanished, stopped by a person, or by VideoSDK's own limit."""

import time

import pytest

from tests.e2e.scenarios.scenario_room import Hall
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import LATE_S, wait_until
from webhook_app.domain.reasons import Reason

pytestmark = pytest.mark.process

TWO_HOURS_S = 7_200


def test_a_stream_that_breaks_in_its_window_is_started_again(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=14)
    hall.on_air()
    hall.breaks()
    hall.hears("stream.failed")
    hall.on_air(2)
    assert hall.now["desired"]["because"] == f"rule:{hall.rule}"
    hall.closed()
    hall.off_air()
    hall.said(Reason.RETRY_STREAM_GONE)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 2)


def test_a_stream_that_breaks_again_and_again_is_started_ever_later(hall: Hall) -> None:
    hall.pace(playable_s=600)
    hall.joins()
    hall.opens(lasts=50, late_after="30s")
    for nth in range(1, 4):
        hall.hears("stream.started", nth)
        if nth == 3:
            hall.pace(playable_s=0.2)
        hall.breaks()
        hall.hears("stream.failed", nth)
    hall.on_air(limit_s=30)
    ended = [run["ended_at"] for run in hall.runs[:3]]
    begun = [run["started_at"] for run in hall.runs[1:]]
    pauses = [seconds_between(*moments) for moments in zip(ended, begun, strict=True)]
    assert [least <= pause <= least + 5 + LATE_S for least, pause in zip((4.9, 9.9, 19.9), pauses, strict=True)] == [
        True
    ] * 3
    hall.closed()
    hall.off_air()
    assert hall.broadcasts == ["late", "completed"]


def test_a_stream_that_vanishes_without_a_word_is_missed_and_started_again(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=115)
    hall.on_air()
    hall.spoil(drop=["hls-*"])
    hall.breaks()
    wait_until(lambda: len(hall.runs) == 2, 110, "the second run")
    hall.spoil()
    hall.on_air(2)
    assert any("VideoSDK no longer shows it" in repair for repair in hall.repairs())
    hall.said(Reason.RETRY_STREAM_GONE)
    hall.closed()
    hall.off_air(2)
    assert hall.broadcasts == ["completed"]


def test_a_person_who_stops_the_stream_in_the_app_is_obeyed_until_the_window_closes(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=12)
    hall.on_air()
    hall.person_stops()
    hall.hears("broadcast.interrupted")
    assert hall.reason("interrupted") == "Somebody stopped the stream: left off"
    assert hall.desires(None)["on_air"] is False
    hall.closed(after_s=2)
    hall.said(Reason.STOPPED_BY_SOMEBODY_IN_WINDOW)
    assert (len(hall.starts), len(hall.runs)) == (1, 1)
    assert hall.broadcasts == ["interrupted", "completed"]


def test_a_persons_stop_that_is_told_after_it_was_found_by_asking_is_obeyed(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=22)
    hall.on_air()
    two = "room.on_air && room.session.participant_count == 2"
    hall.puts_rule(f"{hall.rule}-asks", when=two, **{"for": "4s"}, do="end")  # it has VideoSDK asked, and loses
    hall.joins("grace", "Grace")
    hall.hears("participant.joined", 2)
    hall.spoil(delay_s=5)
    hall.until(time.time() + 1.5)
    hall.person_stops()
    hall.hears("broadcast.interrupted")
    assert any("VideoSDK no longer shows it" in repair for repair in hall.repairs())
    hall.closed()
    assert (len(hall.starts), len(hall.runs)) == (1, 1)
    assert hall.broadcasts == ["interrupted", "completed"]


def test_a_person_who_stops_and_starts_again_is_left_alone_at_the_close(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=10)
    hall.on_air()
    hall.person_stops()
    hall.hears("broadcast.interrupted")
    hall.person_starts()
    hall.on_air(2)
    hall.closed(after_s=3)
    assert (hall.now["state"], hall.ends[1:]) == ("playable", [])
    assert hall.broadcasts == ["interrupted", "completed"]


def test_with_restart_always_a_persons_stop_is_undone(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=14, restart="always")
    hall.on_air()
    hall.person_stops()
    hall.on_air(2)
    hall.closed()
    hall.off_air(2)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 2)


def test_with_restart_never_a_stream_that_breaks_is_left_off(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=14, restart="never")
    hall.on_air()
    hall.breaks()
    hall.hears("stream.failed")
    hall.closed()
    hall.said(Reason.NOT_RESTARTED)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 1)


def test_a_stream_that_ends_at_videosdks_own_limit_is_started_again(hall: Hall) -> None:
    hall.spoil(drop=["hls-*"])
    hall.joins()
    hall.person_starts()
    wait_until(lambda: [run["state"] for run in hall.runs] == ["playable"], 10, "the person's run")
    hall.sandbox.age(hall.room, TWO_HOURS_S - 15)
    hall.spoil()
    hall.opens(lasts=34)
    hall.off_air(limit_s=30)
    hall.on_air()
    hall.closed()
    hall.off_air(2)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 2)
    hall.said(Reason.RETRY_VIDEOSDK_LIMIT)


def test_a_session_that_ends_takes_its_stream_along_and_the_next_one_is_put_on_air(hall: Hall) -> None:
    hall.joins()
    hall.opens(lasts=20)
    hall.on_air()
    hall.session_ends()
    hall.off_air()
    hall.hears("broadcast.armed")
    hall.joins()
    hall.on_air(2)
    hall.closed()
    hall.off_air(2)
    assert (hall.broadcasts, len(hall.runs)) == (["armed", "completed"], 2)


def test_a_close_while_the_stream_is_starting_waits_for_started_before_it_ends_it(hall: Hall) -> None:
    hall.pace(started_s=8)
    hall.joins()
    hall.opens(lasts=5)
    hall.closed()
    hall.off_air()
    hall.said(Reason.WAITING_FOR_STARTED)
    assert [end["status"] for end in hall.ends] == [200]
    assert hall.broadcasts == ["missed"]
    assert hall.desires(None)


def test_an_end_that_is_refused_is_told_and_tried_again(hall: Hall) -> None:
    hall.joins()
    hall.spoil("end:409")
    hall.opens(lasts=5)
    hall.closed()
    hall.off_air()
    assert [end["status"] for end in hall.ends] == [409, 200]
    assert [notice["data"]["call"]["kind"] for notice in hall.notices("call.refused")] == ["end"]
    assert hall.desires(None)["state"] == "stopped"


def test_an_end_whose_answer_is_lost_is_not_repeated_when_it_was_done(hall: Hall) -> None:
    hall.joins()
    hall.spoil("end:answer-lost")
    hall.opens(lasts=5)
    hall.closed()
    hall.off_air()
    assert len(hall.ends) == 1
    assert hall.desires(None)["state"] == "stopped"


def test_an_end_that_hangs_and_was_done_is_not_repeated(hall: Hall) -> None:
    hall.joins()
    hall.spoil({"path": "end", "fault": "slow", "after_s": 600})
    hall.opens(lasts=5)
    hall.closed()
    hall.off_air()
    assert len(hall.ends) == 1


@pytest.mark.parametrize("broken", ["500", "503"])
def test_an_end_that_breaks_is_asked_about_and_repeated(hall: Hall, broken: str) -> None:
    hall.joins()
    hall.spoil(f"end:{broken}")
    hall.opens(lasts=5)
    hall.closed()
    hall.off_air(limit_s=40)
    assert len(hall.ends) == 2
    assert hall.desires(None)["state"] == "stopped"


def test_an_end_that_hangs_and_did_nothing_is_repeated(hall: Hall) -> None:
    hall.joins()
    hall.spoil("end:hang")
    hall.opens(lasts=5)
    hall.closed()
    hall.off_air(limit_s=60)
    assert len(hall.ends) == 2
    assert hall.desires(None)["state"] == "stopped"
