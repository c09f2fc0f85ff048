"""Who is there is verified before anything depends on it, and emptiness can go by hosts."""

import itertools
from typing import Any

import pytest
from marshmallow import ValidationError

from tests.domain.schedules.test_window_scenarios import HOUR, ONE, Hall
from tests.support.scenario import MINUTE, SECOND, SESSION, Story, on_air, rest, url, with_session
from webhook_app.api.rule_schema import RuleSchema
from webhook_app.api.rules import rule_view
from webhook_app.domain.configuration.changes import rule_from
from webhook_app.domain.events import Source
from webhook_app.domain.rules.rule import RuleMemory

NOBODY_LEFT = {"name": "left", "when": "room.session.participant_count == 0", "for_s": 60, "do": "notify"}
NO_HOSTS = {"name": "hosts", "when": "room.on_air && room.session.host_count == 0", "for_s": 300, "do": "end"}
AT = {"at": ["2027-01-01T10:00"], "duration": "1h"}


def said(people: dict[str, str | None], **more: Any) -> dict[str, Any]:
    """The session as a probe saw it: modes by id."""
    modes = {who: mode for who, mode in people.items() if mode is not None}
    return {
        "session_id": SESSION,
        "live": True,
        "participants": {who: who.title() for who in people},
        "modes": modes,
    } | more


def answer(story: Story, people: dict[str, str | None] | None, **more: Any) -> None:
    """VideoSDK answers the probe that is out."""
    active = rest("a") if any(run.live for run in story.runs) else None
    story.probe(active, session=None if people is None else said(people), **more)


def until_asked_who(story: Story, limit_ms: int) -> int:
    """Let time pass and probes be answered until one asks who is there; how long that took, in ms."""
    began = story.now
    while story.now - began <= limit_ms:
        due, name = min((due, name) for name, due in story.room.timers.items() if name.startswith(("watch", "ask")))
        story.timer(name, due=due)
        if story.room.probe is not None and story.room.probe.body.get("session"):
            return story.now - began
        answer(story, None, after=0)
    raise AssertionError("it was not asked who is there")


# Routine verification


def test_a_room_on_air_is_asked_now_and_then_who_is_there():
    story = on_air()
    story.joined("ada")
    until_asked_who(story, 20 * MINUTE)
    answer(story, {"ada": None})
    assert 8 * MINUTE <= until_asked_who(story, 20 * MINUTE) <= 12 * MINUTE
    answer(story, {"ada": None, "bob": None})
    assert story.view["session"]["participant_count"] == 2
    assert story.notices[-1] == "participant.joined"


def test_hosts_and_viewers_are_known_soon_after_a_room_is_on_air():
    story = on_air()
    story.joined("ada")
    assert story.view["session"]["host_count"] is None
    assert until_asked_who(story, 20 * MINUTE) <= 90 * SECOND
    answer(story, {"ada": "CONFERENCE"})
    assert story.view["session"]["host_count"] == 1
    story.joined("bob")
    assert until_asked_who(story, 20 * MINUTE) >= 8 * MINUTE


def test_a_room_off_air_with_a_live_session_is_asked_now_and_then_who_is_there():
    story = with_session()
    story.joined("ada")
    assert until_asked_who(story, 40 * MINUTE) <= 31 * MINUTE
    answer(story, {})
    assert story.view["session"]["participant_count"] == 0
    assert story.notices[-1] == "participant.left"


@pytest.mark.parametrize("begin", [on_air, with_session])
def test_a_session_that_goes_on_with_nobody_in_it_is_verified_within_three_minutes(begin):
    story = begin()
    story.joined("ada")
    story.joined("ada")
    story.left("ada")
    assert story.view["session"]["participant_count"] == 0
    assert until_asked_who(story, 5 * MINUTE) <= 3 * MINUTE
    answer(story, {"ada": None})
    assert story.view["session"]["participant_count"] == 1
    assert story.notices[-1] == "participant.joined"


def test_a_session_in_which_nobody_was_said_to_join_is_verified_within_two_minutes():
    story = with_session()
    assert story.view["session"]["participant_count"] == 0
    assert until_asked_who(story, 5 * MINUTE) <= 2 * MINUTE
    answer(story, {"ada": None})
    assert story.view["session"]["participant_count"] == 1


def test_videosdk_is_not_pressed_when_it_does_not_say_who_is_there():
    story = with_session()
    story.joined("ada")
    story.left("ada")
    asked = []
    for _ in range(5):
        until_asked_who(story, HOUR)
        asked.append(story.now)
        story.probe(None, session=None, session_unknown=True)
    assert all(later - earlier >= 60 * SECOND for earlier, later in itertools.pairwise(asked))


