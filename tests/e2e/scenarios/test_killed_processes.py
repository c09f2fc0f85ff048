"""One process killed at the worst moment: between look and mark, mark and send, send and answer; and the others too.

The three moments of a start are held open by VideoSDK's side: it keeps a look waiting, takes a start and does nothing,
or does it and keeps the answer. When each is held, the one process that makes calls is killed, once for all of them.
"""

import contextlib
import threading
import time

import pytest

from tests.e2e.scenarios.scenario_room import Hall
from tests.e2e.scenarios.waiting import seconds_between
from tests.support.polling import wait_until
from webhook_app.domain.reasons import Reason

pytestmark = [pytest.mark.process, pytest.mark.house("struck")]

MOMENTS = 4
TOGETHER_S = 25.0
held = threading.Barrier(MOMENTS)


def test_killed_between_look_and_mark_the_start_is_decided_anew(hall: Hall) -> None:
    hall.joins()
    hall.spoil({"path": "active", "fault": "slow", "after_s": 600})
    hall.opens(lasts=60)
    hall.asked("/active")
    strike(hall)
    hall.on_air(limit_s=60)
    assert (len(hall.starts), len(hall.runs)) == (1, 1)
    hall.said(Reason.CALL_NOT_MADE)
    hall.closed(limit_s=60)
    hall.off_air()


@pytest.mark.house("gated")
def test_killed_between_mark_and_send_the_start_is_repeated_once_it_is_sure_that_nothing_was_done(hall: Hall) -> None:
    assert hall.gate is not None
    hall.joins()
    hall.hears("participant.joined")
    hall.gate.shut_after(f"/{hall.room}/active")
    hall.opens(lasts=75)
    wait_until(lambda: [call["state"] for call in hall.calls] == ["sent"], 10, "the mark")
    assert hall.starts == []
    hall.kills("call")
    hall.gate.open()
    hall.on_air(limit_s=75)
    assert (len(hall.starts), len(hall.runs)) == (1, 1)
    assert [call["state"] for call in hall.calls] == ["unknown", "succeeded"]
    hall.said(Reason.START_HAD_NO_EFFECT)
    hall.closed(limit_s=60)
    hall.off_air()


def test_killed_between_mark_and_work_the_start_is_repeated_once_it_is_sure_that_nothing_was_done(hall: Hall) -> None:
    hall.joins()
    hall.spoil("start:hang")
    hall.opens(lasts=75)
    hall.asked("/hls/start")
    strike(hall)
    hall.on_air(limit_s=75)
    first, second = (start["at"] for start in hall.starts)
    assert seconds_between(first, second) >= 25
    assert len(hall.runs) == 1
    hall.said(Reason.START_HAD_NO_EFFECT)
    hall.closed(limit_s=60)
    hall.off_air()


def test_killed_between_work_and_answer_the_start_is_not_repeated(hall: Hall) -> None:
    hall.joins()
    hall.spoil({"path": "start", "fault": "slow", "after_s": 600})
    hall.opens(lasts=40)
    hall.asked("/hls/start")
    strike(hall)
    hall.on_air()
    hall.closed(limit_s=60)
    hall.off_air(limit_s=40)
    assert (len(hall.starts), len(hall.runs)) == (1, 1)


def test_killed_between_work_and_answer_of_an_end_the_room_ends_once(hall: Hall) -> None:
    hall.joins()
    hall.operator("start")
    hall.on_air()
    hall.spoil({"path": "end", "fault": "slow", "after_s": 600})
    hall.operator("end")
    hall.asked("/hls/end")
    strike(hall)
    hall.off_air(limit_s=60)
    assert (len(hall.ends), len(hall.runs)) == (1, 1)


def test_the_clock_is_killed_at_the_opening_and_the_room_goes_on_air_all_the_same(hall: Hall) -> None:
    hall.joins()
    hall.opens(5, lasts=20)
    hall.until(hall.opens_at - 0.2)
    hall.kills("clock")
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs), len(hall.starts)) == (["completed"], 1, 1)


def test_the_worker_is_killed_at_the_opening_and_the_room_goes_on_air_all_the_same(hall: Hall) -> None:
    hall.joins()
    hall.opens(5, lasts=20)
    hall.until(hall.opens_at - 0.05)
    hall.kills("worker")
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs), len(hall.starts)) == (["completed"], 1, 1)


def test_the_receiver_is_killed_when_a_session_opens_and_the_room_goes_on_air_all_the_same(hall: Hall) -> None:
    hall.opens(3, lasts=30)
    hall.hears("broadcast.armed")
    hall.kills("web")
    hall.joins()
    hall.on_air(limit_s=30)
    hall.closed(limit_s=60)
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs)) == (["armed", "completed"], 1)


def strike(hall: Hall) -> None:
    """Kill the process that makes calls, once every story here has come to its moment."""
    first = True
    with contextlib.suppress(threading.BrokenBarrierError):
        first = held.wait(TOGETHER_S) == 0
    if first:
        hall.kills("call")
    time.sleep(1)
    hall.spoil()
