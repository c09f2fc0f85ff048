"""How the controller brings a room from what it is to what it should be, whatever goes wrong on the way."""

from typing import Any

import pytest

from tests.support.scenario import MINUTE, ROOM, SECOND, Scenario, on_air, rest, url, wanted_on_air, with_session
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason

START_ON_JOIN = {"name": "host-in", "on": "participant-joined", "do": "start"}
END_ON_LEAVE = {"name": "host-out", "on": "participant-left", "do": "end"}


def backing_off(scenario: Any) -> Any:
    """How long the room waits before it tries again, in seconds; None when it does not."""
    due = scenario.room.timers.get("backoff")
    return None if due is None else (due - scenario.now) / SECOND


def started(**more: Any) -> Any:
    """An operator's start has been called and not been answered."""
    scenario = with_session(**more)
    scenario.operator("start")
    return scenario


def unknown(**more: Any) -> Any:
    """Nobody knows what became of a start that timed out."""
    scenario = started(**more)
    scenario.answer("unknown", after=10 * SECOND, deadline_at=scenario.now + 10 * SECOND)
    return scenario


# A start that goes well


def test_an_operators_start_is_one_call() -> None:
    scenario = started()
    assert [call.because for call in scenario.starts] == ["operator"]
    assert scenario.explained[0] == explain(Reason.START_SENT, because="operator")


def test_a_start_carries_what_the_operator_gave() -> None:
    scenario = with_session()
    scenario.operator("start", start={"templateUrl": "https://t.example"})
    assert scenario.starts[0].body == {"templateUrl": "https://t.example"}


def test_a_start_that_is_repeated_is_harmless() -> None:
    scenario = started()
    scenario.operator("start")
    assert scenario.reasons == (Reason.OPERATOR_REPEAT,)
    scenario.answer("succeeded", run="a")
    scenario.operator("start")
    assert len(scenario.starts) == 1


def test_the_answer_names_the_run_and_the_webhooks_join_it() -> None:
    scenario = started()
    scenario.answer("succeeded", run="a")
    assert scenario.view["stream"]["videosdk_id"] == "a"
    scenario.hls("starting", "started", "playable")
    assert scenario.states == ["playable"]
    assert {notice.because for notice in scenario.announced if notice.type.startswith("stream.")} == {"operator"}


@pytest.mark.parametrize("named", [{}, {"url": url("a")}, {"id": "a"}])
def test_webhooks_that_overtake_the_answer_are_of_the_same_run(named: dict[str, Any]) -> None:
    scenario = started()
    scenario.hls("starting", "started", **named)
    scenario.answer("succeeded", run="a")
    scenario.hls("playable", **named)
    assert [(run.videosdk_id, run.state, run.because) for run in scenario.runs] == [("a", "playable", "operator")]


def test_a_run_that_came_and_went_before_the_answer_is_not_opened_again_by_it() -> None:
    scenario = started()
    scenario.hls("starting", "started", "stopped")
    scenario.answer("succeeded", run="a")
    assert [(run.videosdk_id, run.state) for run in scenario.room.streams] == [("a", "stopped")]


def test_a_room_that_is_on_air_already_is_not_started_again() -> None:
    scenario = on_air()
    scenario.operator("start")
    assert scenario.starts == []


def test_a_start_that_finds_a_stream_on_takes_that_for_its_own_wish() -> None:
    scenario = started()
    scenario.answer("already", run="z")
    assert scenario.states == ["started"]
    scenario.wait(15 * MINUTE)
    assert len(scenario.starts) == 1


def test_a_success_that_names_no_stream_is_looked_into_before_anything_is_repeated() -> None:
    scenario = started()
    scenario.answer("succeeded", status=200)
    assert len(scenario.starts) == 1
    assert scenario.room.probing.probe is not None
    scenario.probe(rest("a"))
    assert scenario.states == ["started"]
    assert scenario.room.control.call is None