def test_without_a_live_session_nobody_is_asked():
    story = with_session()
    story.joined("ada")
    story.webhook("session-ended")
    assert not [name for name in story.room.timers if name.startswith(("watch", "ask"))]


def test_without_credentials_nobody_is_asked():
    story = with_session(calls=False)
    story.joined("ada")
    story.left("ada")
    assert story.room.timers == {}


# Before a rule tells anybody


def emptied(rule: dict[str, Any]) -> Story:
    """A room that a notifying rule watches and that looks empty for as long as the rule wants."""
    story = on_air()
    story.put_rule(rule)
    story.joined("ada")
    story.left("ada")
    while "for:left" in story.room.timers:
        story.timer(min((due, name) for name, due in story.room.timers.items())[1])
        if story.room.probe is not None and not story.room.confirming:
            answer(story, None, after=0)
    return story


def test_a_rule_that_notifies_because_nobody_is_there_asks_first():
    story = emptied(NOBODY_LEFT)
    assert "rule.left" not in story.notices
    answer(story, {})
    assert story.notices[-1] == "rule.left"


def test_a_rule_that_notifies_because_nobody_is_there_is_silent_when_somebody_is():
    story = emptied(NOBODY_LEFT)
    answer(story, {"ada": None})
    assert "rule.left" not in story.notices
    assert story.view["session"]["participant_count"] == 1


def test_a_rule_that_notifies_without_looking_at_people_does_so_at_once():
    story = with_session()
    story.put_rule({"name": "on", "when": "room.on_air && room.session.live", "do": "notify"})
    story.hls("starting", "started", id="a", url=url("a"))
    assert "rule.on" in story.notices


def test_a_count_that_goes_up_is_verified_once_however_many_come_and_go():
    story = on_air()
    story.put_rule({"name": "crowd", "when": "room.session.participant_count >= 3", "do": "notify"})
    for who in "abc":
        story.joined(who)
    asked = story.last_id
    story.joined("d")
    story.left("d")
    answer(story, {"a": None, "b": None, "c": None}, asked_id=asked)
    assert story.notices.count("rule.crowd") == 1


def test_a_rule_holds_on_while_only_newcomers_of_unknown_mode_come():
    story = on_air()
    story.put_rule(NO_HOSTS)
    story.ask()
    answer(story, {"ada": "CONFERENCE", "eve": "VIEWER"})
    story.left("ada")
    assert "hosts" in story.room.holding
    story.joined("bob")
    assert story.view["session"]["host_count"] is None
    assert "hosts" in story.room.holding
    while not story.room.confirming:
        story.timer(min((due, name) for name, due in story.room.timers.items())[1])
        if story.room.probe is not None and not story.room.confirming:
            answer(story, {"eve": "VIEWER", "bob": "VIEWER"}, after=0)
    asked = story.last_id
    story.joined("cleo")
    answer(story, {"eve": "VIEWER", "bob": "VIEWER"}, asked_id=asked)
    assert [call.because for call in story.ends] == ["rule:hosts"]


def test_a_host_who_joined_unnoticed_keeps_the_stream_on():
    story = on_air()
    story.put_rule(NO_HOSTS)
    story.ask()
    answer(story, {"ada": "CONFERENCE"})
    story.left("ada")
    story.joined("bob")
    while "hosts" in story.room.holding:
        story.timer(min((due, name) for name, due in story.room.timers.items())[1])
        if story.room.probe is not None:
            answer(story, {"bob": "SEND_AND_RECV"} if story.room.probe.body.get("session") else None, after=0)
    assert story.ends == []
    assert story.view["session"]["host_count"] == 1


# Windows that go by hosts


class Show(Hall):
    """A hall in which VideoSDK knows everybody's mode."""

    inside: dict[str, str | None]

    def see(self) -> None:
        live = [run for run in self.runs if run.live]
        active = {**rest(live[-1].videosdk_id), "sessionId": live[-1].session_id} if live else None
        asks = self.room.probe is not None and self.room.probe.body.get("session")
        self.probe(active, session=said(self.inside) if asks and self.inside is not None else None, after=0)

    def comes(self, who: str, mode: str | None) -> None:
        self.inside[who] = mode
        self.joined(who)
        self.look()

    def goes(self, who: str) -> None:
        del self.inside[who]
        self.left(who)
        self.look()


def show(**more: Any) -> Show:
    """A window is open since one o'clock; Ada is a host, Eve a viewer; the run is playable."""
    story = Show()
    story.inside = {}
    story.webhook("session-started")
    story.comes("ada", "CONFERENCE")
    story.comes("eve", "VIEWER")
    story.plan(**more)
    story.until(ONE)
    story.playable("a")
    story.until(ONE + MINUTE)
    return story


