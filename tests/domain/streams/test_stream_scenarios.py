"""What a room's runs come to, told as stories of webhooks, questions and answers."""

import itertools
from collections import Counter
from typing import Any

from tests.support.scenario import ROOM, SECOND, Scenario, on_air, rest, url, with_session
from webhook_app.domain.events import Source
from webhook_app.domain.reasons import Reason
from webhook_app.domain.streams.stream import EndedBy

ALL = ["starting", "started", "playable", "stopping", "stopped"]
ANNOUNCED = [f"stream.{state}" for state in ALL]


def stream_notices(scenario: Any) -> Any:
    return [kind for kind in scenario.notices if kind.startswith("stream.")]


def after_a_bare_run(**more: Any) -> Any:
    """A bare run that has come and gone."""
    scenario = with_session(**more)
    scenario.hls("starting", "started", "playable", "stopped")
    return scenario


# One run


def test_a_run_whose_webhooks_come_in_order_is_told_state_by_state() -> None:
    scenario = with_session()
    scenario.hls(*ALL, id="a", url=url("a"))
    assert stream_notices(scenario) == ANNOUNCED
    assert scenario.states == ["stopped"]
    assert scenario.runs[0].ended_by is EndedBy.WEBHOOK


def test_a_run_that_nothing_names_is_followed_by_its_session_alone() -> None:
    scenario = with_session()
    scenario.hls(*ALL)
    assert stream_notices(scenario) == ANNOUNCED
    assert scenario.states == ["stopped"]


def test_a_run_is_followed_by_its_url_under_its_old_name() -> None:
    scenario = with_session()
    scenario.hls("starting")
    scenario.hls("started", "playable", downstreamUrl=url("a"))
    scenario.hls("stopped")
    assert stream_notices(scenario) == [kind for kind in ANNOUNCED if kind != "stream.stopping"]
    assert scenario.runs[0].playback_url == url("a")


def test_both_urls_of_a_run_name_the_same_run() -> None:
    scenario = with_session()
    scenario.hls("started", url=url("a"))
    scenario.hls("playable", livestreamUrl=url("a", "live.m3u8") + "?token=1")
    assert scenario.states == ["playable"]
    assert scenario.runs[0].livestream_url == url("a", "live.m3u8") + "?token=1"


def test_the_first_webhook_of_a_run_opens_it_whichever_it_is() -> None:
    scenario = with_session()
    scenario.hls("playable", id="a", url=url("a"))
    assert scenario.view["state"] == "playable"
    assert scenario.announced[-1].data["previous_state"] is None


def test_a_repeat_changes_nothing_and_stays_in_the_timeline_as_one() -> None:
    scenario = on_air()
    sequence, notice_count = scenario.room.sequence, len(scenario.announced)
    scenario.hls("playable", id="a", url=url("a"))
    assert scenario.reasons == (Reason.STREAM_REPEAT,)
    assert (scenario.room.sequence, len(scenario.announced)) == (sequence, notice_count)


def test_two_bare_stops_of_one_run_are_one_stop_and_a_repeat() -> None:
    scenario = after_a_bare_run()
    scenario.hls("stopped")
    assert scenario.reasons == (Reason.STREAM_REPEAT,)
    assert stream_notices(scenario).count("stream.stopped") == 1


def test_a_late_event_does_not_move_a_run_back_and_is_called_late() -> None:
    scenario = on_air()
    scenario.hls("started", id="a")
    assert scenario.reasons == (Reason.STREAM_LATE,)
    assert scenario.view["state"] == "playable"


def test_a_run_that_failed_says_why_and_stays_failed() -> None:
    scenario = on_air()
    scenario.hls("failed", id="a", reason="encoder crashed")
    scenario.hls("stopped", id="a")
    assert scenario.states == ["failed"]
    assert scenario.view["stream"]["failure"] == "encoder crashed"


def test_a_stop_with_an_id_before_its_start_makes_a_run_that_has_ended() -> None:
    scenario = with_session()
    scenario.hls("stopped", "starting", "started", "playable", id="a")
    assert scenario.states == ["stopped"]
    assert stream_notices(scenario) == ["stream.stopped"]


def test_a_type_we_do_not_know_is_kept_and_changes_no_run() -> None:
    scenario = on_air()
    scenario.webhook("hls-dancing", id="a")
    assert scenario.reasons == (Reason.STATE_NOT_CONCERNED,)
    assert scenario.states == ["playable"]


