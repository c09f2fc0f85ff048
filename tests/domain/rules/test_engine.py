"""What rules make of events and of rooms, and why they do nothing."""

import pytest
from marshmallow import ValidationError

from tests.support.scenario import MINUTE, ROOM, SECOND, Story, on_air, rest, wanted_on_air, with_session
from webhook_app.api.start_schema import StartSchema
from webhook_app.domain.events import Source
from webhook_app.domain.rules.conditions import ConditionError, compile_condition, try_condition
from webhook_app.domain.rules.rule import CHAIN_MAX_PER_MINUTE
from webhook_app.domain.view_examples import room_shapes

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


def with_rule(rule, story=None):
    story = story or with_session()
    story.put_rule(rule)
    return story


def decisions_of(story, rule):
    return [decision.did for decision in story.decisions if decision.rule == rule]


# on


def test_a_rule_acts_on_its_type_when_its_if_holds():
    story = with_rule(HOST_IN)
    story.joined("hostess")
    assert [call.because for call in story.starts] == ["rule:host-in"]
    assert story.view["desired"]["because"] == "rule:host-in"


def test_a_rule_whose_if_is_false_says_so_on_the_timeline():
    story = with_rule(HOST_IN)
    story.joined("guest")
    assert story.starts == []
    assert decisions_of(story, "host-in") == ["Not matched: `if` is false"]


def test_a_missing_value_is_false_and_the_timeline_names_it():
    story = with_rule(HOST_IN)
    story.webhook("participant-joined", participantId="x")
    assert story.starts == []
    (said,) = decisions_of(story, "host-in")
    assert said.startswith("Not matched: ")
    assert "participantName" in said
    assert "participantName" in story.world.memory["host-in"].last_error


def test_a_rule_may_listen_to_our_notices_and_to_videosdks_own_types():
    story = with_rule({"name": "ours", "on": "stream.playable", "do": "notify"})
    story.put_rule({"name": "theirs", "on": "recording-started", "do": "notify"})
    story.hls("playable", id="a")
    story.webhook("recording-started")
    assert [kind for kind in story.notices if kind.startswith("rule.")] == ["rule.ours", "rule.theirs"]


def test_a_notices_type_comes_once_per_change_and_videosdks_as_often_as_it_comes():
    story = with_rule({"name": "ours", "on": "stream.playable", "do": "notify"})
    story.put_rule({"name": "theirs", "on": "hls-playable", "do": "notify"})
    story.hls("playable", "playable", id="a")
    assert story.notices.count("rule.ours") == 1
    assert story.notices.count("rule.theirs") == 2


def test_a_change_that_a_probe_found_counts_too():
    story = with_rule({"name": "gone", "on": "stream.stopped", "do": "notify"}, on_air())
    story.wait(90 * SECOND)
    story.probe(None)
    assert story.notices[-1] == "rule.gone"


def test_a_rule_is_about_its_own_rooms():
    story = with_rule({**HOST_IN, "rooms": ["abcd-*"]})
    story.webhook("participant-joined", room="other", session="s9", participantId="x", participantName="Host")
    assert story.starts == []
    story.joined("hostess")
    assert len(story.starts) == 1


def test_now_is_in_the_rules_timezone():
    noon = {"name": "noon", "on": "participant-joined", "timezone": "Asia/Tokyo", "do": "notify"}
    story = with_rule({**noon, "if": "now.getHours() == 21"})
    story.joined("ada")
    assert story.notices[-1] == "rule.noon"


def test_a_body_that_is_passed_on_is_no_trigger_of_its_own():
    story = with_rule({"name": "say", "on": "videosdk.hls-started", "do": "notify"})
    story.tell(Source.SYSTEM, "settings", {"bodies": True}, room=None)
    story.hls("started", id="a")
    assert "videosdk.hls-started" in story.notices
    assert "rule.say" not in story.notices


# when


def test_a_condition_must_hold_as_long_as_its_for_says():
    story = with_rule(SLOW)
    story.hls("starting")
    assert decisions_of(story, "slow") == ["Began to hold; acts if it still does in 120 s"]
    story.wait(119 * SECOND)
    assert "rule.slow" not in story.notices
    story.wait(SECOND)
    assert story.notices.count("rule.slow") == 1