def test_a_room_without_hosts_is_ended_although_viewers_are_there():
    story = show(end_when_empty_s=300, empty_means="no-hosts")
    story.goes("ada")
    story.wait(4 * MINUTE)
    assert story.ends == []
    story.wait(2 * MINUTE)
    assert [call.because for call in story.ends] == ["rule:show"]
    assert story.view["session"]["participant_count"] == 1


def test_a_host_who_leaves_early_is_missed_from_then_on():
    story = show(end_when_empty_s=300, empty_means="no-hosts")
    left_at = story.now
    assert left_at - ONE == MINUTE
    story.goes("ada")
    story.until(left_at + 4 * MINUTE)
    assert story.ends == []
    story.until(left_at + 5 * MINUTE + 10 * SECOND)
    assert len(story.ends) == 1


def test_viewers_who_keep_arriving_do_not_put_off_the_end():
    story = show(end_when_empty_s=300, empty_means="no-hosts")
    story.goes("ada")
    for number in range(40):
        story.comes(f"v{number}", "VIEWER")
        story.wait(10 * SECOND)
        if story.ends:
            break
    assert len(story.ends) == 1


def test_a_host_who_returns_puts_the_room_on_air_again():
    story = show(end_when_empty_s=60, empty_means="no-hosts")
    story.goes("ada")
    story.wait(2 * MINUTE)
    assert len(story.ends) == 1
    story.ended()
    story.comes("bob", "VIEWER")
    story.wait(MINUTE)
    assert len(story.starts) == 1
    story.comes("ada", "CONFERENCE")
    story.wait(MINUTE)
    assert (len(story.starts), story.wanted) == (2, True)


def test_a_room_where_somebodys_mode_is_never_known_stays_on():
    story = show(end_when_empty_s=60, empty_means="no-hosts")
    story.comes("odd", "HOLOGRAM")
    story.goes("ada")
    story.until(ONE + HOUR - MINUTE)
    assert story.ends == []


def test_without_empty_means_viewers_keep_the_room_on():
    story = show(end_when_empty_s=60)
    story.goes("ada")
    story.until(ONE + HOUR - MINUTE)
    assert story.ends == []


def test_where_rules_share_a_window_the_one_that_ends_last_counts():
    story = show(end_when_empty_s=60, empty_means="no-hosts")
    story.plan("other", end_when_empty_s=60)
    story.goes("ada")
    story.until(ONE + HOUR - MINUTE)
    assert story.ends == []


def test_a_window_runs_over_while_a_host_is_there():
    story = show(overrun_s=1800, empty_means="no-hosts")
    story.until(ONE + HOUR + 5 * MINUTE)
    assert story.ends == []
    story.goes("ada")
    assert len(story.ends) == 1


def test_a_window_with_viewers_alone_does_not_run_over():
    story = show(overrun_s=1800, empty_means="no-hosts")
    story.goes("ada")
    story.comes("bob", "VIEWER")
    story.until(ONE + HOUR + 30 * SECOND)
    assert len(story.ends) == 1


def test_without_empty_means_viewers_let_a_window_run_over():
    story = show(overrun_s=1800)
    story.goes("ada")
    story.until(ONE + HOUR + 5 * MINUTE)
    assert story.ends == []


# At the door


def test_what_empty_means_is_taken_and_shown():
    rule = RuleSchema().load(
        {"name": "a", "rooms": ["*"], "schedule": AT, "end_when_empty": "5m", "empty_means": "no-hosts"}
    )
    assert rule_view(rule_from(rule), RuleMemory())["empty_means"] == "no-hosts"
    story = Story()
    story.tell(Source.CONFIG, "rule-put", {"rule": rule}, room=None)
    assert story.world.config.rules["a"].empty_means == "no-hosts"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"schedule": AT, "empty_means": "no-hosts"}, "goes with `end_when_empty` or `overrun`"),
        ({"schedule": AT, "overrun": "5m", "empty_means": "viewers"}, "Must be one of: nobody, no-hosts"),
        ({"on": "x", "do": "notify", "empty_means": "no-hosts"}, "goes with `schedule`"),
    ],
)
def test_what_empty_cannot_mean_is_refused(more, why):
    with pytest.raises(ValidationError) as refused:
        RuleSchema().load({"name": "a", "rooms": ["*"], **more})
    assert why in str(refused.value.messages["empty_means"])


def test_a_rule_that_an_earlier_version_stored_means_nobody():
    assert rule_from({"name": "a", "rooms": ["*"], "do": "end", "when": "room.on_air"}).empty_means == "nobody"
