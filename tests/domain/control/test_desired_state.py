"""Which desired state wins: operators, rules, and rooms without credentials."""

from tests.support.scenario import MINUTE, on_air, wanted_on_air, with_session
from tests.support.started_room import END_ON_LEAVE, START_ON_JOIN
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason

# Who wins


def test_an_operators_start_is_desired_until_its_time_limit() -> None:
    scenario = with_session()
    scenario.operator("start", until=scenario.now + 10 * MINUTE)
    scenario.answer("succeeded", run="a")
    scenario.hls("started", "playable", id="a")
    scenario.timer("until")
    assert scenario.view["desired"] is None
    assert (scenario.ends, scenario.states) == ([], ["playable"])


def test_a_released_room_is_neither_started_nor_ended() -> None:
    scenario = wanted_on_air()
    scenario.operator("release")
    assert scenario.view["desired"] is None
    scenario.hls("failed", id="a")
    scenario.wait(15 * MINUTE)
    assert (len(scenario.starts), scenario.ends) == (1, [])


def test_a_release_without_a_desired_state_changes_nothing() -> None:
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


def test_a_rules_end_leaves_no_desired_state_once_the_stream_has_ended() -> None:
    scenario = on_air()
    scenario.put_rule(END_ON_LEAVE)
    scenario.joined("ada")
    scenario.left("ada")
    scenario.answer("succeeded")
    scenario.hls("stopping", "stopped", id="a")
    assert scenario.view["desired"] is None


def test_what_a_rule_desired_is_dropped_when_its_session_ends() -> None:
    scenario = with_session()
    scenario.put_rule(START_ON_JOIN)
    scenario.joined("ada")
    scenario.webhook("session-ended")
    assert scenario.view["desired"] is None
    assert Reason.DESIRE_DROPPED_SESSION_ENDED in scenario.decided


def test_what_a_rule_desired_is_dropped_when_the_next_session_starts() -> None:
    scenario = with_session()
    scenario.put_rule(START_ON_JOIN)
    scenario.joined("ada")
    scenario.webhook("session-started", session="s2")
    next_session = scenario.view
    assert next_session["desired"] is None
    scenario.joined("bob", session="s2")
    assert scenario.view["desired"]["because"] == "rule:host-in"


def test_a_rule_may_end_the_stream_when_the_session_ends() -> None:
    scenario = on_air()
    scenario.put_rule({"name": "after", "on": "session.ended", "do": "end"})
    scenario.webhook("session-ended")
    assert [call.because for call in scenario.ends] == ["rule:after"]


def test_a_rules_start_in_response_to_a_persons_stop_is_not_undone_by_that_stop() -> None:
    scenario = on_air()
    scenario.put_rule({"name": "again", "on": "stream.stopped", "do": "start"})
    scenario.hls("stopping", "stopped", id="a")
    assert [call.because for call in scenario.starts] == ["rule:again"]


def test_a_rules_start_in_response_to_our_own_end_does_not_wait() -> None:
    scenario = wanted_on_air()
    scenario.put_rule({"name": "again", "on": "stream.stopped", "do": "start"})
    scenario.operator("end")
    scenario.answer("succeeded")
    scenario.operator("release")
    scenario.hls("stopping", "stopped", id="a")
    assert [call.because for call in scenario.starts] == ["operator", "rule:again"]


def test_a_rules_start_in_response_to_a_persons_stop_replaces_the_operators_start() -> None:
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


def test_without_credentials_there_are_neither_calls_nor_probes() -> None:
    scenario = with_session(calls=False)
    scenario.put_rule(START_ON_JOIN)
    scenario.joined("ada")
    scenario.hls("stopped", "starting", "started", "stopped")
    scenario.operator("start")
    scenario.wait(15 * MINUTE)
    assert scenario.calls == []


def test_a_start_commanded_without_credentials_is_called_once_they_are_configured() -> None:
    scenario = with_session(calls=False)
    scenario.operator("start")
    scenario.process(Source.SYSTEM, "settings", {"calls": True}, room=None)
    assert len(scenario.starts) == 1