@pytest.mark.parametrize("shown_after_s", [20, 45, 90])
def test_a_stream_that_is_shown_as_active_late_is_not_started_twice(shown_after_s: int) -> None:
    scenario = started()
    scenario.answer("succeeded", run="a", status=200)
    shown_at = scenario.now + shown_after_s * SECOND
    while scenario.now < shown_at:
        if scenario.room.probing.probe is None:
            scenario.wait(SECOND)
        else:
            scenario.probe(None, records=[{"id": "a", "ended": False}])
        assert (scenario.states, len(scenario.starts)) == (["starting"], 1)
    scenario.ask()
    scenario.probe(rest("a"))
    assert (scenario.states, len(scenario.starts)) == (["started"], 1)


@pytest.mark.parametrize("state", ["started", "playable"])
def test_a_young_stream_that_is_on_air_and_not_shown_as_active_yet_is_not_gone(state: str) -> None:
    scenario = started()
    scenario.answer("succeeded", run="a", status=200)
    scenario.hls(state, id="a")
    scenario.ask()
    scenario.probe(None, records=[{"id": "a", "ended": False}])
    assert (scenario.states, len(scenario.starts)) == ([state], 1)
    began = scenario.now
    while scenario.states == [state]:
        assert scenario.now - began < 4 * MINUTE
        if scenario.room.probing.probe is None:
            scenario.wait(SECOND)
        else:
            scenario.probe(None, records=[{"id": "a", "ended": False}])


@pytest.mark.parametrize("records", [[], [{"id": "b", "ended": False}], [{"id": "a", "webhooks": {}}]])
def test_a_stream_that_is_not_shown_as_active_is_gone_unless_its_own_object_shows_no_end(records: Any) -> None:
    scenario = started()
    scenario.answer("succeeded", run="a", status=200)
    scenario.timer("watch")
    scenario.probe(None, records=records)
    assert scenario.states == ["stopped"]


def test_a_stream_that_is_never_shown_as_active_is_gone_in_the_end() -> None:
    scenario = started()
    scenario.answer("succeeded", run="a", status=200)
    began = scenario.now
    while scenario.states == ["starting"]:
        assert scenario.now - began < 150 * SECOND
        if scenario.room.probing.probe is None:
            scenario.wait(SECOND)
        else:
            scenario.probe(None, records=[{"id": "a", "ended": False}])


def test_a_stream_whose_end_was_told_is_gone_although_its_own_object_shows_none() -> None:
    scenario = started()
    scenario.answer("succeeded", run="a", status=200)
    scenario.hls("stopped")
    scenario.ask()
    scenario.probe(None, records=[{"id": "a", "ended": False}])
    assert scenario.states == ["stopped"]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_success_that_names_no_stream_is_not_repeated_within_a_minute(status: int) -> None:
    scenario = started()
    scenario.answer("unknown", status=status)
    answered_at = scenario.now
    while scenario.now < answered_at + 55 * SECOND:
        if scenario.room.probing.probe is None:
            scenario.wait(SECOND)
        else:
            scenario.probe(None, asked_at=scenario.now)
        assert len(scenario.starts) == 1


# A start that is refused


def test_a_refused_start_is_told_and_tried_again_ever_later_up_to_a_minute() -> None:
    scenario = started()
    waited = []
    for n in range(6):
        scenario.answer("refused", status=429, message="slow down")
        waited.append(backing_off(scenario))
        scenario.timer("backoff")
        assert len(scenario.starts) == n + 2
    assert waited == [5, 10, 20, 40, 60, 60]
    assert scenario.notices.count("call.refused") == 6


def test_while_backing_off_nothing_is_called() -> None:
    scenario = started()
    scenario.answer("refused", status=500)
    scenario.joined("ada")
    scenario.operator("start")
    assert len(scenario.starts) == 1


def test_a_conflict_is_looked_into_as_well_as_waited_for() -> None:
    scenario = started()
    scenario.answer("refused", status=409, message="4020")
    assert scenario.room.probing.probe is not None
    scenario.probe(rest("z"))
    scenario.wait(MINUTE)
    assert len(scenario.starts) == 1
    assert scenario.states == ["started"]


