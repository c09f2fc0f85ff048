"""What rules make of events and of rooms, and why they do nothing."""

from typing import Any

import pytest
from marshmallow import ValidationError

from tests.support.scenario import MINUTE, ROOM, SECOND, Scenario, on_air, rest, wanted_on_air, with_session
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.condition_checks import check_condition
from webhook_app.domain.rules.condition_faults import ConditionFault
from webhook_app.domain.rules.conditions import ConditionError, compile_condition
from webhook_app.domain.rules.rule import ACTIONS_MAX_PER_MINUTE
from webhook_app.domain.view_examples import room_shapes
from webhook_app.providers.videosdk.start_schema import StartSchema

HOST_IN = {
    "name": "host-in",
    "on": "participant-joined",
    "if": 'event.data.participantName.startsWith("Host")',
    "do": "start",
}
EMPTY = {
    "name": "empty",
    "when": "room.on_air && room.session.participant_count == 0",
    "for_s": 300,
    "do": "end",
}
SLOW = {"name": "slow", "when": 'room.state == "starting"', "for_s": 120, "do": "notify", "message": "slow"}


def with_rule(rule: Any, scenario: Any = None) -> Any:
    scenario = scenario or with_session()
    scenario.put_rule(rule)
    return scenario


def decisions_of(scenario: Any, rule: Any) -> Any:
    """The decisions of a rule at the last event, as codes with their arguments."""
    decisions = [decision for decision in scenario.decisions if decision.rule == rule]
    return [Explanation(decision.reason, decision.arguments) for decision in decisions]


# on


def test_a_rule_acts_on_its_type_when_its_if_holds() -> None:
    scenario = with_rule(HOST_IN)
    scenario.joined("hostess")
    assert [call.because for call in scenario.starts] == ["rule:host-in"]
    assert scenario.view["desired"]["because"] == "rule:host-in"


def test_a_rule_whose_if_is_false_says_so_on_the_timeline() -> None:
    scenario = with_rule(HOST_IN)
    scenario.joined("guest")
    assert scenario.starts == []
    assert decisions_of(scenario, "host-in") == [explain(Reason.RULE_IF_FALSE)]


def test_a_missing_value_is_false_and_the_timeline_names_it() -> None:
    scenario = with_rule(HOST_IN)
    scenario.webhook("participant-joined", participantId="x")
    assert scenario.starts == []
    missing = explain(ConditionFault.FIELD_MISSING, field="participantName")
    assert decisions_of(scenario, "host-in") == [explain(Reason.RULE_IF_ERROR, error=missing)]
    assert scenario.world.memory["host-in"].last_error == missing


def test_a_rule_may_listen_to_our_notices_and_to_videosdks_own_types() -> None:
    scenario = with_rule({"name": "ours", "on": "stream.playable", "do": "notify"})
    scenario.put_rule({"name": "theirs", "on": "recording-started", "do": "notify"})
    scenario.hls("playable", id="a")
    scenario.webhook("recording-started")
    assert [kind for kind in scenario.notices if kind.startswith("rule.")] == ["rule.ours", "rule.theirs"]


def test_a_notices_type_comes_once_per_change_and_videosdks_as_often_as_it_comes() -> None:
    scenario = with_rule({"name": "ours", "on": "stream.playable", "do": "notify"})
    scenario.put_rule({"name": "theirs", "on": "hls-playable", "do": "notify"})
    scenario.hls("playable", "playable", id="a")
    assert scenario.notices.count("rule.ours") == 1
    assert scenario.notices.count("rule.theirs") == 2


def test_a_change_that_a_probe_found_counts_too() -> None:
    scenario = with_rule({"name": "gone", "on": "stream.stopped", "do": "notify"}, on_air())
    scenario.wait(90 * SECOND)
    scenario.probe(None)
    assert scenario.notices[-1] == "rule.gone"


def test_a_rule_is_about_its_own_rooms() -> None:
    scenario = with_rule({**HOST_IN, "rooms": ["abcd-*"]})
    scenario.webhook("participant-joined", room="other", session="s9", participantId="x", participantName="Host")
    assert scenario.starts == []
    scenario.joined("hostess")
    assert len(scenario.starts) == 1


