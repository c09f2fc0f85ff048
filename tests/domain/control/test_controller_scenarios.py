"""How the controller brings a room from what it is to what it should be, whatever goes wrong on the way."""

import pytest

from tests.support.scenario import MINUTE, ROOM, SECOND, Story, on_air, rest, url, wanted_on_air, with_session
from webhook_app.domain.events import Source
from webhook_app.domain.reasons import Reason

START_ON_JOIN = {"name": "host-in", "on": "participant-joined", "do": "start"}
END_ON_LEAVE = {"name": "host-out", "on": "participant-left", "do": "end"}


def backing_off(story):
    """How long the room waits before it tries again, in seconds; None when it does not."""
    due = story.room.timers.get("backoff")
    return None if due is None else (due - story.now) / SECOND


def started(**more):
    """An operator's start has been called and not been answered."""
    story = with_session(**more)
    story.operator("start")
    return story


def unknown(**more):
    """Nobody knows what became of a start that timed out."""
    story = started(**more)
    story.answer("unknown", after=10 * SECOND, deadline_at=story.now + 10 * SECOND)
    return story


# A start that goes well


def test_an_operators_start_is_one_call():
    story = started()
    assert [call.because for call in story.starts] == ["operator"]
    assert story.did == "Start called because of operator"


def test_a_start_carries_what_the_operator_gave():
    story = with_session()
    story.operator("start", start={"templateUrl": "https://t.example"})
    assert story.starts[0].body == {"templateUrl": "https://t.example"}


def test_a_start_that_is_repeated_is_harmless():
    story = started()
    story.operator("start")
    assert story.reasons == (Reason.OPERATOR_REPEAT,)
    story.answer("succeeded", run="a")
    story.operator("start")
    assert len(story.starts) == 1


def test_the_answer_names_the_run_and_the_webhooks_join_it():
    story = started()
    story.answer("succeeded", run="a")
    assert story.view["stream"]["videosdk_id"] == "a"
    story.hls("starting", "started", "playable")
    assert story.states == ["playable"]
    assert {notice.because for notice in story.told if notice.type.startswith("stream.")} == {"operator"}


@pytest.mark.parametrize("named", [{}, {"url": url("a")}, {"id": "a"}])
def test_webhooks_that_overtake_the_answer_are_of_the_same_run(named):
    story = started()
    story.hls("starting", "started", **named)
    story.answer("succeeded", run="a")
    story.hls("playable", **named)
    assert [(run.videosdk_id, run.state, run.because) for run in story.runs] == [("a", "playable", "operator")]


def test_a_run_that_came_and_went_before_the_answer_is_not_opened_again_by_it():
    story = started()
    story.hls("starting", "started", "stopped")
    story.answer("succeeded", run="a")
    assert [(run.videosdk_id, run.state) for run in story.room.streams] == [("a", "stopped")]


def test_a_room_that_is_on_air_already_is_not_started_again():
    story = on_air()
    story.operator("start")
    assert story.starts == []


def test_a_start_that_finds_a_stream_on_takes_that_for_its_own_wish():
    story = started()
    story.answer("already", run="z")
    assert story.states == ["started"]
    story.wait(15 * MINUTE)
    assert len(story.starts) == 1


def test_a_success_that_names_no_stream_is_looked_into_before_anything_is_repeated():
    story = started()
    story.answer("succeeded", status=200)
    assert len(story.starts) == 1
    assert story.room.probe is not None
    story.probe(rest("a"))
    assert story.states == ["started"]
    assert story.room.call is None


@pytest.mark.parametrize("shown_after_s", [20, 45, 90])
def test_a_stream_that_is_shown_as_active_late_is_not_started_twice(shown_after_s):
    story = started()
    story.answer("succeeded", run="a", status=200)
    shown_at = story.now + shown_after_s * SECOND
    while story.now < shown_at:
        if story.room.probe is None:
            story.wait(SECOND)
        else:
            story.probe(None, records=[{"id": "a", "ended": False}])
        assert (story.states, len(story.starts)) == (["starting"], 1)
    story.ask()
    story.probe(rest("a"))
    assert (story.states, len(story.starts)) == (["started"], 1)