def test_a_start_that_is_refused_for_ever_is_given_up() -> None:
    scenario = started()
    for _ in range(19):
        scenario.answer("refused", status=429)
        scenario.timer("backoff")
    scenario.answer("refused", status=429)
    assert scenario.notices[-1] == "call.given-up"
    assert scenario.view["desired"] is None


def test_a_token_that_is_refused_pauses_all_calls_until_a_question_is_answered_again() -> None:
    scenario = started()
    scenario.answer("refused", status=401)
    assert scenario.notices[-1] == "alarm.raised"
    assert scenario.world.config.settings.paused
    scenario.operator("end")
    scenario.operator("start")
    assert len(scenario.starts) == 1
    scenario.timer("ask:credentials")
    scenario.probe(active=None)
    assert not scenario.world.config.settings.paused
    assert "alarm.cleared" in scenario.notices
    assert len(scenario.starts) == 2


def test_what_is_forbidden_in_a_room_is_tried_again_a_minute_later() -> None:
    scenario = started()
    scenario.answer("refused", status=403)
    assert "alarm.raised" in scenario.notices
    refused_at = scenario.now
    scenario.timer("backoff")
    assert scenario.now - refused_at == 60_000
    scenario.answer("succeeded", run="a")
    assert "alarm.cleared" in scenario.notices


def test_the_alarm_of_a_forbidden_room_names_the_room() -> None:
    scenario = with_session()
    rooms = {"lobby": {"room_id": ROOM, "groups": []}}
    scenario.process(Source.CONFIG, "file-applied", {"rooms": rooms, "rules": []}, room=None)
    scenario.operator("start")
    scenario.answer("refused", status=403, message="Not permitted")
    (raised,) = [notice for notice in scenario.announced if notice.type == "alarm.raised"]
    summary = explain(AlarmSummary.ROOM_FORBIDDEN, action="start", room="lobby", answer="403 Not permitted")
    assert raised.data["alarm"]["summary"] == summary.stored


def test_a_call_that_was_dropped_before_it_was_sent_is_decided_anew() -> None:
    scenario = started()
    scenario.answer("dropped", message="older than 5 s before it could be sent")
    assert len(scenario.starts) == 2
    assert scenario.starts[0].call_id != scenario.starts[1].call_id


def test_an_operator_who_asks_again_is_not_kept_waiting_by_the_back_off() -> None:
    scenario = started()
    for _ in range(4):
        scenario.answer("refused", status=429)
        scenario.timer("backoff")
    scenario.answer("refused", status=429)
    scenario.operator("end")
    scenario.operator("start")
    assert len(scenario.starts) == 6


# A start whose outcome nobody knows


def test_an_unknown_outcome_is_asked_about_before_anything_is_repeated() -> None:
    scenario = unknown()
    assert Reason.CALL_UNKNOWN in scenario.outcomes[-1].reasons
    assert [probe.because for probe in scenario.probes] == ["unknown"]
    assert len(scenario.starts) == 1


def test_two_looks_that_find_nothing_the_later_late_enough_allow_another_start() -> None:
    scenario = unknown()
    deadline = scenario.now
    scenario.probe(None)
    scenario.timer("ask:unknown")
    assert scenario.now == deadline + 15 * SECOND
    scenario.probe(None)
    assert Reason.START_HAD_NO_EFFECT in scenario.decided
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_one_look_that_finds_nothing_is_not_enough_however_late() -> None:
    scenario = unknown()
    scenario.wait(40 * SECOND)
    scenario.probe(None)
    scenario.wait(SECOND)
    assert len(scenario.starts) == 1


def test_looks_that_come_too_early_are_not_enough_however_many() -> None:
    scenario = unknown()
    too_early = scenario.now + 14 * SECOND
    for _ in range(4):
        scenario.probe(None, asked_at=too_early)
    scenario.wait(SECOND)
    assert scenario.room.control.call is not None
    assert len(scenario.starts) == 1


def test_after_an_answer_of_5xx_five_seconds_are_enough() -> None:
    scenario = started()
    scenario.answer("unknown", status=502)
    scenario.probe(None)
    scenario.timer("ask:unknown")
    scenario.probe(None, asked_at=scenario.now)
    assert Reason.START_HAD_NO_EFFECT in scenario.decided