def test_now_is_in_the_rules_timezone() -> None:
    noon = {"name": "noon", "on": "participant-joined", "timezone": "Asia/Tokyo", "do": "notify"}
    scenario = with_rule({**noon, "if": "now.getHours() == 21"})
    scenario.joined("ada")
    assert scenario.notices[-1] == "rule.noon"


def test_a_body_that_is_passed_on_is_no_trigger_of_its_own() -> None:
    scenario = with_rule({"name": "say", "on": "videosdk.hls-started", "do": "notify"})
    scenario.process(Source.SYSTEM, "settings", {"bodies": True}, room=None)
    scenario.hls("started", id="a")
    assert "videosdk.hls-started" in scenario.notices
    assert "rule.say" not in scenario.notices


# when


def test_a_condition_must_hold_as_long_as_its_for_says() -> None:
    scenario = with_rule(SLOW)
    scenario.hls("starting")
    assert decisions_of(scenario, "slow") == [explain(Reason.RULE_BEGAN_TO_HOLD, seconds=120)]
    scenario.wait(119 * SECOND)
    assert "rule.slow" not in scenario.notices
    scenario.wait(SECOND)
    assert scenario.notices.count("rule.slow") == 1


def test_a_condition_that_ceases_in_time_does_nothing_and_begins_anew() -> None:
    scenario = with_rule(SLOW)
    scenario.hls("starting", id="a")
    scenario.wait(100 * SECOND)
    scenario.hls("started", id="a")
    assert decisions_of(scenario, "slow") == [explain(Reason.RULE_NO_LONGER_HOLDS)]
    scenario.wait(10 * MINUTE)
    assert "rule.slow" not in scenario.notices


def test_a_condition_that_goes_on_holding_acts_once() -> None:
    scenario = with_rule({**SLOW, "when": "room.on_air", "for_s": 10}, on_air())
    scenario.wait(10 * MINUTE)
    assert scenario.notices.count("rule.slow") == 1


def test_a_condition_without_a_for_acts_at_once() -> None:
    scenario = with_rule({**SLOW, "for_s": 0})
    scenario.hls("starting")
    assert scenario.notices[-1] == "rule.slow"


def test_a_condition_about_what_the_controller_does_sees_it() -> None:
    scenario = with_rule({"name": "waiting", "when": "room.armed", "do": "notify"}, Scenario())
    scenario.operator("start")
    assert scenario.notices[-1] == "rule.waiting"


def test_a_new_rule_is_evaluated_for_existing_rooms() -> None:
    scenario = with_rule({"name": "live", "when": "room.on_air", "do": "notify"}, on_air())
    assert scenario.notices[-1] == "rule.live"


def test_a_missing_value_in_a_when_is_false() -> None:
    scenario = with_rule({"name": "count", "when": "room.stream.failure.size() > 3", "do": "notify"})
    scenario.joined("ada")
    assert "rule.count" not in scenario.notices


# Ends because of who is there


def emptied() -> Any:
    """Everybody has left a room on air, and the rule's five minutes are over."""
    scenario = with_rule(EMPTY, on_air())
    scenario.joined("ada")
    scenario.left("ada")
    for _ in range(3):
        scenario.wait(90 * SECOND)
        scenario.probe(rest("a"), after=0)
    scenario.timer("for:empty")
    return scenario


def asked_who(scenario: Any, present: Any, **more: Any) -> Any:
    session = {"session_id": "s1", "live": True, "participants": present}
    return scenario.probe(rest("a"), session=session, **more)


def test_before_a_rule_ends_a_room_because_of_its_participants_the_session_is_probed() -> None:
    scenario = emptied()
    assert scenario.ends == []
    assert scenario.room.probing.probe is not None
    assert scenario.room.probing.probe.body["session"] is True
    asked_who(scenario, {})
    assert [call.because for call in scenario.ends] == ["rule:empty"]