@pytest.mark.parametrize("state", ["started", "playable"])
def test_a_young_stream_that_is_on_air_and_not_shown_as_active_yet_is_not_gone(state):
    story = started()
    story.answer("succeeded", run="a", status=200)
    story.hls(state, id="a")
    story.ask()
    story.probe(None, records=[{"id": "a", "ended": False}])
    assert (story.states, len(story.starts)) == ([state], 1)
    began = story.now
    while story.states == [state]:
        assert story.now - began < 4 * MINUTE
        if story.room.probe is None:
            story.wait(SECOND)
        else:
            story.probe(None, records=[{"id": "a", "ended": False}])


@pytest.mark.parametrize("records", [[], [{"id": "b", "ended": False}], [{"id": "a", "webhooks": {}}]])
def test_a_stream_that_is_not_shown_as_active_is_gone_unless_its_own_object_shows_no_end(records):
    story = started()
    story.answer("succeeded", run="a", status=200)
    story.timer("watch")
    story.probe(None, records=records)
    assert story.states == ["stopped"]


def test_a_stream_that_is_never_shown_as_active_is_gone_in_the_end():
    story = started()
    story.answer("succeeded", run="a", status=200)
    began = story.now
    while story.states == ["starting"]:
        assert story.now - began < 150 * SECOND
        if story.room.probe is None:
            story.wait(SECOND)
        else:
            story.probe(None, records=[{"id": "a", "ended": False}])


def test_a_stream_whose_end_was_told_is_gone_although_its_own_object_shows_none():
    story = started()
    story.answer("succeeded", run="a", status=200)
    story.hls("stopped")
    story.ask()
    story.probe(None, records=[{"id": "a", "ended": False}])
    assert story.states == ["stopped"]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_success_that_names_no_stream_is_not_repeated_within_a_minute(status):
    story = started()
    story.answer("unknown", status=status)
    answered_at = story.now
    while story.now < answered_at + 55 * SECOND:
        if story.room.probe is None:
            story.wait(SECOND)
        else:
            story.probe(None, asked_at=story.now)
        assert len(story.starts) == 1


# A start that is refused


def test_a_refused_start_is_told_and_tried_again_ever_later_up_to_a_minute():
    story = started()
    waited = []
    for n in range(6):
        story.answer("refused", status=429, message="slow down")
        waited.append(backing_off(story))
        story.timer("backoff")
        assert len(story.starts) == n + 2
    assert waited == [5, 10, 20, 40, 60, 60]
    assert story.notices.count("call.refused") == 6


def test_while_backing_off_nothing_is_called():
    story = started()
    story.answer("refused", status=500)
    story.joined("ada")
    story.operator("start")
    assert len(story.starts) == 1


def test_a_conflict_is_looked_into_as_well_as_waited_for():
    story = started()
    story.answer("refused", status=409, message="4020")
    assert story.room.probe is not None
    story.probe(rest("z"))
    story.wait(MINUTE)
    assert len(story.starts) == 1
    assert story.states == ["started"]


def test_a_start_that_is_refused_for_ever_is_given_up():
    story = started()
    for _ in range(19):
        story.answer("refused", status=429)
        story.timer("backoff")
    story.answer("refused", status=429)
    assert story.notices[-1] == "call.given-up"
    assert story.view["desired"] is None


def test_a_token_that_is_refused_pauses_all_calls_until_a_question_is_answered_again():
    story = started()
    story.answer("refused", status=401)
    assert story.notices[-1] == "alarm.raised"
    assert story.world.config.settings.paused
    story.operator("end")
    story.operator("start")
    assert len(story.starts) == 1
    story.timer("ask:credentials")
    story.probe(active=None)
    assert not story.world.config.settings.paused
    assert "alarm.cleared" in story.notices
    assert len(story.starts) == 2


def test_what_is_forbidden_in_a_room_is_tried_again_a_minute_later():
    story = started()
    story.answer("refused", status=403)
    assert "alarm.raised" in story.notices
    refused_at = story.now
    story.timer("backoff")
    assert story.now - refused_at == 60_000
    story.answer("succeeded", run="a")
    assert "alarm.cleared" in story.notices