def test_looks_that_do_not_reach_videosdk_do_not_count() -> None:
    scenario = unknown()
    for _ in range(4):
        scenario.probe(reached=False)
        scenario.timer("ask:unknown")
    scenario.probe(None)
    assert len(scenario.starts) == 1
    assert scenario.room.control.call is not None


def test_a_look_that_finds_the_stream_ends_the_doubt_without_a_second_start() -> None:
    scenario = unknown()
    scenario.probe(rest("a"))
    assert scenario.room.control.call is None
    scenario.wait(15 * MINUTE)
    assert (len(scenario.starts), scenario.states) == (1, ["started"])
    assert scenario.runs[0].because == "operator"


@pytest.mark.parametrize("named", [{}, {"url": url("a")}, {"id": "a"}])
def test_a_late_webhook_ends_the_doubt(named: dict[str, Any]) -> None:
    scenario = unknown()
    scenario.hls("starting", **named)
    assert scenario.room.control.call is None
    assert Reason.START_TOOK_EFFECT in scenario.decided


def test_a_late_webhook_that_may_be_of_an_older_run_does_not_end_the_doubt() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", "stopped")
    scenario.operator("start")
    scenario.answer("unknown")
    scenario.hls("starting")
    assert scenario.room.control.call is not None
    scenario.probe(rest("b"))
    assert (scenario.room.control.call, scenario.states) == (None, ["stopped", "started"])


def test_an_answer_that_never_comes_is_an_unknown_outcome_in_the_end() -> None:
    scenario = started()
    scenario.timer("call-lost")
    assert scenario.room.control.call is not None
    scenario.probe(None)
    scenario.timer("ask:unknown")
    scenario.probe(None)
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_an_answer_that_comes_after_all_is_taken() -> None:
    scenario = unknown()
    scenario.answer("succeeded", run="a")
    assert (scenario.room.control.call, scenario.states) == (None, ["starting"])


def test_an_operator_who_changes_his_mind_does_not_cut_the_doubt_short() -> None:
    scenario = unknown()
    scenario.operator("end")
    scenario.operator("start")
    assert len(scenario.starts) == 1
    scenario.operator("release")
    scenario.operator("start")
    assert len(scenario.starts) == 1


# An end


def test_an_end_names_the_stream() -> None:
    scenario = wanted_on_air("a")
    scenario.operator("end")
    assert [call.body for call in scenario.ends] == [{"id": "a"}]


def test_an_end_of_a_stream_whose_id_is_not_known_names_none() -> None:
    scenario = with_session()
    scenario.hls("starting", "started")
    scenario.operator("end")
    assert scenario.ends[0].body == {}


def test_an_end_waits_while_the_stream_is_starting() -> None:
    scenario = started()
    scenario.answer("succeeded", run="a")
    scenario.operator("end")
    assert scenario.ends == []
    assert scenario.decided == [Reason.WAITING_FOR_STARTED]
    scenario.hls("started")
    assert len(scenario.ends) == 1


def test_an_end_waits_for_the_answer_to_the_start() -> None:
    scenario = started()
    scenario.operator("end")
    assert scenario.ends == []
    scenario.answer("succeeded", run="a")
    scenario.hls("started", id="a")
    assert [call.body for call in scenario.ends] == [{"id": "a"}]


def test_an_end_of_a_room_that_is_off_is_no_call() -> None:
    scenario = with_session()
    scenario.operator("end")
    assert scenario.calls == []


def test_an_ended_stream_is_not_ended_again_while_it_stops() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.hls("stopping", id="a")
    scenario.wait(30 * SECOND)
    scenario.hls("stopped", id="a")
    assert len(scenario.ends) == 1
    assert not scenario.view["on_air"]


def test_an_end_that_videosdk_took_and_did_not_do_is_called_again() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.wait(14_999)
    scenario.probe(rest("a"), after=0)
    scenario.wait(1)
    assert len(scenario.ends) == 2


