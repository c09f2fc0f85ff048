"""What a room's runs come to, told as stories of webhooks, questions and answers."""

import itertools
from collections import Counter

from tests.support.scenario import ROOM, SECOND, Story, on_air, rest, url, with_session
from webhook_app.domain.events import Source
from webhook_app.domain.reasons import Reason
from webhook_app.domain.streams.machine import EndedBy

ALL = ["starting", "started", "playable", "stopping", "stopped"]
TOLD = [f"stream.{state}" for state in ALL]


def streams_told(story):
    return [kind for kind in story.notices if kind.startswith("stream.")]


def after_a_bare_run(**more):
    """A bare run that has come and gone."""
    story = with_session(**more)
    story.hls("starting", "started", "playable", "stopped")
    return story


# One run


def test_a_run_whose_webhooks_come_in_order_is_told_state_by_state():
    story = with_session()
    story.hls(*ALL, id="a", url=url("a"))
    assert streams_told(story) == TOLD
    assert story.states == ["stopped"]
    assert story.runs[0].ended_by is EndedBy.WEBHOOK


def test_a_run_that_nothing_names_is_followed_by_its_session_alone():
    story = with_session()
    story.hls(*ALL)
    assert streams_told(story) == TOLD
    assert story.states == ["stopped"]


def test_a_run_is_followed_by_its_url_under_its_old_name():
    story = with_session()
    story.hls("starting")
    story.hls("started", "playable", downstreamUrl=url("a"))
    story.hls("stopped")
    assert streams_told(story) == [kind for kind in TOLD if kind != "stream.stopping"]
    assert story.runs[0].playback_url == url("a")


def test_both_urls_of_a_run_name_the_same_run():
    story = with_session()
    story.hls("started", url=url("a"))
    story.hls("playable", livestreamUrl=url("a", "live.m3u8") + "?token=1")
    assert story.states == ["playable"]
    assert story.runs[0].livestream_url == url("a", "live.m3u8") + "?token=1"


def test_the_first_webhook_of_a_run_opens_it_whichever_it_is():
    story = with_session()
    story.hls("playable", id="a", url=url("a"))
    assert story.view["state"] == "playable"
    assert story.told[-1].data["previous_state"] is None


def test_a_repeat_changes_nothing_and_stays_in_the_timeline_as_one():
    story = on_air()
    sequence, told = story.room.sequence, len(story.told)
    story.hls("playable", id="a", url=url("a"))
    assert story.reasons == (Reason.STREAM_REPEAT,)
    assert (story.room.sequence, len(story.told)) == (sequence, told)


def test_two_bare_stops_of_one_run_are_one_stop_and_a_repeat():
    story = after_a_bare_run()
    story.hls("stopped")
    assert story.reasons == (Reason.STREAM_REPEAT,)
    assert streams_told(story).count("stream.stopped") == 1


def test_a_late_event_does_not_move_a_run_back_and_is_called_late():
    story = on_air()
    story.hls("started", id="a")
    assert story.reasons == (Reason.STREAM_LATE,)
    assert story.view["state"] == "playable"


def test_a_run_that_failed_says_why_and_stays_failed():
    story = on_air()
    story.hls("failed", id="a", reason="encoder crashed")
    story.hls("stopped", id="a")
    assert story.states == ["failed"]
    assert story.view["stream"]["failure"] == "encoder crashed"


def test_a_stop_with_an_id_before_its_start_makes_a_run_that_has_ended():
    story = with_session()
    story.hls("stopped", "starting", "started", "playable", id="a")
    assert story.states == ["stopped"]
    assert streams_told(story) == ["stream.stopped"]


def test_a_type_we_do_not_know_is_kept_and_changes_no_run():
    story = on_air()
    story.webhook("hls-dancing", id="a")
    assert story.reasons == (Reason.STATE_NOT_CONCERNED,)
    assert story.states == ["playable"]


def test_a_webhook_that_names_no_session_is_about_the_one_we_know():
    story = on_air()
    story.hls("stopping", "stopped", session=None)
    assert story.states == ["stopped"]


# Names learned later


def test_an_id_learned_later_joins_the_run_that_lacked_one():
    story = with_session()
    story.hls("starting")
    story.hls("started", id="a", url=url("a"))
    assert [(run.videosdk_id, run.state) for run in story.runs] == [("a", "started")]