def test_the_alarm_of_a_forbidden_room_names_the_room():
    story = with_session()
    rooms = {"lobby": {"room_id": ROOM, "groups": []}}
    story.tell(Source.CONFIG, "file-applied", {"rooms": rooms, "rules": []}, room=None)
    story.operator("start")
    story.answer("refused", status=403, message="Not permitted")
    (raised,) = [notice for notice in story.told if notice.type == "alarm.raised"]
    assert raised.data["alarm"]["summary"] == "VideoSDK does not allow us to start in lobby: 403 Not permitted"


def test_a_call_that_was_dropped_before_it_was_sent_is_decided_anew():
    story = started()
    story.answer("dropped", message="older than 5 s before it could be sent")
    assert len(story.starts) == 2
    assert story.starts[0].call_id != story.starts[1].call_id


def test_an_operator_who_asks_again_is_not_kept_waiting_by_the_back_off():
    story = started()
    for _ in range(4):
        story.answer("refused", status=429)
        story.timer("backoff")
    story.answer("refused", status=429)
    story.operator("end")
    story.operator("start")
    assert len(story.starts) == 6


# A start whose outcome nobody knows


def test_an_unknown_outcome_is_asked_about_before_anything_is_repeated():
    story = unknown()
    assert Reason.CALL_UNKNOWN.text in story.outcomes[-1].effect
    assert [probe.because for probe in story.probes] == ["unknown"]
    assert len(story.starts) == 1


def test_two_looks_that_find_nothing_the_later_late_enough_allow_another_start():
    story = unknown()
    deadline = story.now
    story.probe(None)
    story.timer("ask:unknown")
    assert story.now == deadline + 15 * SECOND
    story.probe(None)
    assert "two probes" in story.did
    story.timer("backoff")
    assert len(story.starts) == 2


def test_one_look_that_finds_nothing_is_not_enough_however_late():
    story = unknown()
    story.wait(40 * SECOND)
    story.probe(None)
    story.wait(SECOND)
    assert len(story.starts) == 1


def test_looks_that_come_too_early_are_not_enough_however_many():
    story = unknown()
    too_early = story.now + 14 * SECOND
    for _ in range(4):
        story.probe(None, asked_at=too_early)
    story.wait(SECOND)
    assert story.room.call is not None
    assert len(story.starts) == 1


def test_after_an_answer_of_5xx_five_seconds_are_enough():
    story = started()
    story.answer("unknown", status=502)
    story.probe(None)
    story.timer("ask:unknown")
    story.probe(None, asked_at=story.now)
    assert "two probes" in story.did


def test_looks_that_do_not_reach_videosdk_do_not_count():
    story = unknown()
    for _ in range(4):
        story.probe(reached=False)
        story.timer("ask:unknown")
    story.probe(None)
    assert len(story.starts) == 1
    assert story.room.call is not None


def test_a_look_that_finds_the_stream_ends_the_doubt_without_a_second_start():
    story = unknown()
    story.probe(rest("a"))
    assert story.room.call is None
    story.wait(15 * MINUTE)
    assert (len(story.starts), story.states) == (1, ["started"])
    assert story.runs[0].because == "operator"


@pytest.mark.parametrize("named", [{}, {"url": url("a")}, {"id": "a"}])
def test_a_late_webhook_ends_the_doubt(named):
    story = unknown()
    story.hls("starting", **named)
    assert story.room.call is None
    assert "took effect after all" in story.did


def test_a_late_webhook_that_may_be_of_an_older_run_does_not_end_the_doubt():
    story = with_session()
    story.hls("starting", "started", "stopped")
    story.operator("start")
    story.answer("unknown")
    story.hls("starting")
    assert story.room.call is not None
    story.probe(rest("b"))
    assert (story.room.call, story.states) == (None, ["stopped", "started"])


def test_an_answer_that_never_comes_is_an_unknown_outcome_in_the_end():
    story = started()
    story.timer("call-lost")
    assert story.room.call is not None
    story.probe(None)
    story.timer("ask:unknown")
    story.probe(None)
    story.timer("backoff")
    assert len(story.starts) == 2


def test_an_answer_that_comes_after_all_is_taken():
    story = unknown()
    story.answer("succeeded", run="a")
    assert (story.room.call, story.states) == (None, ["starting"])


def test_an_operator_who_changes_his_mind_does_not_cut_the_doubt_short():
    story = unknown()
    story.operator("end")
    story.operator("start")
    assert len(story.starts) == 1
    story.operator("release")
    story.operator("start")
    assert len(story.starts) == 1