def test_an_end_of_which_nobody_knows_is_looked_into_and_repeated_if_need_be() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("unknown")
    assert len(scenario.ends) == 1
    scenario.probe(rest("a"))
    assert len(scenario.ends) == 2
    scenario.answer("unknown")
    scenario.probe(None)
    assert (len(scenario.ends), scenario.states) == (2, ["stopped"])


def test_a_start_right_after_our_own_end_is_not_undone_by_it() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.operator("start")
    scenario.hls("stopping", "stopped", id="a")
    scenario.wait(MINUTE)
    assert scenario.view["desired"]["on_air"]
    assert len(scenario.starts) == 2


# A stream that stops by itself, or by somebody's hand


def test_a_person_who_stops_the_stream_is_obeyed() -> None:
    scenario = wanted_on_air()
    scenario.hls("stopping", "stopped", id="a")
    assert Reason.STOPPED_BY_SOMEBODY in scenario.decided
    assert scenario.view["desired"] is None
    scenario.wait(15 * MINUTE)
    assert len(scenario.starts) == 1


def test_a_person_who_stops_the_second_stream_of_a_session_is_obeyed_though_nothing_names_it() -> None:
    scenario = with_session()
    scenario.hls("starting", "started", "stopped")
    scenario.operator("start")
    scenario.answer("succeeded", run="b")
    scenario.hls("started", url=url("b"))
    scenario.hls("stopping", "stopped")
    scenario.ask()
    scenario.probe(None)
    assert scenario.states == ["stopped", "stopped"]
    assert Reason.STOPPED_BY_SOMEBODY in scenario.decided
    assert scenario.view["desired"] is None


def test_a_person_is_obeyed_though_only_the_stopping_was_heard_of() -> None:
    scenario = wanted_on_air()
    scenario.hls("stopping", id="a")
    scenario.wait(60 * SECOND)
    scenario.probe(None)
    assert Reason.STOPPED_BY_SOMEBODY in scenario.decided


def test_a_stream_that_stops_because_everybody_left_was_not_stopped_by_a_person() -> None:
    scenario = with_session()
    scenario.joined("ada")
    scenario.operator("start")
    scenario.answer("succeeded", run="a")
    scenario.hls("started", "playable", id="a")
    scenario.left("ada")
    scenario.hls("stopping", "stopped", id="a")
    scenario.webhook("session-ended")
    assert scenario.view["desired"]["on_air"]
    assert scenario.view["armed"]
    scenario.webhook("session-started", session="s2")
    scenario.wait(5 * SECOND)
    assert len(scenario.starts) == 2


def test_a_stream_that_failed_is_started_again_a_little_later() -> None:
    scenario = wanted_on_air()
    scenario.hls("failed", id="a")
    assert backing_off(scenario) == 5
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_a_stream_that_vanished_is_started_again_a_little_later() -> None:
    scenario = wanted_on_air()
    scenario.wait(90 * SECOND)
    scenario.probe(None)
    assert backing_off(scenario) == 5
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_a_stream_that_fails_before_it_is_on_air_is_tried_ever_later() -> None:
    scenario = started()
    waited = []
    for n in range(4):
        scenario.answer("succeeded", run=f"run-{n}")
        scenario.hls("failed", id=f"run-{n}")
        waited.append(backing_off(scenario))
        scenario.timer("backoff")
    assert waited == [5, 10, 20, 40]


def test_a_stream_that_videosdk_ended_at_its_own_limit_is_started_again() -> None:
    scenario = wanted_on_air()
    scenario.now += 2 * 60 * MINUTE
    scenario.hls("stopping", "stopped", id="a")
    assert scenario.view["desired"]["on_air"]
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_a_stream_that_began_long_before_we_knew_of_it_is_as_old_as_videosdk_says() -> None:
    scenario = with_session()
    scenario.operator("start")
    scenario.answer("already", stream={**rest("a"), "start": "2026-11-22T10:00:00.000Z"})
    scenario.hls("stopping", "stopped", id="a")
    assert Reason.RETRY_VIDEOSDK_LIMIT in scenario.decided
    scenario.timer("backoff")
    assert len(scenario.starts) == 2