def test_a_webhook_that_names_no_session_is_about_the_one_we_know() -> None:
    scenario = on_air()
    scenario.hls("stopping", "stopped", session=None)
    assert scenario.states == ["stopped"]


# Names learned later


def test_an_id_learned_later_joins_the_run_that_lacked_one() -> None:
    scenario = with_session()
    scenario.hls("starting")
    scenario.hls("started", id="a", url=url("a"))
    assert [(run.videosdk_id, run.state) for run in scenario.runs] == [("a", "started")]


def test_an_id_goes_before_a_url_when_both_are_given() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", id="a", url=url("same"))
    scenario.hls("starting", id="b")
    scenario.hls("stopped", id="a", url=url("same"))
    assert scenario.states == ["stopped", "starting"]


def test_an_end_by_a_name_that_two_runs_may_have_is_settled_by_asking() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", url=url("a"))
    scenario.hls("starting", "started", url=url("b"))
    scenario.hls("stopped", id="x")
    assert scenario.states == ["stopped", "started"]
    scenario.ask()
    scenario.probe(rest("b"))
    assert scenario.states == ["stopped", "started"]
    assert scenario.runs[1].videosdk_id == "b"


def test_an_end_by_a_new_name_is_that_of_the_only_run_without_one() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", url=url("a"))
    scenario.hls("stopped", id="a")
    assert [(run.videosdk_id, run.state) for run in scenario.runs] == [("a", "stopped")]


# A bare end that finds no run


def test_a_bare_stop_with_no_run_yet_is_remembered_and_asked_about() -> None:
    scenario = with_session()
    scenario.hls("stopped")
    assert scenario.room.streams == ()
    assert "ask:settle" in scenario.room.timers


def test_a_bare_start_after_a_bare_stop_is_held_back_and_shown_nowhere() -> None:
    scenario = with_session()
    scenario.hls("stopped", "starting")
    assert scenario.reasons == (Reason.HELD_BACK,)
    assert (stream_notices(scenario), scenario.view["state"], scenario.view["stream"]) == ([], "idle", None)


# A bare start after an end


def test_a_bare_start_after_an_end_is_held_back() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting")
    assert scenario.reasons == (Reason.HELD_BACK,)
    assert (scenario.view["state"], stream_notices(scenario)[-1]) == ("stopped", "stream.stopped")
    assert not scenario.view["on_air"]
    assert not scenario.last.streams


def test_what_is_held_back_is_asked_about_within_a_quarter_of_a_minute() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting")
    scenario.wait(15 * SECOND)
    assert scenario.room.probing.probe is not None


def test_a_started_with_a_url_confirms_what_was_held_back() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting")
    scenario.hls("started", url=url("b"))
    assert scenario.states == ["stopped", "started"]
    assert stream_notices(scenario)[-1] == "stream.started"


def test_a_probe_that_sees_it_confirms_what_was_held_back() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting")
    scenario.probe(rest("b"))
    assert scenario.states == ["stopped", "started"]
    assert scenario.runs[1].videosdk_id == "b"


def test_the_answer_to_a_start_confirms_what_was_held_back() -> None:
    scenario = after_a_bare_run()
    scenario.operator("start")
    scenario.hls("starting")
    assert scenario.states == ["stopped"]
    scenario.answer("succeeded", run="b")
    assert scenario.states == ["stopped", "starting"]
    assert len(scenario.room.streams) == 2


def test_a_probe_that_sees_nothing_drops_what_was_held_back() -> None:
    scenario = after_a_bare_run()
    notice_count = len(scenario.announced)
    scenario.hls("starting")
    scenario.probe(None)
    assert [run.state for run in scenario.room.streams] == ["stopped"]
    assert len(scenario.announced) == notice_count


def test_a_bare_stop_does_not_confirm_what_was_held_back() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting", "stopped")
    assert scenario.states == ["stopped"]
    assert "ask:settle" in scenario.room.timers


def test_a_bare_start_in_a_new_session_is_held_back_by_nothing() -> None:
    scenario = after_a_bare_run()
    scenario.hls("starting", session="s2")
    assert scenario.states == ["stopped", "starting"]


# Two runs