# An end


def test_an_end_names_the_stream():
    story = wanted_on_air("a")
    story.operator("end")
    assert [call.body for call in story.ends] == [{"id": "a"}]


def test_an_end_of_a_stream_whose_id_is_not_known_names_none():
    story = with_session()
    story.hls("starting", "started")
    story.operator("end")
    assert story.ends[0].body == {}


def test_an_end_waits_while_the_stream_is_starting():
    story = started()
    story.answer("succeeded", run="a")
    story.operator("end")
    assert story.ends == []
    assert story.did == "The end waits until the stream has started: VideoSDK refuses it before"
    story.hls("started")
    assert len(story.ends) == 1


def test_an_end_waits_for_the_answer_to_the_start():
    story = started()
    story.operator("end")
    assert story.ends == []
    story.answer("succeeded", run="a")
    story.hls("started", id="a")
    assert [call.body for call in story.ends] == [{"id": "a"}]


def test_an_end_of_a_room_that_is_off_is_no_call():
    story = with_session()
    story.operator("end")
    assert story.calls == []


def test_an_ended_stream_is_not_ended_again_while_it_stops():
    story = wanted_on_air()
    story.operator("end")
    story.answer("succeeded")
    story.hls("stopping", id="a")
    story.wait(30 * SECOND)
    story.hls("stopped", id="a")
    assert len(story.ends) == 1
    assert not story.view["on_air"]


def test_an_end_that_videosdk_took_and_did_not_do_is_called_again():
    story = wanted_on_air()
    story.operator("end")
    story.answer("succeeded")
    story.wait(14_999)
    story.probe(rest("a"), after=0)
    story.wait(1)
    assert len(story.ends) == 2


def test_an_end_of_which_nobody_knows_is_looked_into_and_repeated_if_need_be():
    story = wanted_on_air()
    story.operator("end")
    story.answer("unknown")
    assert len(story.ends) == 1
    story.probe(rest("a"))
    assert len(story.ends) == 2
    story.answer("unknown")
    story.probe(None)
    assert (len(story.ends), story.states) == (2, ["stopped"])


def test_a_start_right_after_our_own_end_is_not_undone_by_it():
    story = wanted_on_air()
    story.operator("end")
    story.answer("succeeded")
    story.operator("start")
    story.hls("stopping", "stopped", id="a")
    story.wait(MINUTE)
    assert story.view["desired"]["on_air"]
    assert len(story.starts) == 2


# A stream that stops by itself, or by somebody's hand


def test_a_person_who_stops_the_stream_is_obeyed():
    story = wanted_on_air()
    story.hls("stopping", "stopped", id="a")
    assert "left off" in story.did
    assert story.view["desired"] is None
    story.wait(15 * MINUTE)
    assert len(story.starts) == 1


def test_a_person_who_stops_the_second_stream_of_a_session_is_obeyed_though_nothing_names_it():
    story = with_session()
    story.hls("starting", "started", "stopped")
    story.operator("start")
    story.answer("succeeded", run="b")
    story.hls("started", url=url("b"))
    story.hls("stopping", "stopped")
    story.ask()
    story.probe(None)
    assert story.states == ["stopped", "stopped"]
    assert "left off" in story.did
    assert story.view["desired"] is None


def test_a_person_is_obeyed_though_only_the_stopping_was_heard_of():
    story = wanted_on_air()
    story.hls("stopping", id="a")
    story.wait(60 * SECOND)
    story.probe(None)
    assert "left off" in story.did


def test_a_stream_that_stops_because_everybody_left_was_not_stopped_by_a_person():
    story = with_session()
    story.joined("ada")
    story.operator("start")
    story.answer("succeeded", run="a")
    story.hls("started", "playable", id="a")
    story.left("ada")
    story.hls("stopping", "stopped", id="a")
    story.webhook("session-ended")
    assert story.view["desired"]["on_air"]
    assert story.view["armed"]
    story.webhook("session-started", session="s2")
    story.wait(5 * SECOND)
    assert len(story.starts) == 2


def test_a_stream_that_failed_is_started_again_a_little_later():
    story = wanted_on_air()
    story.hls("failed", id="a")
    assert backing_off(story) == 5
    story.timer("backoff")
    assert len(story.starts) == 2