def test_a_rule_that_was_wrong_about_who_is_there_does_nothing() -> None:
    scenario = emptied()
    asked_who(scenario, {"bob": "Bob"})
    assert scenario.ends == []
    assert decisions_of(scenario, "empty")[-1].code in (Reason.RULE_NO_LONGER_HOLDS, Reason.RULE_REFUTED)
    assert scenario.view["session"]["participant_count"] == 1


def test_an_answer_from_before_somebody_came_or_went_is_not_enough_to_end_a_room() -> None:
    scenario = emptied()
    asked_id = scenario.last_id
    scenario.joined("bob")
    scenario.left("bob")
    scenario.timer("for:empty")
    asked_who(scenario, {}, asked_id=asked_id)
    assert scenario.ends == []
    asked_who(scenario, {})
    assert len(scenario.ends) == 1


def test_a_question_that_does_not_get_through_ends_nothing_and_is_put_again() -> None:
    scenario = emptied()
    scenario.probe(reached=False)
    assert scenario.ends == []
    scenario.timer("ask:participants")
    scenario.probe(rest("a"), session=None)
    assert scenario.ends == []
    scenario.timer("ask:participants")
    asked_who(scenario, {})
    assert len(scenario.ends) == 1


def test_participants_that_are_unknown_are_not_none() -> None:
    scenario = Scenario()
    scenario.put_rule(EMPTY)
    scenario.hls("started", id="a")
    assert scenario.view["session"]["participant_count"] is None
    scenario.wait(15 * MINUTE)
    assert scenario.ends == []


# Not chasing its own tail


def test_a_cooldown_keeps_a_rule_from_acting_again_in_the_same_room() -> None:
    scenario = with_rule({"name": "say", "on": "participant-joined", "do": "notify", "cooldown_s": 600})
    scenario.joined("ada")
    scenario.joined("bob")
    assert scenario.notices.count("rule.say") == 1
    assert decisions_of(scenario, "say") == [explain(Reason.RULE_COOLING_DOWN, seconds=599)]
    scenario.webhook("participant-joined", room="other", session="s9", participantId="x")
    assert scenario.notices.count("rule.say") == 2
    scenario.wait(10 * MINUTE)
    scenario.joined("eve")
    assert scenario.notices.count("rule.say") == 3


def test_a_rule_acts_a_bounded_number_of_times_in_a_minute() -> None:
    scenario = with_rule({"name": "say", "on": "hls-playable", "do": "notify"})
    for _ in range(ACTIONS_MAX_PER_MINUTE + 8):
        scenario.hls("playable", id="a", after=100)
    assert scenario.notices.count("rule.say") == ACTIONS_MAX_PER_MINUTE
    assert Reason.RULE_TOO_OFTEN in scenario.decided
    scenario.wait(MINUTE)
    scenario.hls("playable", id="a")
    assert scenario.notices.count("rule.say") == ACTIONS_MAX_PER_MINUTE + 1


def test_two_rules_that_undo_each_other_come_to_rest() -> None:
    scenario = with_session()
    scenario.put_rule({"name": "on", "on": "stream.stopped", "do": "start"})
    scenario.put_rule({"name": "off", "on": "stream.started", "do": "end"})
    scenario.hls("started", id="run-0")
    for n in range(100):
        if scenario.room.control.call is not None:
            started = scenario.room.control.call.kind == "start"
            scenario.answer("succeeded", run=f"run-{n}" if started else None, after=100)
            scenario.hls("started" if started else "stopped", id=scenario.room.streams[-1].videosdk_id, after=100)
    assert scenario.now - scenario.events[0].at < MINUTE
    assert len(scenario.starts) <= ACTIONS_MAX_PER_MINUTE


# notify


def test_a_message_holds_expressions_in_braces() -> None:
    text = "{room.room_id} is {room.state}, {event.data.participantName} came"
    scenario = with_rule({"name": "say", "on": "participant-joined", "do": "notify", "message": text})
    scenario.joined("ada")
    assert scenario.announced[-1].data["message"] == f"{ROOM} is idle, Ada came"
    assert scenario.announced[-1].because == "rule:say"
    assert scenario.decisions[-1].notice_id == scenario.announced[-1].notice_id