def test_an_id_goes_before_a_url_when_both_are_given():
    story = with_session()
    story.hls("starting", "started", id="a", url=url("same"))
    story.hls("starting", id="b")
    story.hls("stopped", id="a", url=url("same"))
    assert story.states == ["stopped", "starting"]


def test_an_end_by_a_name_that_two_runs_may_have_is_settled_by_asking():
    story = with_session()
    story.hls("starting", "started", url=url("a"))
    story.hls("starting", "started", url=url("b"))
    story.hls("stopped", id="x")
    assert story.states == ["stopped", "started"]
    story.ask()
    story.probe(rest("b"))
    assert story.states == ["stopped", "started"]
    assert story.runs[1].videosdk_id == "b"


def test_an_end_by_a_new_name_is_that_of_the_only_run_without_one():
    story = with_session()
    story.hls("starting", "started", url=url("a"))
    story.hls("stopped", id="a")
    assert [(run.videosdk_id, run.state) for run in story.runs] == [("a", "stopped")]


# A bare end that finds no run


def test_a_bare_stop_with_no_run_yet_is_remembered_and_asked_about():
    story = with_session()
    story.hls("stopped")
    assert story.room.streams == ()
    assert "ask:settle" in story.room.timers


def test_a_bare_start_after_a_bare_stop_is_held_back_and_shown_nowhere():
    story = with_session()
    story.hls("stopped", "starting")
    assert story.reasons == (Reason.HELD_BACK,)
    assert (streams_told(story), story.view["state"], story.view["stream"]) == ([], "idle", None)


# A bare start after an end


def test_a_bare_start_after_an_end_is_held_back():
    story = after_a_bare_run()
    story.hls("starting")
    assert story.reasons == (Reason.HELD_BACK,)
    assert (story.view["state"], streams_told(story)[-1]) == ("stopped", "stream.stopped")
    assert not story.view["on_air"]
    assert not story.last.streams


def test_what_is_held_back_is_asked_about_within_a_quarter_of_a_minute():
    story = after_a_bare_run()
    story.hls("starting")
    story.wait(15 * SECOND)
    assert story.room.probe is not None


def test_a_started_with_a_url_confirms_what_was_held_back():
    story = after_a_bare_run()
    story.hls("starting")
    story.hls("started", url=url("b"))
    assert story.states == ["stopped", "started"]
    assert streams_told(story)[-1] == "stream.started"


def test_a_probe_that_sees_it_confirms_what_was_held_back():
    story = after_a_bare_run()
    story.hls("starting")
    story.probe(rest("b"))
    assert story.states == ["stopped", "started"]
    assert story.runs[1].videosdk_id == "b"


def test_the_answer_to_a_start_confirms_what_was_held_back():
    story = after_a_bare_run()
    story.operator("start")
    story.hls("starting")
    assert story.states == ["stopped"]
    story.answer("succeeded", run="b")
    assert story.states == ["stopped", "starting"]
    assert len(story.room.streams) == 2


def test_a_probe_that_sees_nothing_drops_what_was_held_back():
    story = after_a_bare_run()
    told = len(story.told)
    story.hls("starting")
    story.probe(None)
    assert [run.state for run in story.room.streams] == ["stopped"]
    assert len(story.told) == told


def test_a_bare_stop_does_not_confirm_what_was_held_back():
    story = after_a_bare_run()
    story.hls("starting", "stopped")
    assert story.states == ["stopped"]
    assert "ask:settle" in story.room.timers


def test_a_bare_start_in_a_new_session_is_held_back_by_nothing():
    story = after_a_bare_run()
    story.hls("starting", session="s2")
    assert story.states == ["stopped", "starting"]


# Two runs


def test_two_runs_with_ids_may_be_open_at_once_and_the_older_is_asked_about():
    story = on_air("a")
    story.hls("starting", id="b")
    assert story.states == ["playable", "starting"]
    assert story.view["stream"]["videosdk_id"] == "b"
    story.ask()
    story.probe(rest("b"))
    assert story.states == ["stopped", "started"]
    assert story.runs[0].ended_by is EndedBy.PROBE