def test_a_stream_that_vanished_is_started_again_a_little_later():
    story = wanted_on_air()
    story.wait(90 * SECOND)
    story.probe(None)
    assert backing_off(story) == 5
    story.timer("backoff")
    assert len(story.starts) == 2


def test_a_stream_that_fails_before_it_is_on_air_is_tried_ever_later():
    story = started()
    waited = []
    for n in range(4):
        story.answer("succeeded", run=f"run-{n}")
        story.hls("failed", id=f"run-{n}")
        waited.append(backing_off(story))
        story.timer("backoff")
    assert waited == [5, 10, 20, 40]


def test_a_stream_that_videosdk_ended_at_its_own_limit_is_started_again():
    story = wanted_on_air()
    story.now += 2 * 60 * MINUTE
    story.hls("stopping", "stopped", id="a")
    assert story.view["desired"]["on_air"]
    story.timer("backoff")
    assert len(story.starts) == 2


def test_a_stream_that_began_long_before_we_knew_of_it_is_as_old_as_videosdk_says():
    story = with_session()
    story.operator("start")
    story.answer("already", stream={**rest("a"), "start": "2026-11-22T10:00:00.000Z"})
    story.hls("stopping", "stopped", id="a")
    assert "VideoSDK's own limit" in story.did
    story.timer("backoff")
    assert len(story.starts) == 2


def test_a_stream_that_ended_a_moment_ago_and_is_still_shown_is_not_asked_for_without_pause():
    story = wanted_on_air()
    story.hls("stopped", id="a")
    story.operator("start")
    story.answer("already", run="a")
    assert len(story.starts) == 2
    assert backing_off(story) == 5


# A room without a session


def test_a_room_that_nobody_is_in_is_armed_and_asked_about():
    story = Story()
    story.operator("start")
    assert story.did == "Checking with VideoSDK whether a session is open"
    story.probe(None)
    assert story.did.startswith("Armed")
    assert story.view["armed"]
    assert (story.starts, len(story.probes)) == ([], 1)


def test_an_armed_room_starts_when_its_session_does():
    story = Story()
    story.operator("start")
    story.webhook("session-started")
    assert len(story.starts) == 1
    assert not story.view["armed"]


def test_an_armed_room_is_asked_about_every_30_s_and_starts_when_a_session_is_found():
    story = Story()
    story.operator("start")
    story.probe(None)
    story.timer("armed")
    assert len(story.probes) == 2
    story.probe(None, session={"session_id": "s1", "live": True, "participants": {}})
    assert len(story.starts) == 1


def test_any_event_of_a_new_session_starts_an_armed_room():
    story = Story()
    story.operator("start")
    story.joined("ada")
    assert len(story.starts) == 1


# Who wins


def test_an_operators_wish_holds_until_its_time_is_up():
    story = with_session()
    story.operator("start", until=story.now + 10 * MINUTE)
    story.answer("succeeded", run="a")
    story.hls("started", "playable", id="a")
    story.timer("until")
    assert story.view["desired"] is None
    assert (story.ends, story.states) == ([], ["playable"])


def test_a_release_takes_the_hands_off_the_room():
    story = wanted_on_air()
    story.operator("release")
    assert story.view["desired"] is None
    story.hls("failed", id="a")
    story.wait(15 * MINUTE)
    assert (len(story.starts), story.ends) == (1, [])


def test_a_release_without_a_wish_is_harmless():
    story = with_session()
    story.operator("release")
    assert story.reasons == (Reason.OPERATOR_NOTHING_TO_RELEASE,)


def test_an_operators_start_wins_over_a_rules_end():
    story = wanted_on_air()
    story.put_rule(END_ON_LEAVE)
    story.joined("ada")
    story.left("ada")
    assert story.ends == []
    assert "the operator's desire wins" in story.did
    assert story.view["desired"]["because"] == "operator"


def test_an_operators_end_wins_over_a_rules_start():
    story = with_session()
    story.put_rule(START_ON_JOIN)
    story.operator("end")
    story.joined("ada")
    assert story.starts == []
    story.operator("release")
    assert [call.because for call in story.starts] == ["rule:host-in"]