def test_a_message_may_speak_of_the_event_without_an_if() -> None:
    scenario = with_rule(
        {"name": "say", "on": "stream.playable", "do": "notify", "message": "{event.data.stream.playback_url}"}
    )
    scenario.hls("playable", id="a", url="https://cdn/a/index.m3u8")
    assert scenario.announced[-1].data["message"] == "https://cdn/a/index.m3u8"


def test_what_cannot_be_said_in_a_message_is_a_question_mark() -> None:
    scenario = with_rule(
        {"name": "say", "on": "participant-joined", "do": "notify", "message": "[{room.stream.state}]"}, with_session()
    )
    scenario.joined("ada")
    assert scenario.announced[-1].data["message"] == "[?]"


# Wishes and the rules they came from


@pytest.mark.parametrize("change", ["put", "paused", "deleted"])
def test_a_rule_that_is_changed_paused_or_deleted_drops_its_desired_state_and_does_not_end_the_stream(
    change: str,
) -> None:
    scenario = with_rule(HOST_IN)
    scenario.joined("hostess")
    scenario.answer("succeeded", run="a")
    scenario.hls("started", "playable", id="a")
    match change:
        case "put":
            scenario.put_rule({**HOST_IN, "cooldown_s": 5})
        case "paused":
            scenario.pause("host-in")
        case "deleted":
            scenario.delete("host-in")
    assert scenario.view["desired"] is None
    assert Reason.DESIRE_DROPPED_RULE_CHANGED in scenario.decided
    scenario.wait(15 * MINUTE)
    assert (scenario.ends, scenario.states) == ([], ["playable"])


def test_a_rule_that_is_put_again_unchanged_keeps_its_desired_state() -> None:
    scenario = with_rule(HOST_IN)
    scenario.joined("hostess")
    scenario.put_rule(HOST_IN)
    assert scenario.reasons == (Reason.RULE_UNCHANGED,)
    assert scenario.view["desired"]["because"] == "rule:host-in"


def test_a_paused_rule_does_nothing_until_it_is_resumed() -> None:
    scenario = with_rule(HOST_IN)
    scenario.pause("host-in")
    scenario.joined("hostess")
    assert scenario.starts == []
    scenario.process(Source.OPERATOR, "rule-resumed", {"name": "host-in"}, room=None)
    scenario.joined("hostile")
    assert len(scenario.starts) == 1


def test_a_deleted_rules_for_does_not_go_off() -> None:
    scenario = with_rule(SLOW)
    scenario.hls("starting")
    due = scenario.room.timers["for:slow"]
    scenario.delete("slow")
    scenario.timer("for:slow", due=due)
    assert scenario.reasons == (Reason.STALE_TIMER,)
    assert "rule.slow" not in scenario.notices


def test_an_end_of_a_room_that_is_off_does_nothing_and_says_so() -> None:
    scenario = with_rule({"name": "out", "on": "participant-left", "do": "end"})
    scenario.joined("ada")
    scenario.left("ada")
    assert decisions_of(scenario, "out") == [explain(Reason.RULE_OFF_AIR)]
    assert scenario.view["desired"] is None


def test_a_start_of_a_room_that_is_on_keeps_it_on() -> None:
    scenario = with_rule(HOST_IN, on_air())
    scenario.joined("hostess")
    assert scenario.starts == []
    scenario.hls("failed", id="a")
    scenario.timer("backoff")
    assert [call.because for call in scenario.starts] == ["rule:host-in"]


def test_a_rule_carries_its_start_into_the_call() -> None:
    scenario = with_rule({**HOST_IN, "start": {"config": {"layout": {"type": "GRID", "priority": "PIN"}}}})
    scenario.joined("hostess")
    assert scenario.starts[0].body["config"]["layout"]["priority"] == "PIN"