def test_a_new_run_without_an_id_closes_the_older_as_inferred():
    story = with_session()
    story.hls("starting", "started", url=url("a"))
    story.hls("started", url=url("b"))
    assert story.states == ["stopped", "started"]
    assert story.runs[0].ended_by is EndedBy.INFERRED
    assert streams_told(story)[-2:] == ["stream.stopped", "stream.started"]


def test_a_stop_of_the_first_run_by_its_id_leaves_the_second_alone():
    story = on_air("a")
    story.hls("starting", "started", id="b", url=url("b"))
    story.hls("stopped", id="a")
    assert story.states == ["stopped", "started"]


def test_an_end_of_an_unknown_run_does_not_close_the_one_that_is_on():
    story = with_session()
    story.hls("starting", "started", url=url("b"))
    story.hls("stopping", url=url("a"))
    assert story.runs[0].live


def test_a_bare_stop_in_a_session_of_two_runs_is_settled_by_a_probe():
    story = on_air("a")
    story.hls("stopped", id="a")
    story.hls("starting", "started", id="b", url=url("b"))
    story.hls("stopped")
    assert story.states == ["stopped", "started"]
    story.ask()
    story.probe(None)
    assert story.states == ["stopped", "stopped"]
    assert story.view["stream"]["ended_by"] == "probe"


def test_a_failed_repeat_of_a_run_long_gone_opens_nothing():
    story = with_session()
    for n in range(14):
        story.hls("started", "stopped", id=f"run-{n}")
    story.hls("started", id="run-0")
    assert story.reasons == (Reason.STREAM_TOO_OLD,)
    assert not story.view["on_air"]


# What a probe saw


def test_a_run_that_videosdk_no_longer_shows_has_ended_and_the_repair_is_visible():
    story = on_air()
    story.wait(90 * SECOND)
    story.probe(None)
    assert story.view["stream"]["ended_by"] == "probe"
    assert story.effect.endswith("VideoSDK no longer shows it")


def test_a_run_that_only_videosdk_knew_of_is_at_least_started():
    story = with_session()
    story.hls("stopped")
    story.ask()
    story.probe(rest("a"))
    assert story.states == ["started"]


def test_a_question_older_than_a_runs_news_does_not_end_it_and_is_put_again():
    story = on_air()
    story.wait(90 * SECOND)
    asked_id = story.last_id
    story.hls("playable", id="a")
    story.probe(None, asked_id=asked_id)
    assert story.states == ["playable"]
    story.wait(2 * SECOND)
    assert story.room.probe is not None
    story.probe(None)
    assert story.states == ["stopped"]


def test_a_question_older_than_a_runs_end_does_not_reopen_it():
    story = on_air()
    story.wait(90 * SECOND)
    asked_id = story.last_id
    story.hls("stopped", id="a")
    story.probe(rest("a"), asked_id=asked_id)
    assert story.states == ["stopped"]
    assert "ask:again" in story.room.timers


def test_a_question_older_than_the_end_of_a_run_without_a_name_opens_no_ghost_of_it():
    story = with_session()
    story.hls("starting", "started", "playable")
    story.wait(90 * SECOND)
    asked_id = story.last_id
    story.hls("stopped")
    story.probe(rest("a"), asked_id=asked_id)
    assert story.states == ["stopped"]
    assert "ask:again" in story.room.timers


def test_a_run_that_was_inferred_to_have_ended_reopens_when_videosdk_still_shows_it():
    story = with_session()
    story.hls("starting", "started", url=url("a"))
    story.hls("started", url=url("b"))
    story.wait(90 * SECOND)
    story.probe(rest("a"))
    assert story.states == ["started", "stopped"]
    assert Reason.STREAM_REOPENED in story.reasons


def test_when_videosdk_cannot_be_reached_nothing_is_concluded_and_it_is_asked_again():
    story = on_air()
    story.wait(90 * SECOND)
    story.probe(reached=False)
    assert story.states == ["playable"]
    story.wait(30 * SECOND)
    assert story.room.probe is not None


def test_an_answer_to_a_question_that_was_given_up_is_not_listened_to():
    story = on_air()
    story.wait(90 * SECOND)
    lost = story.room.probe
    story.timer("probe-lost")
    story.tell(Source.PROBE, "probed", {"call_id": lost.call_id, "reached": True, "active": None})
    assert story.states == ["playable"]
    assert story.reasons == (Reason.PROBE_LATE,)