def test_the_newest_event_rule_wins_over_the_one_before():
    story = with_session()
    story.put_rule(START_ON_JOIN)
    story.put_rule(END_ON_LEAVE)
    story.joined("ada")
    story.answer("succeeded", run="a")
    story.hls("started", id="a")
    story.left("ada")
    assert [call.because for call in story.ends] == ["rule:host-out"]


def test_a_rules_end_wants_nothing_more_once_the_stream_has_ended():
    story = on_air()
    story.put_rule(END_ON_LEAVE)
    story.joined("ada")
    story.left("ada")
    story.answer("succeeded")
    story.hls("stopping", "stopped", id="a")
    assert story.view["desired"] is None


def test_a_rules_wish_ends_with_its_session():
    story = with_session()
    story.put_rule(START_ON_JOIN)
    story.joined("ada")
    story.webhook("session-ended")
    assert story.view["desired"] is None
    assert "its session ended" in story.did


def test_a_rules_wish_ends_with_its_session_though_only_the_next_one_was_heard_of():
    story = with_session()
    story.put_rule(START_ON_JOIN)
    story.joined("ada")
    story.webhook("session-started", session="s2")
    assert story.view["desired"] is None
    story.joined("bob", session="s2")
    assert story.view["desired"]["because"] == "rule:host-in"


def test_a_rule_may_end_the_stream_when_the_session_ends():
    story = on_air()
    story.put_rule({"name": "after", "on": "session.ended", "do": "end"})
    story.webhook("session-ended")
    assert [call.because for call in story.ends] == ["rule:after"]


def test_a_rule_that_answers_a_persons_stop_with_a_start_is_not_undone_by_that_stop():
    story = on_air()
    story.put_rule({"name": "again", "on": "stream.stopped", "do": "start"})
    story.hls("stopping", "stopped", id="a")
    assert [call.because for call in story.starts] == ["rule:again"]


def test_a_rule_that_answers_an_end_of_ours_with_a_start_is_not_kept_waiting():
    story = wanted_on_air()
    story.put_rule({"name": "again", "on": "stream.stopped", "do": "start"})
    story.operator("end")
    story.answer("succeeded")
    story.operator("release")
    story.hls("stopping", "stopped", id="a")
    assert [call.because for call in story.starts] == ["operator", "rule:again"]


def test_a_rule_that_answers_a_persons_stop_takes_over_from_the_operator_who_is_overruled():
    story = wanted_on_air()
    story.put_rule({"name": "again", "on": "stream.stopped", "do": "start"})
    story.hls("stopping", "stopped", id="a")
    assert [call.because for call in story.starts] == ["operator", "rule:again"]


def test_the_timeline_says_that_a_newer_rule_wins_over_the_one_before():
    story = with_session()
    story.put_rule(START_ON_JOIN)
    story.put_rule({"name": "guard", "on": "participant-left", "do": "end"})
    story.joined("ada")
    story.answer("succeeded", run="a")
    story.left("ada")
    assert "Matched: end wanted, newer than what host-in wants" in story.did


# Without credentials


def test_without_credentials_nothing_is_called_and_nothing_asked():
    story = with_session(calls=False)
    story.put_rule(START_ON_JOIN)
    story.joined("ada")
    story.hls("stopped", "starting", "started", "stopped")
    story.operator("start")
    story.wait(15 * MINUTE)
    assert story.calls == []


def test_credentials_that_come_later_are_put_to_use():
    story = with_session(calls=False)
    story.operator("start")
    story.tell(Source.SYSTEM, "settings", {"calls": True}, room=None)
    assert len(story.starts) == 1


def test_an_end_that_was_taken_is_not_sent_again_before_videosdk_has_said_whether_it_ended():
    story = wanted_on_air()
    story.operator("end")
    story.answer("succeeded")
    story.timer("ask:ended")
    story.timer("backoff")
    assert len(story.ends) == 1
    story.probe(rest("a"))
    assert len(story.ends) == 2


def test_a_start_that_videosdk_asks_to_hold_back_is_tried_again_as_late_as_it_asks_but_within_a_minute():
    for asked, waited in ((30, 30), (1, 5), (3_600, 60)):
        story = with_session()
        story.operator("start")
        story.answer("refused", status=429, retry_after_ms=asked * SECOND)
        assert story.room.timers["backoff"] - story.now == waited * SECOND