def test_two_runs_with_ids_may_be_open_at_once_and_the_older_is_asked_about() -> None:
    scenario = on_air("a")
    scenario.hls("starting", id="b")
    assert scenario.states == ["playable", "starting"]
    assert scenario.view["stream"]["videosdk_id"] == "b"
    scenario.ask()
    scenario.probe(rest("b"))
    assert scenario.states == ["stopped", "started"]
    assert scenario.runs[0].ended_by is EndedBy.PROBE


def test_a_new_run_without_an_id_closes_the_older_as_inferred() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", url=url("a"))
    scenario.hls("started", url=url("b"))
    assert scenario.states == ["stopped", "started"]
    assert scenario.runs[0].ended_by is EndedBy.INFERRED
    assert stream_notices(scenario)[-2:] == ["stream.stopped", "stream.started"]


def test_a_stop_of_the_first_run_by_its_id_leaves_the_second_alone() -> None:
    scenario = on_air("a")
    scenario.hls("starting", "started", id="b", url=url("b"))
    scenario.hls("stopped", id="a")
    assert scenario.states == ["stopped", "started"]


def test_an_end_of_an_unknown_run_does_not_close_the_one_that_is_on() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", url=url("b"))
    scenario.hls("stopping", url=url("a"))
    assert scenario.runs[0].live


def test_a_bare_stop_in_a_session_of_two_runs_is_settled_by_a_probe() -> None:
    scenario = on_air("a")
    scenario.hls("stopped", id="a")
    scenario.hls("starting", "started", id="b", url=url("b"))
    scenario.hls("stopped")
    assert scenario.states == ["stopped", "started"]
    scenario.ask()
    scenario.probe(None)
    assert scenario.states == ["stopped", "stopped"]
    assert scenario.view["stream"]["ended_by"] == "probe"


def test_a_failed_repeat_of_a_run_long_gone_opens_nothing() -> None:
    scenario = with_session()
    for n in range(14):
        scenario.hls("started", "stopped", id=f"run-{n}")
    scenario.hls("started", id="run-0")
    assert scenario.reasons == (Reason.STREAM_TOO_OLD,)
    assert not scenario.view["on_air"]


# What a probe saw


def test_a_run_that_videosdk_no_longer_shows_has_ended_and_the_repair_is_visible() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    scenario.probe(None)
    assert scenario.view["stream"]["ended_by"] == "probe"
    assert scenario.reasons[-1] == Reason.STREAM_GONE


def test_a_run_that_only_videosdk_knew_of_is_at_least_started() -> None:
    scenario = with_session()
    scenario.hls("stopped")
    scenario.ask()
    scenario.probe(rest("a"))
    assert scenario.states == ["started"]


def test_a_question_older_than_a_runs_news_does_not_end_it_and_is_put_again() -> None:
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


def test_a_question_older_than_a_runs_end_does_not_reopen_it() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    asked_id = scenario.last_id
    scenario.hls("stopped", id="a")
    scenario.probe(rest("a"), asked_id=asked_id)
    assert scenario.states == ["stopped"]
    assert "ask:again" in scenario.room.timers


def test_a_question_older_than_the_end_of_a_run_without_a_name_opens_no_ghost_of_it() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", "playable")
    scenario.wait(90 * SECOND)
    asked_id = scenario.last_id
    scenario.hls("stopped")
    scenario.probe(rest("a"), asked_id=asked_id)
    assert scenario.states == ["stopped"]
    assert "ask:again" in scenario.room.timers


def test_a_run_that_was_inferred_to_have_ended_reopens_when_videosdk_still_shows_it() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", url=url("a"))
    scenario.hls("started", url=url("b"))
    scenario.wait(90 * SECOND)
    scenario.probe(rest("a"))
    assert scenario.states == ["started", "stopped"]
    assert Reason.STREAM_REOPENED in scenario.reasons


def test_when_videosdk_cannot_be_reached_nothing_is_concluded_and_it_is_asked_again() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    scenario.probe(reached=False)
    assert scenario.states == ["playable"]
    scenario.wait(30 * SECOND)
    assert scenario.room.probing.probe is not None


def test_an_answer_to_a_question_that_was_given_up_is_not_listened_to() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    lost = scenario.room.probing.probe
    scenario.timer("probe-lost")
    scenario.process(Source.PROBE, "probed", {"call_id": lost.call_id, "reached": True, "active": None})
    assert scenario.states == ["playable"]
    assert scenario.reasons == (Reason.PROBE_LATE,)


# When VideoSDK is asked


