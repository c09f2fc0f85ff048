"""Who is there is verified before anything depends on it, and emptiness can go by hosts."""

import itertools
from typing import Any

import pytest
from marshmallow import ValidationError

from tests.support.scenario import MINUTE, SECOND, SESSION, Scenario, on_air, rest, shown, url, with_session
from tests.support.scheduled_room import HOUR, ONE, ScheduledRoom
from tests.support.values import present
from webhook_app.domain.events import Source
from webhook_app.domain.rules.rule import RuleState
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.schemas.rule import RuleSchema
from webhook_app.usecases.rule_views import rule_view

NOBODY_LEFT = {"name": "left", "when": "room.session.participant_count == 0", "for_s": 60, "do": "notify"}
NO_HOSTS = {"name": "hosts", "when": "room.on_air && room.session.host_count == 0", "for_s": 300, "do": "end"}
AT = {"at": ["2027-01-01T10:00"], "duration": "1h"}


def session_data(people: dict[str, str | None], **more: Any) -> dict[str, Any]:
    """The session as a probe saw it: modes by id."""
    modes = {who: mode for who, mode in people.items() if mode is not None}
    return {
        "session_id": SESSION,
        "live": True,
        "participants": {who: who.title() for who in people},
        "modes": modes,
    } | more


def answer(scenario: Scenario, people: dict[str, str | None] | None, **more: Any) -> None:
    """VideoSDK answers the probe that is out."""
    active = rest("a") if any(run.live for run in scenario.runs) else None
    scenario.probe(active, session=None if people is None else session_data(people), **more)


def until_asked_who(scenario: Scenario, limit_ms: int) -> int:
    """Let time pass and probes be answered until one asks who is there; how long that took, in ms."""
    began = scenario.now
    while scenario.now - began <= limit_ms:
        due, name = min((due, name) for name, due in scenario.room.timers.items() if name.startswith(("watch", "ask")))
        scenario.timer(name, due=due)
        if scenario.room.probing.probe is not None and scenario.room.probing.probe.body.get("session"):
            return scenario.now - began
        answer(scenario, None, after=0)
    raise AssertionError("it was not asked who is there")


# Routine verification


def test_the_participants_of_a_room_on_air_are_probed_regularly() -> None:
    scenario = on_air()
    scenario.joined("ada")
    until_asked_who(scenario, 20 * MINUTE)
    answer(scenario, {"ada": None})
    assert 8 * MINUTE <= until_asked_who(scenario, 20 * MINUTE) <= 12 * MINUTE
    answer(scenario, {"ada": None, "bob": None})
    assert scenario.view["session"]["participant_count"] == 2
    assert scenario.notices[-1] == "participant.joined"


def test_hosts_and_viewers_are_known_soon_after_a_room_is_on_air() -> None:
    scenario = on_air()
    scenario.joined("ada")
    unprobed = scenario.session
    assert unprobed.host_count is None
    assert until_asked_who(scenario, 20 * MINUTE) <= 90 * SECOND
    answer(scenario, {"ada": "CONFERENCE"})
    assert scenario.view["session"]["host_count"] == 1
    scenario.joined("bob")
    assert until_asked_who(scenario, 20 * MINUTE) >= 8 * MINUTE


def test_the_participants_of_a_live_session_off_air_are_probed_regularly() -> None:
    scenario = with_session()
    scenario.joined("ada")
    assert until_asked_who(scenario, 40 * MINUTE) <= 31 * MINUTE
    answer(scenario, {})
    assert scenario.view["session"]["participant_count"] == 0
    assert scenario.notices[-1] == "participant.left"


@pytest.mark.parametrize("begin", [on_air, with_session])
def test_a_session_that_goes_on_with_nobody_in_it_is_verified_within_three_minutes(begin: Any) -> None:
    scenario = begin()
    scenario.joined("ada")
    scenario.joined("ada")
    scenario.left("ada")
    assert scenario.view["session"]["participant_count"] == 0
    assert until_asked_who(scenario, 5 * MINUTE) <= 3 * MINUTE
    answer(scenario, {"ada": None})
    assert scenario.view["session"]["participant_count"] == 1
    assert scenario.notices[-1] == "participant.joined"


def test_a_session_in_which_nobody_was_said_to_join_is_verified_within_two_minutes() -> None:
    scenario = with_session()
    assert scenario.view["session"]["participant_count"] == 0
    assert until_asked_who(scenario, 5 * MINUTE) <= 2 * MINUTE
    answer(scenario, {"ada": None})
    assert scenario.view["session"]["participant_count"] == 1


def test_videosdk_is_not_pressed_when_it_does_not_say_who_is_there() -> None:
    scenario = with_session()
    scenario.joined("ada")
    scenario.left("ada")
    probes = []
    for _ in range(5):
        until_asked_who(scenario, HOUR)
        probes.append(scenario.now)
        scenario.probe(None, session=None, session_unknown=True)
    assert all(later - earlier >= 60 * SECOND for earlier, later in itertools.pairwise(probes))