def test_a_stream_that_ended_a_moment_ago_and_is_still_shown_is_not_asked_for_without_pause() -> None:
    scenario = wanted_on_air()
    scenario.hls("stopped", id="a")
    scenario.operator("start")
    scenario.answer("already", run="a")
    assert len(scenario.starts) == 2
    assert backing_off(scenario) == 5


# A room without a session


def test_a_room_that_nobody_is_in_is_armed_and_asked_about() -> None:
    scenario = Scenario()
    scenario.operator("start")
    assert scenario.decided == [Reason.CHECKING_SESSION]
    scenario.probe(None)
    assert scenario.decided[0] == Reason.WAITING_FOR_SESSION
    assert scenario.view["armed"]
    assert (scenario.starts, len(scenario.probes)) == ([], 1)


def test_an_armed_room_starts_when_its_session_does() -> None:
    scenario = Scenario()
    scenario.operator("start")
    scenario.webhook("session-started")
    assert len(scenario.starts) == 1
    assert not scenario.view["armed"]


def test_an_armed_room_is_asked_about_every_30_s_and_starts_when_a_session_is_found() -> None:
    scenario = Scenario()
    scenario.operator("start")
    scenario.probe(None)
    scenario.timer("armed")
    assert len(scenario.probes) == 2
    scenario.probe(None, session={"session_id": "s1", "live": True, "participants": {}})
    assert len(scenario.starts) == 1


def test_any_event_of_a_new_session_starts_an_armed_room() -> None:
    scenario = Scenario()
    scenario.operator("start")
    scenario.joined("ada")
    assert len(scenario.starts) == 1


# Who wins


def test_an_operators_wish_holds_until_its_time_is_up() -> None:
    scenario = with_session()
    scenario.operator("start", until=scenario.now + 10 * MINUTE)
    scenario.answer("succeeded", run="a")
    scenario.hls("started", "playable", id="a")
    scenario.timer("until")
    assert scenario.view["desired"] is None
    assert (scenario.ends, scenario.states) == ([], ["playable"])


def test_a_release_takes_the_hands_off_the_room() -> None:
    scenario = wanted_on_air()
    scenario.operator("release")
    assert scenario.view["desired"] is None
    scenario.hls("failed", id="a")
    scenario.wait(15 * MINUTE)
    assert (len(scenario.starts), scenario.ends) == (1, [])


def test_a_release_without_a_wish_is_harmless() -> None:
    scenario = with_session()
    scenario.operator("release")
    assert scenario.reasons == (Reason.OPERATOR_NOTHING_TO_RELEASE,)


def test_an_operators_start_wins_over_a_rules_end() -> None:
    scenario = wanted_on_air()
    scenario.put_rule(END_ON_LEAVE)
    scenario.joined("ada")
    scenario.left("ada")
    assert scenario.ends == []
    assert Reason.RULE_OPERATOR_WINS in scenario.decided
    assert scenario.view["desired"]["because"] == "operator"


def test_an_operators_end_wins_over_a_rules_start() -> None:
    scenario = with_session()
    scenario.put_rule(START_ON_JOIN)
    scenario.operator("end")
    scenario.joined("ada")
    assert scenario.starts == []
    scenario.operator("release")
    assert [call.because for call in scenario.starts] == ["rule:host-in"]


def test_the_newest_event_rule_wins_over_the_one_before() -> None:
    scenario = with_session()
    scenario.put_rule(START_ON_JOIN)
    scenario.put_rule(END_ON_LEAVE)
    scenario.joined("ada")
    scenario.answer("succeeded", run="a")
    scenario.hls("started", id="a")
    scenario.left("ada")
    assert [call.because for call in scenario.ends] == ["rule:host-out"]


def test_a_rules_end_wants_nothing_more_once_the_stream_has_ended() -> None:
    scenario = on_air()
    scenario.put_rule(END_ON_LEAVE)
    scenario.joined("ada")
    scenario.left("ada")
    scenario.answer("succeeded")
    scenario.hls("stopping", "stopped", id="a")
    assert scenario.view["desired"] is None