def looked_after(scenario: Any, ms: Any) -> Any:
    """Whether VideoSDK is asked at that moment, and not before."""
    scenario.wait(ms - 1)
    early = scenario.room.probing.probe is not None
    scenario.wait(1)
    return not early and scenario.room.probing.probe is not None


def test_a_started_stream_without_its_webhook_is_looked_for_after_15_s() -> None:
    scenario = with_session()
    scenario.operator("start")
    scenario.answer("succeeded", run="a")
    assert looked_after(scenario, 15 * SECOND)


def test_a_bare_starting_is_looked_after_in_60_s() -> None:
    scenario = with_session()
    scenario.hls("starting")
    assert looked_after(scenario, 60 * SECOND)


def test_a_stopping_is_looked_after_in_60_s() -> None:
    scenario = on_air()
    scenario.hls("stopping", id="a")
    assert looked_after(scenario, 60 * SECOND)


def test_a_room_on_air_is_looked_after_every_90_s_at_the_latest() -> None:
    scenario = on_air()
    for _ in range(8):
        asked_at = scenario.now
        scenario.timer("watch")
        assert 60 * SECOND <= scenario.now - asked_at <= 90 * SECOND
        scenario.probe(rest("a"), after=0)


def test_routine_looks_share_a_few_moments_and_rooms_are_spread_over_them() -> None:
    due = Counter(on_air(room=f"room-{number}").room.timers["watch"] for number in range(200))
    assert all(at % (10 * SECOND) == 0 for at in due)
    assert 2 <= len(due) <= 4
    assert max(due.values()) < 100


def test_most_routine_looks_may_be_answered_by_a_list_and_some_are_not() -> None:
    scenario = on_air()
    routine = []
    for _ in range(60):
        scenario.timer("watch")
        routine.append(bool(scenario.pending_probe.body.get("routine")))
        if routine[-1]:
            assert scenario.pending_probe.body["known"] == ["a"]
        scenario.probe(rest("a"), after=0)
    assert 30 < sum(routine) < 60


def test_a_look_at_a_run_that_is_not_playable_is_no_matter_for_a_list() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", id="a")
    scenario.timer("watch")
    assert "routine" not in scenario.pending_probe.body


def test_videosdk_unreachable_for_ten_minutes_concludes_nothing_is_asked_ever_less_and_heals() -> None:
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


def test_a_question_about_what_is_unsettled_is_put_again_when_videosdk_can_be_reached() -> None:
    scenario = with_session()
    scenario.hls("stopped")
    scenario.timer("ask:settle")
    scenario.probe(reached=False)
    scenario.timer("ask:settle")
    assert scenario.room.probing.probe is not None


def test_nothing_is_asked_while_videosdk_wants_quiet_and_afterwards_it_is() -> None:
    scenario = on_air()
    scenario.timer("watch")
    scenario.probe(reached=False, status=429, retry_after_ms=40 * SECOND)
    quiet_until = scenario.room.probing.paused_until
    assert scenario.now + 40 * SECOND <= quiet_until <= scenario.now + 48 * SECOND
    scenario.hls("starting", "stopped", session="s2")
    scenario.hls("starting", "stopped", session="s2")
    scenario.timer("ask:settle")
    assert scenario.room.probing.probe is None
    assert scenario.room.timers["ask:settle"] == quiet_until
    scenario.timer("ask:settle")
    assert scenario.room.probing.probe is not None
    scenario.probe(None, after=0)
    assert scenario.room.probing.paused_until is None


def test_videosdk_cannot_ask_for_quiet_without_end() -> None:
    scenario = on_air()
    scenario.timer("watch")
    scenario.probe(reached=False, status=429, retry_after_ms=86_400 * SECOND)
    assert scenario.room.probing.paused_until <= scenario.now + 360 * SECOND


def test_rooms_that_are_told_to_be_quiet_together_do_not_come_back_together() -> None:
    due = set()
    for number in range(20):
        scenario = on_air(room=f"room-{number}")
        scenario.timer("watch")
        scenario.probe(reached=False, status=429, after=0, retry_after_ms=60 * SECOND)
        due.add(scenario.room.timers["watch"] - scenario.now)
    assert len(due) > 10