# When VideoSDK is asked


def looked_after(story, ms):
    """Whether VideoSDK is asked at that moment, and not before."""
    story.wait(ms - 1)
    early = story.room.probe is not None
    story.wait(1)
    return not early and story.room.probe is not None


def test_a_started_stream_without_its_webhook_is_looked_for_after_15_s():
    story = with_session()
    story.operator("start")
    story.answer("succeeded", run="a")
    assert looked_after(story, 15 * SECOND)


def test_a_bare_starting_is_looked_after_in_60_s():
    story = with_session()
    story.hls("starting")
    assert looked_after(story, 60 * SECOND)


def test_a_stopping_is_looked_after_in_60_s():
    story = on_air()
    story.hls("stopping", id="a")
    assert looked_after(story, 60 * SECOND)


def test_a_room_on_air_is_looked_after_every_90_s_at_the_latest():
    story = on_air()
    for _ in range(8):
        asked_at = story.now
        story.timer("watch")
        assert 60 * SECOND <= story.now - asked_at <= 90 * SECOND
        story.probe(rest("a"), after=0)


def test_routine_looks_share_a_few_moments_and_rooms_are_spread_over_them():
    due = Counter(on_air(room=f"room-{number}").room.timers["watch"] for number in range(200))
    assert all(at % (10 * SECOND) == 0 for at in due)
    assert 2 <= len(due) <= 4
    assert max(due.values()) < 100


def test_most_routine_looks_may_be_answered_by_a_list_and_some_are_not():
    story = on_air()
    routine = []
    for _ in range(60):
        story.timer("watch")
        routine.append(bool(story.room.probe.body.get("routine")))
        if routine[-1]:
            assert story.room.probe.body["known"] == ["a"]
        story.probe(rest("a"), after=0)
    assert 30 < sum(routine) < 60


def test_a_look_at_a_run_that_is_not_playable_is_no_matter_for_a_list():
    story = with_session()
    story.hls("starting", "started", id="a")
    story.timer("watch")
    assert "routine" not in story.room.probe.body


def test_videosdk_unreachable_for_ten_minutes_concludes_nothing_is_asked_ever_less_and_heals():
    story = on_air()
    asked, until = [], story.now + 600 * SECOND
    while story.now < until:
        story.timer("watch")
        asked.append(story.now)
        story.probe(reached=False, after=10 * SECOND)
        assert story.view["on_air"]
    gaps = [later - before for before, later in itertools.pairwise(asked)]
    assert max(gaps) <= 90 * SECOND
    assert gaps[-1] > gaps[0]
    assert len(asked) < 14
    before = story.now
    story.timer("watch")
    assert story.now - before <= 75 * SECOND
    story.probe(None)
    assert story.states == ["stopped"]
    assert story.room.misses == 0


def test_a_question_about_what_is_unsettled_is_put_again_when_videosdk_can_be_reached():
    story = with_session()
    story.hls("stopped")
    story.timer("ask:settle")
    story.probe(reached=False)
    story.timer("ask:settle")
    assert story.room.probe is not None


def test_nothing_is_asked_while_videosdk_wants_quiet_and_afterwards_it_is():
    story = on_air()
    story.timer("watch")
    story.probe(reached=False, status=429, retry_after_ms=40 * SECOND)
    quiet_until = story.room.quiet_until
    assert story.now + 40 * SECOND <= quiet_until <= story.now + 48 * SECOND
    story.hls("starting", "stopped", session="s2")
    story.hls("starting", "stopped", session="s2")
    story.timer("ask:settle")
    assert story.room.probe is None
    assert story.room.timers["ask:settle"] == quiet_until
    story.timer("ask:settle")
    assert story.room.probe is not None
    story.probe(None, after=0)
    assert story.room.quiet_until is None


def test_videosdk_cannot_ask_for_quiet_without_end():
    story = on_air()
    story.timer("watch")
    story.probe(reached=False, status=429, retry_after_ms=86_400 * SECOND)
    assert story.room.quiet_until <= story.now + 360 * SECOND