def test_a_rules_wish_ends_with_its_session() -> None:
    scenario = with_session()
    scenario.put_rule(START_ON_JOIN)
    scenario.joined("ada")
    scenario.webhook("session-ended")
    assert scenario.view["desired"] is None
    assert Reason.DESIRE_DROPPED_SESSION_ENDED in scenario.decided


def test_a_rules_wish_ends_with_its_session_though_only_the_next_one_was_heard_of() -> None:
    scenario = with_session()
    scenario.put_rule(START_ON_JOIN)
    scenario.joined("ada")
    scenario.webhook("session-started", session="s2")
    assert scenario.view["desired"] is None
    scenario.joined("bob", session="s2")
    assert scenario.view["desired"]["because"] == "rule:host-in"


def test_a_rule_may_end_the_stream_when_the_session_ends() -> None:
    scenario = on_air()
    scenario.put_rule({"name": "after", "on": "session.ended", "do": "end"})
    scenario.webhook("session-ended")
    assert [call.because for call in scenario.ends] == ["rule:after"]


def test_a_rule_that_answers_a_persons_stop_with_a_start_is_not_undone_by_that_stop() -> None:
    scenario = on_air()
    scenario.put_rule({"name": "again", "on": "stream.stopped", "do": "start"})
    scenario.hls("stopping", "stopped", id="a")
    assert [call.because for call in scenario.starts] == ["rule:again"]


def test_a_rule_that_answers_an_end_of_ours_with_a_start_is_not_kept_waiting() -> None:
    scenario = wanted_on_air()
    scenario.put_rule({"name": "again", "on": "stream.stopped", "do": "start"})
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.operator("release")
    scenario.hls("stopping", "stopped", id="a")
    assert [call.because for call in scenario.starts] == ["operator", "rule:again"]


def test_a_rule_that_answers_a_persons_stop_takes_over_from_the_operator_who_is_overruled() -> None:
    scenario = wanted_on_air()
    scenario.put_rule({"name": "again", "on": "stream.stopped", "do": "start"})
    scenario.hls("stopping", "stopped", id="a")
    assert [call.because for call in scenario.starts] == ["operator", "rule:again"]


def test_the_timeline_says_that_a_newer_rule_wins_over_the_one_before() -> None:
    scenario = with_session()
    scenario.put_rule(START_ON_JOIN)
    scenario.put_rule({"name": "guard", "on": "participant-left", "do": "end"})
    scenario.joined("ada")
    scenario.answer("succeeded", run="a")
    scenario.left("ada")
    assert explain(Reason.RULE_NEWER, action="end", loser="host-in") in scenario.explained


# Without credentials


def test_without_credentials_nothing_is_called_and_nothing_asked() -> None:
    scenario = with_session(calls=False)
    scenario.put_rule(START_ON_JOIN)
    scenario.joined("ada")
    scenario.hls("stopped", "starting", "started", "stopped")
    scenario.operator("start")
    scenario.wait(15 * MINUTE)
    assert scenario.calls == []


def test_credentials_that_come_later_are_put_to_use() -> None:
    scenario = with_session(calls=False)
    scenario.operator("start")
    scenario.process(Source.SYSTEM, "settings", {"calls": True}, room=None)
    assert len(scenario.starts) == 1


def test_an_end_that_was_taken_is_not_sent_again_before_videosdk_has_said_whether_it_ended() -> None:
    scenario = wanted_on_air()
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.timer("ask:ended")
    scenario.timer("backoff")
    assert len(scenario.ends) == 1
    scenario.probe(rest("a"))
    assert len(scenario.ends) == 2


def test_a_start_that_videosdk_asks_to_hold_back_is_tried_again_as_late_as_it_asks_but_within_a_minute() -> None:
    for timeout_s, waited in ((30, 30), (1, 5), (3_600, 60)):
        scenario = with_session()
        scenario.operator("start")
        scenario.answer("refused", status=429, retry_after_ms=timeout_s * SECOND)
        assert scenario.room.timers["backoff"] - scenario.now == waited * SECOND