def test_without_a_live_session_participants_are_not_probed() -> None:
    scenario = with_session()
    scenario.joined("ada")
    scenario.webhook("session-ended")
    assert not [name for name in scenario.room.timers if name.startswith(("watch", "ask"))]


def test_without_credentials_participants_are_not_probed() -> None:
    scenario = with_session(calls=False)
    scenario.joined("ada")
    scenario.left("ada")
    assert scenario.room.timers == {}


# Before a rule tells anybody


def emptied(rule: dict[str, Any]) -> Scenario:
    """A room that a notifying rule watches and that looks empty for as long as the rule wants."""
    scenario = on_air()
    scenario.put_rule(rule)
    scenario.joined("ada")
    scenario.left("ada")
    while "for:left" in scenario.room.timers:
        scenario.timer(min((due, name) for name, due in scenario.room.timers.items())[1])
        if scenario.room.probing.probe is not None and not scenario.room.rules.verifying:
            answer(scenario, None, after=0)
    return scenario


def test_a_rule_that_notifies_about_an_empty_room_probes_first() -> None:
    scenario = emptied(NOBODY_LEFT)
    assert "rule.left" not in scenario.notices
    answer(scenario, {})
    assert scenario.notices[-1] == "rule.left"


def test_a_rule_that_notifies_because_nobody_is_there_is_silent_when_somebody_is() -> None:
    scenario = emptied(NOBODY_LEFT)
    answer(scenario, {"ada": None})
    assert "rule.left" not in scenario.notices
    assert scenario.view["session"]["participant_count"] == 1


def test_a_rule_that_notifies_without_looking_at_people_does_so_at_once() -> None:
    scenario = with_session()
    scenario.put_rule({"name": "on", "when": "room.on_air && room.session.live", "do": "notify"})
    scenario.hls("starting", "started", id="a", url=url("a"))
    assert "rule.on" in scenario.notices


def test_a_count_that_goes_up_is_verified_once_however_many_come_and_go() -> None:
    scenario = on_air()
    scenario.put_rule({"name": "crowd", "when": "room.session.participant_count >= 3", "do": "notify"})
    for who in "abc":
        scenario.joined(who)
    asked_id = scenario.last_id
    scenario.joined("d")
    scenario.left("d")
    answer(scenario, {"a": None, "b": None, "c": None}, asked_id=asked_id)
    assert scenario.notices.count("rule.crowd") == 1


def test_a_rule_holds_on_while_only_newcomers_of_unknown_mode_come() -> None:
    scenario = on_air()
    scenario.put_rule(NO_HOSTS)
    scenario.ask()
    answer(scenario, {"ada": "CONFERENCE", "eve": "VIEWER"})
    scenario.left("ada")
    assert "hosts" in scenario.room.rules.holding
    scenario.joined("bob")
    assert scenario.view["session"]["host_count"] is None
    assert "hosts" in scenario.room.rules.holding
    while not scenario.room.rules.verifying:
        scenario.timer(min((due, name) for name, due in scenario.room.timers.items())[1])
        if scenario.room.probing.probe is not None and not scenario.room.rules.verifying:
            answer(scenario, {"eve": "VIEWER", "bob": "VIEWER"}, after=0)
    asked_id = scenario.last_id
    scenario.joined("cleo")
    answer(scenario, {"eve": "VIEWER", "bob": "VIEWER"}, asked_id=asked_id)
    assert [call.because for call in scenario.ends] == ["rule:hosts"]


def test_a_host_who_joined_unnoticed_keeps_the_stream_on() -> None:
    scenario = on_air()
    scenario.put_rule(NO_HOSTS)
    scenario.ask()
    answer(scenario, {"ada": "CONFERENCE"})
    scenario.left("ada")
    scenario.joined("bob")
    while "hosts" in scenario.room.rules.holding:
        scenario.timer(min((due, name) for name, due in scenario.room.timers.items())[1])
        if scenario.room.probing.probe is not None:
            answer(
                scenario, {"bob": "SEND_AND_RECV"} if scenario.room.probing.probe.body.get("session") else None, after=0
            )
    assert scenario.ends == []
    assert scenario.view["session"]["host_count"] == 1


# Windows that go by hosts


class Show(ScheduledRoom):
    """A hall in which VideoSDK knows everybody's mode."""

    inside: dict[str, str | None]

    def answer_probe(self) -> None:
        live = [run for run in self.runs if run.live]
        active = shown(live[-1]) if live else None
        asks = self.room.probing.probe is not None and self.room.probing.probe.body.get("session")
        self.probe(active, session=session_data(self.inside) if asks and self.inside is not None else None, after=0)

    def comes(self, who: str, mode: str | None) -> None:
        self.inside[who] = mode
        self.joined(who)
        self.answer_probes()

    def goes(self, who: str) -> None:
        del self.inside[who]
        self.left(who)
        self.answer_probes()


def show(**more: Any) -> Show:
    """A window is open since one o'clock; Ada is a host, Eve a viewer; the run is playable."""
    scenario = Show()
    scenario.inside = {}
    scenario.webhook("session-started")
    scenario.comes("ada", "CONFERENCE")
    scenario.comes("eve", "VIEWER")
    scenario.put_schedule(**more)
    scenario.until(ONE)
    scenario.playable("a")
    scenario.until(ONE + MINUTE)
    return scenario


