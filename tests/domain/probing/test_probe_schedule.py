"""When VideoSDK is probed: after each event, while a room is on air, and after failures."""

import itertools
from collections import Counter

from tests.support.scenario import SECOND, on_air, rest, with_session
from tests.support.stream_scenarios import (
    is_probed_after,
)

# When VideoSDK is asked


def test_a_stream_whose_start_succeeded_without_a_webhook_is_probed_after_15_s() -> None:
    scenario = with_session()
    scenario.operator("start")
    scenario.answer("succeeded", run="a")
    assert is_probed_after(scenario, 15 * SECOND)


def test_a_starting_stream_is_probed_after_60_s() -> None:
    scenario = with_session()
    scenario.hls("starting")
    assert is_probed_after(scenario, 60 * SECOND)


def test_a_stopping_stream_is_probed_after_60_s() -> None:
    scenario = on_air()
    scenario.hls("stopping", id="a")
    assert is_probed_after(scenario, 60 * SECOND)


def test_a_room_on_air_is_probed_every_60_to_90_s() -> None:
    scenario = on_air()
    for _ in range(8):
        asked_at = scenario.now
        scenario.timer("watch")
        assert 60 * SECOND <= scenario.now - asked_at <= 90 * SECOND
        scenario.probe(rest("a"), after=0)


def test_routine_probes_share_a_few_moments_and_rooms_are_spread_over_them() -> None:
    due = Counter(on_air(room=f"room-{number}").room.timers["watch"] for number in range(200))
    assert all(at % (10 * SECOND) == 0 for at in due)
    assert 2 <= len(due) <= 4
    assert max(due.values()) < 100


def test_most_routine_probes_may_be_answered_from_a_list_and_some_may_not() -> None:
    scenario = on_air()
    routine = []
    for _ in range(60):
        scenario.timer("watch")
        routine.append(bool(scenario.pending_probe.body.get("routine")))
        if routine[-1]:
            assert scenario.pending_probe.body["known"] == ["a"]
        scenario.probe(rest("a"), after=0)
    assert 30 < sum(routine) < 60


def test_a_probe_of_a_stream_that_is_not_playable_is_not_answered_from_a_list() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", id="a")
    scenario.timer("watch")
    assert "routine" not in scenario.pending_probe.body


def test_while_videosdk_is_unreachable_probes_grow_rarer_and_conclude_nothing_until_one_succeeds() -> None:
    scenario = on_air()
    probe_times, until = [], scenario.now + 600 * SECOND
    while scenario.now < until:
        scenario.timer("watch")
        probe_times.append(scenario.now)
        scenario.probe(reached=False, after=10 * SECOND)
        assert scenario.view["on_air"]
    gaps = [later - before for before, later in itertools.pairwise(probe_times)]
    assert max(gaps) <= 90 * SECOND
    assert gaps[-1] > gaps[0]
    assert len(probe_times) < 14
    before = scenario.now
    scenario.timer("watch")
    assert scenario.now - before <= 75 * SECOND
    scenario.probe(None)
    assert scenario.states == ["stopped"]
    assert scenario.room.probing.failures == 0


def test_a_probe_about_an_unmatched_stop_is_repeated_after_it_did_not_reach_videosdk() -> None:
    scenario = with_session()
    scenario.hls("stopped")
    scenario.timer("ask:settle")
    scenario.probe(reached=False)
    scenario.timer("ask:settle")
    assert scenario.room.probing.probe is not None


def test_no_probe_is_sent_before_retry_after_has_passed() -> None:
    scenario = on_air()
    scenario.timer("watch")
    scenario.probe(reached=False, status=429, retry_after_ms=40 * SECOND)
    quiet_until = scenario.room.probing.paused_until
    assert quiet_until is not None
    assert scenario.now + 40 * SECOND <= quiet_until <= scenario.now + 48 * SECOND
    scenario.hls("starting", "stopped", session="s2")
    scenario.hls("starting", "stopped", session="s2")
    scenario.timer("ask:settle")
    while_quiet = scenario.room.probing
    assert while_quiet.probe is None
    assert scenario.room.timers["ask:settle"] == quiet_until
    scenario.timer("ask:settle")
    assert scenario.room.probing.probe is not None
    scenario.probe(None, after=0)
    assert scenario.room.probing.paused_until is None


def test_retry_after_pauses_probes_for_six_minutes_at_most() -> None:
    scenario = on_air()
    scenario.timer("watch")
    scenario.probe(reached=False, status=429, retry_after_ms=86_400 * SECOND)
    quiet_until = scenario.room.probing.paused_until
    assert quiet_until is not None and quiet_until <= scenario.now + 360 * SECOND


def test_rooms_paused_at_the_same_time_are_probed_at_different_times_afterwards() -> None:
    due = set()
    for number in range(20):
        scenario = on_air(room=f"room-{number}")
        scenario.timer("watch")
        scenario.probe(reached=False, status=429, after=0, retry_after_ms=60 * SECOND)
        due.add(scenario.room.timers["watch"] - scenario.now)
    assert len(due) > 10


def test_a_started_stream_is_probed_after_90_and_120_s_and_then_taken_for_playable() -> None:
    scenario = with_session()
    scenario.hls("started", id="a")
    assert is_probed_after(scenario, 90 * SECOND)
    scenario.probe(rest("a"), after=0)
    assert scenario.states == ["started"]
    assert is_probed_after(scenario, 30 * SECOND)
    scenario.probe(rest("a"), after=0)
    assert scenario.states == ["playable"]


def test_a_live_stream_is_probed_60_s_after_its_session_ended() -> None:
    scenario = on_air()
    scenario.webhook("session-ended")
    assert is_probed_after(scenario, 60 * SECOND)


def test_routine_probes_do_not_pile_up_while_one_is_pending_or_videosdk_is_unreachable() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    probe_count = len(scenario.probes)
    scenario.probe(reached=False)
    scenario.wait(14 * SECOND)
    assert len(scenario.probes) <= probe_count + 1