def test_a_started_that_is_not_playable_is_looked_after_in_120_s_and_then_taken_for_playable() -> None:
    scenario = with_session()
    scenario.hls("started", id="a")
    assert looked_after(scenario, 90 * SECOND)
    scenario.probe(rest("a"), after=0)
    assert scenario.states == ["started"]
    assert looked_after(scenario, 30 * SECOND)
    scenario.probe(rest("a"), after=0)
    assert scenario.states == ["playable"]


def test_a_live_stream_is_looked_after_60_s_after_its_session_ended() -> None:
    scenario = on_air()
    scenario.webhook("session-ended")
    assert looked_after(scenario, 60 * SECOND)


def test_the_watchdog_does_not_go_off_again_while_its_question_is_out_or_videosdk_is_away() -> None:
    scenario = on_air()
    scenario.wait(90 * SECOND)
    probe_count = len(scenario.probes)
    scenario.probe(reached=False)
    scenario.wait(14 * SECOND)
    assert len(scenario.probes) <= probe_count + 1


# Sessions and participants


def test_a_new_session_id_counts_as_its_start_once() -> None:
    scenario = Scenario()
    scenario.joined("ada")
    scenario.webhook("session-started")
    scenario.joined("bob")
    assert scenario.notices == ["session.started", "participant.joined", "participant.joined"]


def test_participants_are_unknown_until_the_session_was_seen_to_start() -> None:
    scenario = Scenario()
    scenario.joined("ada")
    assert scenario.view["session"]["participant_count"] is None
    observed = with_session()
    observed.joined("ada")
    assert observed.view["session"]["participant_count"] == 1


def test_participants_are_known_once_videosdk_was_asked() -> None:
    scenario = Scenario()
    scenario.joined("ada")
    scenario.hls("starting")
    scenario.wait(60 * SECOND)
    scenario.probe(rest("a"), session={"session_id": "s1", "live": True, "participants": {"ada": "Ada", "bob": None}})
    assert scenario.view["session"]["participant_count"] == 2
    assert scenario.notices.count("participant.joined") == 2


def test_a_participant_who_joins_twice_is_there_once() -> None:
    scenario = with_session()
    scenario.joined("ada")
    scenario.joined("ada")
    assert scenario.reasons == (Reason.PARTICIPANT_PRESENT,)
    scenario.left("ada")
    assert scenario.view["session"]["participant_count"] == 0


def test_an_event_of_another_session_ends_the_one_that_looked_live() -> None:
    scenario = with_session()
    scenario.joined("ada", session="s2")
    assert scenario.notices == ["session.started", "session.ended", "session.started", "participant.joined"]
    assert scenario.view["session"]["session_id"] == "s2"


def test_a_late_event_of_a_session_that_ended_does_not_bring_it_back() -> None:
    scenario = with_session()
    scenario.webhook("session-ended")
    scenario.joined("ada")
    assert scenario.reasons == (Reason.SESSION_OVER,)
    assert scenario.view["session"]["live"] is False


def test_an_end_of_a_session_told_twice_is_told_on_once() -> None:
    scenario = with_session()
    scenario.webhook("session-ended")
    scenario.webhook("session-ended")
    assert scenario.notices == ["session.started", "session.ended"]


# What is told


def test_a_notice_keeps_its_id_when_its_event_is_folded_again() -> None:
    first, again = on_air(), on_air()
    assert [notice.notice_id for notice in first.announced] == [notice.notice_id for notice in again.announced]
    assert len({notice.notice_id for notice in first.announced}) == len(first.announced)


def test_the_sequence_grows_by_one_with_each_notice_of_a_room() -> None:
    scenario = on_air()
    assert [notice.data["sequence"] for notice in scenario.announced] == [1, 2, 3, 4]
    assert scenario.view["sequence"] == 4


def test_a_look_that_finds_what_we_know_is_no_change() -> None:
    scenario = on_air()
    for _ in range(2):
        scenario.wait(90 * SECOND)
        scenario.probe(rest("a"))
        sequence = scenario.view["sequence"]
    assert sequence == 5  # the first look brought the other URL
    assert scenario.reasons == (Reason.PROBE_NO_CHANGE,)


def test_an_event_that_names_no_room_is_kept() -> None:
    scenario = Scenario()
    scenario.process(Source.VIDEOSDK, "resource-acquired", {"id": "x"}, room=None)
    assert scenario.reasons == (Reason.NO_ROOM,)
    assert scenario.world.rooms == {}


