"""Webhooks that name no run, as VideoSDK documents them; and webhooks that come late, twice, mixed up or not at all."""

import pytest

from tests.e2e.scenarios.scenario_room import Hall
from tests.support.polling import wait_until

pytestmark = pytest.mark.process

BARE = {"stream_ids": False}


def test_a_window_with_bare_webhooks_is_one_run_from_opening_to_close(hall: Hall) -> None:
    hall.spoil(**BARE)
    hall.joins()
    hall.opens(lasts=10)
    hall.on_air()
    hall.closed()
    hall.off_air()
    assert (hall.broadcasts, len(hall.runs), len(hall.ends)) == (["completed"], 1, 1)
    assert hall.now["stream"]["videosdk_id"] == hall.runs[0]["id"]
    assert hall.desires(None)


def test_a_stream_that_breaks_is_started_again_and_the_second_is_ended_at_the_close(hall: Hall) -> None:
    hall.spoil(**BARE)
    hall.joins()
    hall.opens(lasts=18)
    hall.on_air()
    hall.breaks()
    hall.hears("stream.failed")
    hall.on_air(2)
    hall.closed()
    hall.off_air(limit_s=40)
    assert (hall.broadcasts, len(hall.runs)) == (["completed"], 2)
    assert hall.desires(None)["state"] == "stopped"


def test_a_person_who_stops_the_second_run_of_a_session_is_obeyed(hall: Hall) -> None:
    hall.spoil(**BARE)
    hall.joins()
    hall.opens(lasts=24)
    hall.on_air()
    hall.breaks()
    hall.on_air(2)
    hall.person_stops()
    hall.hears("broadcast.interrupted")
    hall.closed(after_s=2)
    assert (hall.broadcasts, len(hall.runs)) == (["interrupted", "completed"], 2)


def test_a_run_that_is_renewed_with_bare_webhooks_is_never_two(hall: Hall) -> None:
    hall.spoil(**BARE)
    hall.joins()
    hall.opens(lasts=24, max_run="6s")
    hall.on_air(2, limit_s=30)
    hall.closed()
    wait_until(lambda: all(run["ended_at"] for run in hall.runs), 40, "the end of every run")
    assert len(hall.runs) >= 2
    assert hall.broadcasts == ["completed"]


def test_an_operator_who_starts_and_ends_again_and_again_has_one_run_each_time(hall: Hall) -> None:
    hall.spoil(**BARE)
    hall.joins()
    hall.hears("participant.joined")
    for nth in range(1, 4):
        hall.operator("start")
        hall.on_air(nth, limit_s=40)
        hall.operator("end")
        hall.off_air(nth, limit_s=40)
    assert (len(hall.runs), len(hall.starts), len(hall.ends)) == (3, 3, 3)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("nth", range(4))
def test_in_a_storm_of_lost_late_and_doubled_webhooks_the_window_is_kept(hall: Hall, nth: int, named: bool) -> None:
    hall.spoil(
        drop={"probability": 0.3, "types": ["hls-*", "session-*", "participant-*"]},
        repeat=0.4,
        reorder=0.4,
        delay_s=0.2 * nth,
        stream_ids=named,
    )
    hall.joins()
    hall.opens(5, lasts=45, late_after="40s")
    wait_until(lambda: [run["state"] for run in hall.runs][-1:] == ["playable"], 40, "a run")
    hall.breaks()
    hall.until(hall.closes_at)
    wait_until(lambda: len(hall.runs) >= 1 and all(run["ended_at"] for run in hall.runs), 60, "the end of every run")
    wait_until(lambda: hall.now["desired"] is None and not hall.now["on_air"], 110, "the room being off and left alone")
    assert all(start["status"] != 409 for start in hall.starts)