def test_a_condition_that_ceases_in_time_does_nothing_and_begins_anew():
    story = with_rule(SLOW)
    story.hls("starting", id="a")
    story.wait(100 * SECOND)
    story.hls("started", id="a")
    assert decisions_of(story, "slow") == ["No longer holds"]
    story.wait(10 * MINUTE)
    assert "rule.slow" not in story.notices


def test_a_condition_that_goes_on_holding_acts_once():
    story = with_rule({**SLOW, "when": "room.on_air", "for_s": 10}, on_air())
    story.wait(10 * MINUTE)
    assert story.notices.count("rule.slow") == 1


def test_a_condition_without_a_for_acts_at_once():
    story = with_rule({**SLOW, "for_s": 0})
    story.hls("starting")
    assert story.notices[-1] == "rule.slow"


def test_a_condition_about_what_the_controller_does_sees_it():
    story = with_rule({"name": "waiting", "when": "room.armed", "do": "notify"}, Story())
    story.operator("start")
    assert story.notices[-1] == "rule.waiting"


def test_a_rule_that_is_put_looks_at_the_rooms_there_are():
    story = with_rule({"name": "live", "when": "room.on_air", "do": "notify"}, on_air())
    assert story.notices[-1] == "rule.live"


def test_a_missing_value_in_a_when_is_false():
    story = with_rule({"name": "count", "when": "room.stream.failure.size() > 3", "do": "notify"})
    story.joined("ada")
    assert "rule.count" not in story.notices


# Ends because of who is there


def emptied():
    """Everybody has left a room on air, and the rule's five minutes are over."""
    story = with_rule(EMPTY, on_air())
    story.joined("ada")
    story.left("ada")
    for _ in range(3):
        story.wait(90 * SECOND)
        story.probe(rest("a"), after=0)
    story.timer("for:empty")
    return story


def asked_who(story, present, **more):
    seen = {"session_id": "s1", "live": True, "participants": present}
    return story.probe(rest("a"), session=seen, **more)


def test_before_a_rule_ends_a_room_because_of_its_participants_the_session_is_asked():
    story = emptied()
    assert story.ends == []
    assert story.room.probe is not None
    assert story.room.probe.body["session"] is True
    asked_who(story, {})
    assert [call.because for call in story.ends] == ["rule:empty"]


def test_a_rule_that_was_wrong_about_who_is_there_does_nothing():
    story = emptied()
    asked_who(story, {"bob": "Bob"})
    assert story.ends == []
    assert decisions_of(story, "empty")[-1].startswith("No longer holds")
    assert story.view["session"]["participant_count"] == 1


def test_an_answer_from_before_somebody_came_or_went_is_not_enough_to_end_a_room():
    story = emptied()
    asked_id = story.last_id
    story.joined("bob")
    story.left("bob")
    story.timer("for:empty")
    asked_who(story, {}, asked_id=asked_id)
    assert story.ends == []
    asked_who(story, {})
    assert len(story.ends) == 1


def test_a_question_that_does_not_get_through_ends_nothing_and_is_put_again():
    story = emptied()
    story.probe(reached=False)
    assert story.ends == []
    story.timer("ask:participants")
    story.probe(rest("a"), session=None)
    assert story.ends == []
    story.timer("ask:participants")
    asked_who(story, {})
    assert len(story.ends) == 1


def test_participants_that_are_unknown_are_not_none():
    story = Story()
    story.put_rule(EMPTY)
    story.hls("started", id="a")
    assert story.view["session"]["participant_count"] is None
    story.wait(15 * MINUTE)
    assert story.ends == []


# Not chasing its own tail


def test_a_cooldown_keeps_a_rule_from_acting_again_in_the_same_room():
    story = with_rule({"name": "say", "on": "participant-joined", "do": "notify", "cooldown_s": 600})
    story.joined("ada")
    story.joined("bob")
    assert story.notices.count("rule.say") == 1
    assert decisions_of(story, "say") == ["Not done: cooling down for another 599 s"]
    story.webhook("participant-joined", room="other", session="s9", participantId="x")
    assert story.notices.count("rule.say") == 2
    story.wait(10 * MINUTE)
    story.joined("eve")
    assert story.notices.count("rule.say") == 3