def test_rooms_do_not_touch_each_other() -> None:
    scenario = on_air()
    scenario.hls("stopped", room="elsewhere", session="s9", id="z")
    assert scenario.world.rooms[ROOM].on_air
    assert not scenario.world.rooms["elsewhere"].on_air


def test_a_run_too_many_ends_the_oldest_as_inferred_and_says_so() -> None:
    scenario = with_session()
    for number in range(12):
        scenario.hls("starting", "started", id=f"run-{number}")
    assert scenario.states == ["started"] * 12
    oldest = scenario.runs[0]
    scenario.hls("starting", id="run-12")
    assert len(scenario.runs) == 12
    assert scenario.runs[0].videosdk_id == "run-1"
    ended = scenario.last.streams[oldest.stream_id]
    assert (ended.state, ended.ended_by) == ("stopped", EndedBy.INFERRED)
    assert oldest.stream_id in [effect.arguments.get("stream") for effect in scenario.last.effects]
    assert stream_notices(scenario)[-2:] == ["stream.stopped", "stream.starting"]
    assert "ask:older" in scenario.room.timers
    scenario.hls("stopped", id="run-0")
    assert scenario.reasons == (Reason.STREAM_TOO_OLD,)


# A bare end that came before what it ends


def after_a_run_of_its_own(**more: Any) -> Any:
    """A session whose first run has come and gone."""
    scenario = with_session(**more)
    scenario.hls("starting", "started", "playable", "stopped", url=url("a"))
    return scenario


def test_a_bare_stop_that_overtakes_its_run_leaves_no_ghost_on_air() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("stopped")
    assert scenario.reasons == (Reason.STREAM_REPEAT,)
    scenario.hls("started", "playable", url=url("b"))
    assert scenario.view["on_air"]
    received_at = scenario.now
    scenario.timer("ask:settle")
    assert scenario.now - received_at <= 5 * SECOND
    scenario.probe(None)
    assert scenario.states == ["stopped", "stopped"]
    assert scenario.view["on_air"] is False


def test_a_bare_stop_that_overtakes_the_first_run_of_its_session_leaves_no_ghost() -> None:
    scenario = with_session()
    scenario.hls("stopped")
    scenario.timer("ask:settle")
    scenario.probe(None)
    scenario.hls("started", "playable", id="a", url=url("a"))
    assert scenario.view["on_air"]
    scenario.wait(5 * SECOND)
    assert scenario.room.probing.probe is not None
    scenario.probe(None)
    assert scenario.states == ["stopped"]


def test_a_run_that_is_only_starting_is_not_asked_about_because_of_an_older_stop() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("stopped")
    scenario.hls("starting", id="b")
    assert "ask:settle" not in scenario.room.timers


def test_a_stop_that_videosdk_does_not_show_yet_is_asked_about_again_soon_and_ever_less() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("started", "playable", url=url("b"))
    scenario.hls("stopped")
    stopped_at, probe_times = scenario.now, []
    while "ask:settle" in scenario.room.timers:
        scenario.timer("ask:settle")
        probe_times.append((scenario.now - stopped_at) // SECOND)
        scenario.probe(rest("b"), after=0)
    assert probe_times == [0, 5, 10, 20, 40]
    assert scenario.view["on_air"]


def test_a_stop_that_is_settled_asks_no_more() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("started", "playable", url=url("b"))
    scenario.hls("stopped")
    scenario.timer("ask:settle")
    scenario.probe(None)
    scenario.hls("starting", "started", id="c", url=url("c"))
    assert "ask:settle" not in scenario.room.timers
    assert scenario.states == ["stopped", "stopped", "started"]


def test_a_bare_failure_that_is_settled_by_asking_is_told_as_one() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("started", "playable", url=url("b"))
    scenario.hls("failed")
    scenario.timer("ask:settle")
    scenario.probe(None)
    assert scenario.states == ["stopped", "failed"]
    assert scenario.runs[1].ended_by is EndedBy.PROBE


def test_a_run_that_was_ended_by_a_question_and_has_news_is_asked_about_and_on_air_again() -> None:
    scenario = after_a_run_of_its_own()
    scenario.hls("stopped")
    scenario.hls("started", url=url("b"))
    scenario.timer("ask:settle")
    scenario.probe(None)
    assert scenario.states == ["stopped", "stopped"]
    scenario.hls("playable", url=url("b"))
    scenario.timer("ask:again")
    scenario.probe(rest("b"))
    assert scenario.view["on_air"]