def test_rooms_that_are_told_to_be_quiet_together_do_not_come_back_together():
    due = set()
    for number in range(20):
        story = on_air(room=f"room-{number}")
        story.timer("watch")
        story.probe(reached=False, status=429, after=0, retry_after_ms=60 * SECOND)
        due.add(story.room.timers["watch"] - story.now)
    assert len(due) > 10


def test_a_started_that_is_not_playable_is_looked_after_in_120_s_and_then_taken_for_playable():
    story = with_session()
    story.hls("started", id="a")
    assert looked_after(story, 90 * SECOND)
    story.probe(rest("a"), after=0)
    assert story.states == ["started"]
    assert looked_after(story, 30 * SECOND)
    story.probe(rest("a"), after=0)
    assert story.states == ["playable"]


def test_a_live_stream_is_looked_after_60_s_after_its_session_ended():
    story = on_air()
    story.webhook("session-ended")
    assert looked_after(story, 60 * SECOND)


def test_the_watchdog_does_not_go_off_again_while_its_question_is_out_or_videosdk_is_away():
    story = on_air()
    story.wait(90 * SECOND)
    asked = len(story.probes)
    story.probe(reached=False)
    story.wait(14 * SECOND)
    assert len(story.probes) <= asked + 1


# Sessions and participants


def test_a_new_session_id_counts_as_its_start_once():
    story = Story()
    story.joined("ada")
    story.webhook("session-started")
    story.joined("bob")
    assert story.notices == ["session.started", "participant.joined", "participant.joined"]


def test_participants_are_unknown_until_the_session_was_seen_to_start():
    story = Story()
    story.joined("ada")
    assert story.view["session"]["participant_count"] is None
    seen = with_session()
    seen.joined("ada")
    assert seen.view["session"]["participant_count"] == 1


def test_participants_are_known_once_videosdk_was_asked():
    story = Story()
    story.joined("ada")
    story.hls("starting")
    story.wait(60 * SECOND)
    story.probe(rest("a"), session={"session_id": "s1", "live": True, "participants": {"ada": "Ada", "bob": None}})
    assert story.view["session"]["participant_count"] == 2
    assert story.notices.count("participant.joined") == 2


def test_a_participant_who_joins_twice_is_there_once():
    story = with_session()
    story.joined("ada")
    story.joined("ada")
    assert story.reasons == (Reason.PARTICIPANT_PRESENT,)
    story.left("ada")
    assert story.view["session"]["participant_count"] == 0


def test_an_event_of_another_session_ends_the_one_that_looked_live():
    story = with_session()
    story.joined("ada", session="s2")
    assert story.notices == ["session.started", "session.ended", "session.started", "participant.joined"]
    assert story.view["session"]["session_id"] == "s2"


def test_a_late_event_of_a_session_that_ended_does_not_bring_it_back():
    story = with_session()
    story.webhook("session-ended")
    story.joined("ada")
    assert story.reasons == (Reason.SESSION_OVER,)
    assert story.view["session"]["live"] is False


def test_an_end_of_a_session_told_twice_is_told_on_once():
    story = with_session()
    story.webhook("session-ended")
    story.webhook("session-ended")
    assert story.notices == ["session.started", "session.ended"]


# What is told


def test_a_notice_keeps_its_id_when_its_event_is_folded_again():
    first, again = on_air(), on_air()
    assert [notice.notice_id for notice in first.told] == [notice.notice_id for notice in again.told]
    assert len({notice.notice_id for notice in first.told}) == len(first.told)


def test_the_sequence_grows_by_one_with_each_notice_of_a_room():
    story = on_air()
    assert [notice.data["sequence"] for notice in story.told] == [1, 2, 3, 4]
    assert story.view["sequence"] == 4


def test_a_look_that_finds_what_we_know_is_no_change():
    story = on_air()
    for _ in range(2):
        story.wait(90 * SECOND)
        story.probe(rest("a"))
        sequence = story.view["sequence"]
    assert sequence == 5  # the first look brought the other URL
    assert story.reasons == (Reason.PROBE_NO_CHANGE,)


def test_an_event_that_names_no_room_is_kept():
    story = Story()
    story.tell(Source.VIDEOSDK, "resource-acquired", {"id": "x"}, room=None)
    assert story.reasons == (Reason.NO_ROOM,)
    assert story.world.rooms == {}