def test_a_room_without_hosts_is_ended_although_viewers_are_there() -> None:
    scenario = show(end_when_empty_s=300, empty_means="no-hosts")
    scenario.goes("ada")
    scenario.wait(4 * MINUTE)
    assert scenario.ends == []
    scenario.wait(2 * MINUTE)
    assert [call.because for call in scenario.ends] == ["rule:show"]
    assert scenario.view["session"]["participant_count"] == 1


def test_a_host_who_leaves_early_is_missed_from_then_on() -> None:
    scenario = show(end_when_empty_s=300, empty_means="no-hosts")
    left_at = scenario.now
    assert left_at - ONE == MINUTE
    scenario.goes("ada")
    scenario.until(left_at + 4 * MINUTE)
    assert scenario.ends == []
    scenario.until(left_at + 5 * MINUTE + 10 * SECOND)
    assert len(scenario.ends) == 1


def test_viewers_who_keep_arriving_do_not_put_off_the_end() -> None:
    scenario = show(end_when_empty_s=300, empty_means="no-hosts")
    scenario.goes("ada")
    for number in range(40):
        scenario.comes(f"v{number}", "VIEWER")
        scenario.wait(10 * SECOND)
        if scenario.ends:
            break
    assert len(scenario.ends) == 1


def test_a_host_who_returns_puts_the_room_on_air_again() -> None:
    scenario = show(end_when_empty_s=60, empty_means="no-hosts")
    scenario.goes("ada")
    scenario.wait(2 * MINUTE)
    assert len(scenario.ends) == 1
    scenario.ended()
    scenario.comes("bob", "VIEWER")
    scenario.wait(MINUTE)
    assert len(scenario.starts) == 1
    scenario.comes("ada", "CONFERENCE")
    scenario.wait(MINUTE)
    assert (len(scenario.starts), scenario.desired) == (2, True)


def test_a_room_where_somebodys_mode_is_never_known_stays_on() -> None:
    scenario = show(end_when_empty_s=60, empty_means="no-hosts")
    scenario.comes("odd", "HOLOGRAM")
    scenario.goes("ada")
    scenario.until(ONE + HOUR - MINUTE)
    assert scenario.ends == []


def test_without_empty_means_viewers_keep_the_room_on() -> None:
    scenario = show(end_when_empty_s=60)
    scenario.goes("ada")
    scenario.until(ONE + HOUR - MINUTE)
    assert scenario.ends == []


def test_where_rules_share_a_window_the_one_that_ends_last_counts() -> None:
    scenario = show(end_when_empty_s=60, empty_means="no-hosts")
    scenario.put_schedule("other", end_when_empty_s=60)
    scenario.goes("ada")
    scenario.until(ONE + HOUR - MINUTE)
    assert scenario.ends == []


def test_a_window_runs_over_while_a_host_is_there() -> None:
    scenario = show(overrun_s=1800, empty_means="no-hosts")
    scenario.until(ONE + HOUR + 5 * MINUTE)
    assert scenario.ends == []
    scenario.goes("ada")
    assert len(scenario.ends) == 1


def test_a_window_with_viewers_alone_does_not_run_over() -> None:
    scenario = show(overrun_s=1800, empty_means="no-hosts")
    scenario.goes("ada")
    scenario.comes("bob", "VIEWER")
    scenario.until(ONE + HOUR + 30 * SECOND)
    assert len(scenario.ends) == 1


def test_without_empty_means_viewers_let_a_window_run_over() -> None:
    scenario = show(overrun_s=1800)
    scenario.goes("ada")
    scenario.until(ONE + HOUR + 5 * MINUTE)
    assert scenario.ends == []


# At the door


def test_what_empty_means_is_taken_and_shown() -> None:
    rule = RuleSchema().load(
        {"name": "a", "rooms": ["*"], "schedule": AT, "end_when_empty": "5m", "empty_means": "no-hosts"}
    )
    assert rule_view(decode_rule(rule), RuleState())["empty_means"] == "no-hosts"
    scenario = Scenario()
    scenario.process(Source.CONFIG, "rule-put", {"rule": rule}, room=None)
    assert present(scenario.world.config.rules["a"].schedule_trigger).empty_means == "no-hosts"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"schedule": AT, "empty_means": "no-hosts"}, "goes with `end_when_empty` or `overrun`"),
        ({"schedule": AT, "overrun": "5m", "empty_means": "viewers"}, "Must be one of: nobody, no-hosts"),
        ({"on": "x", "do": "notify", "empty_means": "no-hosts"}, "goes with `schedule`"),
    ],
)
def test_what_empty_cannot_mean_is_refused(more: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RuleSchema().load({"name": "a", "rooms": ["*"], **more})
    assert why in str(refused.value.messages_dict["empty_means"])


def test_a_rule_that_an_earlier_version_stored_means_nobody() -> None:
    rule = decode_rule({"name": "a", "rooms": ["*"], "schedule": {"always": True}})
    assert present(rule.schedule_trigger).empty_means == "nobody"