def test_a_rule_acts_a_bounded_number_of_times_in_a_minute():
    story = with_rule({"name": "say", "on": "hls-playable", "do": "notify"})
    for _ in range(CHAIN_MAX_PER_MINUTE + 8):
        story.hls("playable", id="a", after=100)
    assert story.notices.count("rule.say") == CHAIN_MAX_PER_MINUTE
    assert "within a minute" in story.did
    story.wait(MINUTE)
    story.hls("playable", id="a")
    assert story.notices.count("rule.say") == CHAIN_MAX_PER_MINUTE + 1


def test_two_rules_that_undo_each_other_come_to_rest():
    story = with_session()
    story.put_rule({"name": "on", "on": "stream.stopped", "do": "start"})
    story.put_rule({"name": "off", "on": "stream.started", "do": "end"})
    story.hls("started", id="run-0")
    for n in range(100):
        if story.room.call is not None:
            started = story.room.call.kind == "start"
            story.answer("succeeded", run=f"run-{n}" if started else None, after=100)
            story.hls("started" if started else "stopped", id=story.room.streams[-1].videosdk_id, after=100)
    assert story.now - story.events[0].at < MINUTE
    assert len(story.starts) <= CHAIN_MAX_PER_MINUTE


# notify


def test_a_message_holds_expressions_in_braces():
    text = "{room.room_id} is {room.state}, {event.data.participantName} came"
    story = with_rule({"name": "say", "on": "participant-joined", "do": "notify", "message": text})
    story.joined("ada")
    assert story.told[-1].data["message"] == f"{ROOM} is idle, Ada came"
    assert story.told[-1].because == "rule:say"
    assert story.decisions[-1].notice_id == story.told[-1].notice_id


def test_a_message_may_speak_of_the_event_without_an_if():
    story = with_rule(
        {"name": "say", "on": "stream.playable", "do": "notify", "message": "{event.data.stream.playback_url}"}
    )
    story.hls("playable", id="a", url="https://cdn/a/index.m3u8")
    assert story.told[-1].data["message"] == "https://cdn/a/index.m3u8"


def test_what_cannot_be_said_in_a_message_is_a_question_mark():
    story = with_rule(
        {"name": "say", "on": "participant-joined", "do": "notify", "message": "[{room.stream.state}]"}, with_session()
    )
    story.joined("ada")
    assert story.told[-1].data["message"] == "[?]"


# Wishes and the rules they came from


@pytest.mark.parametrize("change", ["put", "paused", "deleted"])
def test_a_rule_that_is_changed_paused_or_deleted_drops_its_wish_and_leaves_the_stream_alone(change):
    story = with_rule(HOST_IN)
    story.joined("hostess")
    story.answer("succeeded", run="a")
    story.hls("started", "playable", id="a")
    match change:
        case "put":
            story.put_rule({**HOST_IN, "cooldown_s": 5})
        case "paused":
            story.pause("host-in")
        case "deleted":
            story.delete("host-in")
    assert story.view["desired"] is None
    assert "the stream is left alone" in story.did
    story.wait(15 * MINUTE)
    assert (story.ends, story.states) == ([], ["playable"])


def test_a_rule_that_is_put_again_unchanged_keeps_its_wish():
    story = with_rule(HOST_IN)
    story.joined("hostess")
    story.put_rule(HOST_IN)
    assert story.effect.startswith("No change")
    assert story.view["desired"]["because"] == "rule:host-in"


def test_a_paused_rule_does_nothing_until_it_is_resumed():
    story = with_rule(HOST_IN)
    story.pause("host-in")
    story.joined("hostess")
    assert story.starts == []
    story.tell(Source.OPERATOR, "rule-resumed", {"name": "host-in"}, room=None)
    story.joined("hostile")
    assert len(story.starts) == 1