def test_rooms_do_not_touch_each_other():
    story = on_air()
    story.hls("stopped", room="elsewhere", session="s9", id="z")
    assert story.world.rooms[ROOM].on_air
    assert not story.world.rooms["elsewhere"].on_air


def test_a_run_too_many_ends_the_oldest_as_inferred_and_says_so():
    story = with_session()
    for number in range(12):
        story.hls("starting", "started", id=f"run-{number}")
    assert story.states == ["started"] * 12
    oldest = story.runs[0]
    story.hls("starting", id="run-12")
    assert len(story.runs) == 12
    assert story.runs[0].videosdk_id == "run-1"
    ended = story.last.streams[oldest.stream_id]
    assert (ended.state, ended.ended_by) == ("stopped", EndedBy.INFERRED)
    assert f"Stream {oldest.stream_id} ended, inferred" in story.effect
    assert streams_told(story)[-2:] == ["stream.stopped", "stream.starting"]
    assert "ask:older" in story.room.timers
    story.hls("stopped", id="run-0")
    assert story.reasons == (Reason.STREAM_TOO_OLD,)


# A bare end that came before what it ends


def after_a_run_of_its_own(**more):
    """A session whose first run has come and gone."""
    story = with_session(**more)
    story.hls("starting", "started", "playable", "stopped", url=url("a"))
    return story


def test_a_bare_stop_that_overtakes_its_run_leaves_no_ghost_on_air():
    story = after_a_run_of_its_own()
    story.hls("stopped")
    assert story.reasons == (Reason.STREAM_REPEAT,)
    story.hls("started", "playable", url=url("b"))
    assert story.view["on_air"]
    heard_at = story.now
    story.timer("ask:settle")
    assert story.now - heard_at <= 5 * SECOND
    story.probe(None)
    assert story.states == ["stopped", "stopped"]
    assert story.view["on_air"] is False


def test_a_bare_stop_that_overtakes_the_first_run_of_its_session_leaves_no_ghost():
    story = with_session()
    story.hls("stopped")
    story.timer("ask:settle")
    story.probe(None)
    story.hls("started", "playable", id="a", url=url("a"))
    assert story.view["on_air"]
    story.wait(5 * SECOND)
    assert story.room.probe is not None
    story.probe(None)
    assert story.states == ["stopped"]


def test_a_run_that_is_only_starting_is_not_asked_about_because_of_an_older_stop():
    story = after_a_run_of_its_own()
    story.hls("stopped")
    story.hls("starting", id="b")
    assert "ask:settle" not in story.room.timers


def test_a_stop_that_videosdk_does_not_show_yet_is_asked_about_again_soon_and_ever_less():
    story = after_a_run_of_its_own()
    story.hls("started", "playable", url=url("b"))
    story.hls("stopped")
    stopped_at, asked = story.now, []
    while "ask:settle" in story.room.timers:
        story.timer("ask:settle")
        asked.append((story.now - stopped_at) // SECOND)
        story.probe(rest("b"), after=0)
    assert asked == [0, 5, 10, 20, 40]
    assert story.view["on_air"]


def test_a_stop_that_is_settled_asks_no_more():
    story = after_a_run_of_its_own()
    story.hls("started", "playable", url=url("b"))
    story.hls("stopped")
    story.timer("ask:settle")
    story.probe(None)
    story.hls("starting", "started", id="c", url=url("c"))
    assert "ask:settle" not in story.room.timers
    assert story.states == ["stopped", "stopped", "started"]


def test_a_bare_failure_that_is_settled_by_asking_is_told_as_one():
    story = after_a_run_of_its_own()
    story.hls("started", "playable", url=url("b"))
    story.hls("failed")
    story.timer("ask:settle")
    story.probe(None)
    assert story.states == ["stopped", "failed"]
    assert story.runs[1].ended_by is EndedBy.PROBE


def test_a_run_that_was_ended_by_a_question_and_has_news_is_asked_about_and_on_air_again():
    story = after_a_run_of_its_own()
    story.hls("stopped")
    story.hls("started", url=url("b"))
    story.timer("ask:settle")
    story.probe(None)
    assert story.states == ["stopped", "stopped"]
    story.hls("playable", url=url("b"))
    story.timer("ask:again")
    story.probe(rest("b"))
    assert story.view["on_air"]