def test_a_rule_of_an_earlier_version_keeps_a_start_that_is_refused_today() -> None:
    body = {"config": {"quality": "high"}, "templateUrl": "https://template.example/"}
    with pytest.raises(ValidationError):
        StartSchema().load(body)
    scenario = with_rule({**HOST_IN, "start": body})
    scenario.joined("hostess")
    assert scenario.starts[0].body == body


def test_without_credentials_a_rule_says_why_nothing_is_called() -> None:
    scenario = with_rule(HOST_IN, with_session(calls=False))
    scenario.joined("hostess")
    assert decisions_of(scenario, "host-in") == [explain(Reason.RULE_NO_CREDENTIALS, action="start")]


def test_what_the_file_names_belongs_to_the_file() -> None:
    scenario = with_session()
    filed = {**HOST_IN, "rooms": ["*"]}
    scenario.process(Source.CONFIG, "file-applied", {"rules": [filed], "rooms": {}}, room=None)
    scenario.put_rule({**HOST_IN, "do": "end"})
    assert Reason.RULE_FROM_FILE in scenario.reasons
    scenario.delete("host-in")
    assert scenario.world.config.rules["host-in"].do == "start"
    scenario.put_rule({"name": "mine", "on": "participant-left", "do": "notify"})
    scenario.process(Source.CONFIG, "file-applied", {"rules": [], "rooms": {}}, room=None)
    assert list(scenario.world.config.rules) == ["mine"]


def test_a_room_is_meant_by_its_name_and_by_its_group() -> None:
    for pattern in ("hall", "group:webinar", ROOM, "abcd-*"):
        scenario = Scenario()
        rule = {"name": "say", "rooms": [pattern], "on": "participant-joined", "do": "notify"}
        rooms = {"hall": {"room_id": ROOM, "groups": ["webinar"]}}
        scenario.process(Source.CONFIG, "file-applied", {"rules": [rule], "rooms": rooms}, room=None)
        scenario.joined("ada")
        scenario.webhook("participant-joined", room="other", session="s9", participantId="x")
        assert scenario.notices.count("rule.say") == 1, pattern


def test_an_operators_desired_state_survives_changes_of_a_rule() -> None:
    scenario = wanted_on_air()
    scenario.put_rule(HOST_IN)
    scenario.delete("host-in")
    assert scenario.view["desired"]["because"] == "operator"


# At the door


@pytest.mark.parametrize(
    ("condition", "fragment"),
    [
        ("room.on_aire", "room.on_aire does not exist"),
        ("room.stream.stat == 'x'", "room.stream.stat does not exist"),
        ("room.session.participants_count == 0", "room.session.participants_count does not exist"),
        ("rom.on_air", "rom"),
        ("room.on_air &&", "not a CEL expression"),
        ("room.room_id", "must give true or false"),
        ("strtsWith(room.room_id, 'a')", "strtsWith"),
        (" ", "empty"),
        ("true || " * 400 + "true", "longer than"),
    ],
)
def test_a_misspelt_condition_is_refused_with_what_is_wrong(condition: str, fragment: str) -> None:
    with pytest.raises(ConditionError) as refused:
        check_condition(compile_condition(condition), room_shapes(), with_event=False)
    assert fragment in str(refused.value)


def test_a_when_condition_cannot_read_an_event_or_the_time() -> None:
    for condition, fragment in [("event.type == 'x'", "`event`"), ("now.getHours() == 3", "`now`")]:
        with pytest.raises(ConditionError, match=fragment):
            check_condition(compile_condition(condition), room_shapes(), with_event=False)
        check_condition(compile_condition(condition), room_shapes(), with_event=True)


@pytest.mark.parametrize(
    "condition",
    [
        "room.on_air && room.session.participant_count == 0",
        'room.state == "starting"',
        'room.session.participants.exists(p, p.name.startsWith("Host"))',
        "room.stream.duration_s > 3600.0",
        "room.desired == null || !room.desired.on_air",
        "'webinar' in room.groups",
        "has(room.stream) && room.stream.ended_by == 'probe'",
    ],
)
def test_a_condition_that_is_right_for_some_rooms_is_let_in(condition: str) -> None:
    check_condition(compile_condition(condition), room_shapes(), with_event=False)