def test_a_deleted_rules_for_does_not_go_off():
    story = with_rule(SLOW)
    story.hls("starting")
    due = story.room.timers["for:slow"]
    story.delete("slow")
    story.timer("for:slow", due=due)
    assert story.effect.startswith("No change")
    assert "rule.slow" not in story.notices


def test_an_end_of_a_room_that_is_off_does_nothing_and_says_so():
    story = with_rule({"name": "out", "on": "participant-left", "do": "end"})
    story.joined("ada")
    story.left("ada")
    assert decisions_of(story, "out") == ["Matched, nothing to end: not on air"]
    assert story.view["desired"] is None


def test_a_start_of_a_room_that_is_on_keeps_it_on():
    story = with_rule(HOST_IN, on_air())
    story.joined("hostess")
    assert story.starts == []
    story.hls("failed", id="a")
    story.timer("backoff")
    assert [call.because for call in story.starts] == ["rule:host-in"]


def test_a_rule_carries_its_start_into_the_call():
    story = with_rule({**HOST_IN, "start": {"config": {"layout": {"type": "GRID", "priority": "PIN"}}}})
    story.joined("hostess")
    assert story.starts[0].body["config"]["layout"]["priority"] == "PIN"


def test_a_rule_of_an_earlier_version_keeps_a_start_that_is_refused_today():
    body = {"config": {"quality": "high"}, "templateUrl": "https://template.example/"}
    with pytest.raises(ValidationError):
        StartSchema().load(body)
    story = with_rule({**HOST_IN, "start": body})
    story.joined("hostess")
    assert story.starts[0].body == body


def test_without_credentials_a_rule_says_why_nothing_is_called():
    story = with_rule(HOST_IN, with_session(calls=False))
    story.joined("hostess")
    assert decisions_of(story, "host-in") == ["Matched: start wanted, but there are no VideoSDK credentials"]


def test_what_the_file_names_belongs_to_the_file():
    story = with_session()
    filed = {**HOST_IN, "rooms": ["*"]}
    story.tell(Source.CONFIG, "file-applied", {"rules": [filed], "rooms": {}}, room=None)
    story.put_rule({**HOST_IN, "do": "end"})
    assert "belongs to the configuration file" in story.effect
    story.delete("host-in")
    assert story.world.config.rules["host-in"].do == "start"
    story.put_rule({"name": "mine", "on": "participant-left", "do": "notify"})
    story.tell(Source.CONFIG, "file-applied", {"rules": [], "rooms": {}}, room=None)
    assert list(story.world.config.rules) == ["mine"]


def test_a_room_is_meant_by_its_name_and_by_its_group():
    for pattern in ("hall", "group:webinar", ROOM, "abcd-*"):
        story = Story()
        rule = {"name": "say", "rooms": [pattern], "on": "participant-joined", "do": "notify"}
        rooms = {"hall": {"room_id": ROOM, "groups": ["webinar"]}}
        story.tell(Source.CONFIG, "file-applied", {"rules": [rule], "rooms": rooms}, room=None)
        story.joined("ada")
        story.webhook("participant-joined", room="other", session="s9", participantId="x")
        assert story.notices.count("rule.say") == 1, pattern


def test_an_operators_wish_is_untouched_by_a_rules_changes():
    story = wanted_on_air()
    story.put_rule(HOST_IN)
    story.delete("host-in")
    assert story.view["desired"]["because"] == "operator"


# At the door


@pytest.mark.parametrize(
    ("condition", "said"),
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
def test_a_misspelt_condition_is_refused_with_what_is_wrong(condition, said):
    with pytest.raises(ConditionError) as refused:
        try_condition(compile_condition(condition), room_shapes(), with_event=False)
    assert said in str(refused.value)


def test_a_when_cannot_look_at_an_event_or_the_time():
    for condition, said in [("event.type == 'x'", "`event`"), ("now.getHours() == 3", "`now`")]:
        with pytest.raises(ConditionError, match=said):
            try_condition(compile_condition(condition), room_shapes(), with_event=False)
        try_condition(compile_condition(condition), room_shapes(), with_event=True)


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
def test_a_condition_that_is_right_for_some_rooms_is_let_in(condition):
    try_condition(compile_condition(condition), room_shapes(), with_event=False)
