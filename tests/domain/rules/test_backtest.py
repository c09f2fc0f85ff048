"""Backtests: what drafts would have done, in a draft world whose VideoSDK does what it is told."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.scenario import NOON
from tests.support.scheduled_room import ScheduledRoom
from tests.support.web_client import WebClient
from webhook_app.domain.events import Event, Source
from webhook_app.domain.rules.backtest import BacktestTooLargeError, backtest
from webhook_app.domain.rules.comparison import Comparison, RuleAction, compare, restricted_to_rules
from webhook_app.domain.rules.config import Config, Settings
from webhook_app.domain.rules.draft_replay import BacktestLimits
from webhook_app.domain.state import SystemState
from webhook_app.domain.times import HOUR, MINUTE, SECOND
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.providers.registry import CALLED
from webhook_app.store import codec
from webhook_app.store.connection.clients import Client

WEBHOOK_FOR = CALLED.stream_webhook
BEGIN = 1_767_225_600_000
ROOM = "abcd-efgh-ijkl"
EMPTY = {
    "name": "empty",
    "rooms": ["*"],
    "when": "room.on_air && room.session.participant_count == 0",
    "for_s": 60,
    "do": "end",
}


def recorded(*webhooks: Any) -> Any:
    """Webhooks as (seconds, type, more data), all of one session."""
    return [
        codec.journal_event(
            Event(f"{BEGIN + at * SECOND}-{number}", Source.VIDEOSDK, kind, ROOM, BEGIN + at * SECOND, data)
        )
        for number, (at, kind, more) in enumerate(webhooks)
        for data in [{"meetingId": ROOM, "sessionId": "s1", **more}]
    ]


def tried(events: Any, *rules: Any, hours: int = 3) -> Any:
    until = BEGIN + hours * HOUR
    return backtest(
        SystemState(), events, [decode_rule(rule) for rule in rules], since=BEGIN, until=until, webhook_for=WEBHOOK_FOR
    )


ADA = {"participantId": "ada", "participantName": "Ada"}
TWO_RUNS_WITHOUT_IDS: Any = (
    (0, "session-started", {}),
    (1, "participant-joined", ADA),
    (10, "hls-started", {"playbackHlsUrl": "https://cdn.example/a/index.m3u8"}),
    (100, "hls-stopped", {}),
    (200, "hls-started", {"playbackHlsUrl": "https://cdn.example/b/index.m3u8"}),
    (300, "participant-left", ADA),
)


def test_a_run_whose_id_was_never_learned_is_ended_once() -> None:
    result = tried(recorded(*TWO_RUNS_WITHOUT_IDS), EMPTY)
    assert [(act.kind, act.at) for act in result.would] == [("end", BEGIN + 360 * SECOND)]


def test_a_room_that_was_on_air_before_the_draft_begins_is_taken_over_as_it_was_observed() -> None:
    comparison = backtest(
        SystemState(),
        recorded(*TWO_RUNS_WITHOUT_IDS),
        [decode_rule(EMPTY)],
        since=BEGIN + 250 * SECOND,
        until=BEGIN + HOUR,
        webhook_for=WEBHOOK_FOR,
    )
    assert [(action.kind, action.at) for action in comparison.would] == [("end", BEGIN + 360 * SECOND)]


def test_a_stream_whose_stop_was_lost_ends_with_its_session() -> None:
    url = {"playbackHlsUrl": "https://cdn.example/a/index.m3u8"}
    events = recorded(
        (0, "session-started", {}),
        (1, "participant-joined", ADA),
        (10, "hls-started", url),
        (60, "hls-playable", url),
        (600, "session-ended", {}),
    )
    rule = {"name": "long", "rooms": ["*"], "when": "room.on_air", "for_s": 20 * 60, "do": "notify"}
    assert tried(events, rule).would == ()
    assert [act.at for act in tried(events, {**rule, "for_s": 5 * 60}).would] == [BEGIN + 10 * SECOND + 5 * MINUTE]


def test_a_condition_on_a_streams_age_is_evaluated_while_no_events_arrive() -> None:
    url = {"playbackHlsUrl": "https://cdn.example/a/index.m3u8"}
    events = recorded(
        (0, "session-started", {}), (1, "participant-joined", ADA), (10, "hls-started", url), (15, "hls-playable", url)
    )
    rule = {"name": "long", "rooms": ["*"], "when": "room.on_air && room.stream.duration_s > 3600.0", "do": "end"}
    ends = [act for act in tried(events, rule).would if act.kind == "end"]
    assert len(ends) == 1
    assert 0 <= ends[0].at - (BEGIN + HOUR + 10 * SECOND) < 2 * MINUTE


MINUTELY = {"name": "minutely", "rooms": [ROOM], "do": "start", "schedule": {"cron": "* * * * *", "duration_s": 30}}


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (BacktestLimits(actions=100), "act more than 100 times"),
        (BacktestLimits(events=200), "lead to more than 200 events"),
        (BacktestLimits(steps=2_000), "the backtest takes more than 2000 steps"),
    ],
)
def test_a_backtest_ends_at_each_of_its_limits_and_says_what_to_narrow(limits: Any, says: str) -> None:
    """A limit ends the backtest as a whole; it is no fault of the event at which it is met."""
    with pytest.raises(BacktestTooLargeError, match=f"{says}.*; choose a shorter span"):
        backtest(
            SystemState(),
            [],
            [decode_rule(MINUTELY)],
            since=BEGIN,
            until=BEGIN + 24 * HOUR,
            limits=limits,
            webhook_for=WEBHOOK_FOR,
        )


def test_a_draft_whose_schedule_cannot_be_computed_does_nothing() -> None:
    """It costs its own rule, here as elsewhere."""
    broken = {
        **MINUTELY,
        "name": "broken",
        "schedule": {"rrule": "FREQ=DAILY;INTERVAL=0", "dtstart": "2026-01-01T00:00"},
    }
    result = tried([], broken, MINUTELY, hours=1)
    assert {act.because for act in result.would} == {"rule:minutely"}


def test_the_api_answers_a_backtest_that_is_too_large_with_the_reason(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    """422, and the field to narrow."""
    rule = {"name": "m", "rooms": [ROOM], "schedule": {"cron": "* * * * *", "duration": "30s"}}
    body = {"rules": [rule], "from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}
    answer = WebClient(store_url, tmp_path).api("POST", "/rules/backtest", body)
    assert answer.status_code == 422
    assert "shorter span" in answer.json["errors"]["from"][0]


def test_acts_are_paired_with_the_nearest_in_time_of_their_room_and_kind() -> None:
    """Each act that was done pairs with one that would have been, within ten seconds and in order."""

    def acts(*seconds: Any, room: Any = ROOM) -> Any:
        return [RuleAction(BEGIN + second * SECOND, room, "start", "rule:r") for second in seconds]

    result = compare(acts(0, 100, 200, 205, 400), [*acts(5, 150, 203, 300), *acts(0, room="other")])
    assert result.only_would == tuple(acts(100, 205, 400))
    assert result.only_did == (*acts(0, room="other"), *acts(150, 300))


def test_a_comparison_of_many_acts_takes_no_longer_for_each_of_them() -> None:
    """Fifty thousand acts on either side of one room: pairing them all with all would not end here."""
    many = [RuleAction(BEGIN + number * 60 * SECOND, ROOM, "start", "rule:r") for number in range(50_000)]
    later = [RuleAction(act.at + 30 * SECOND, ROOM, "start", "rule:r") for act in many]
    result = compare(many, later)
    assert (len(result.only_would), len(result.only_did)) == (50_000, 50_000)


# Beside other rules


def history_of(tell: Any) -> Any:
    """What a story tells, as recorded events."""
    scenario = ScheduledRoom()
    tell(scenario)
    return scenario


def beside(scenario: Any, *rules: Any, hours: int = 6) -> Any:
    drafts = [decode_rule({"rooms": [ROOM], **rule}) for rule in rules]
    until = NOON + hours * HOUR
    before = SystemState(Config(settings=Settings(calls=True)))
    return backtest(before, scenario.events, drafts, since=NOON, until=until, others=True, webhook_for=WEBHOOK_FOR)


NOTIFY = {"name": "draft", "on": "stream.started", "do": "notify", "message": "on air"}


def late_rule(scenario: Any) -> None:
    """A schedule that nobody comes to, put two hours after the span has begun."""
    scenario.until(NOON + 2 * HOUR)
    scenario.put_schedule("hourly", at=["12:30", "13:30", "14:30", "15:30"], long=HOUR // 2)
    scenario.until(NOON + 5 * HOUR)


def test_another_rule_is_not_evaluated_before_it_was_put() -> None:
    scenario = history_of(late_rule)
    result = beside(scenario, NOTIFY)
    assert [act.kind for act in result.did if act.kind == "broadcast.missed"] == ["broadcast.missed"] * 2
    assert min(act.at for act in result.would) > NOON + 2 * HOUR
    assert [act for act in result.only_would if act.because == "rule:hourly"] == []
    assert [act for act in result.only_did if act.because == "rule:hourly"] == []


def test_a_rule_that_was_deleted_meanwhile_stands_no_longer_than_it_did() -> None:
    def tell(scenario: Any) -> None:
        scenario.put_schedule("hourly", at=["12:30", "13:30", "14:30"], long=HOUR // 2)
        scenario.until(NOON + HOUR + 10 * MINUTE)
        scenario.delete("hourly")
        scenario.until(NOON + 5 * HOUR)

    result = beside(history_of(tell), NOTIFY)
    assert [act.kind for act in result.would] == [act.kind for act in result.did]
    assert max(act.at for act in result.would) < NOON + HOUR + 10 * MINUTE


@pytest.mark.parametrize("paused", [True, False])
def test_a_change_of_the_drafts_own_rule_is_left_out_of_what_it_would_do(paused: bool) -> None:
    def tell(scenario: Any) -> None:
        scenario.put_schedule("hourly", at=["12:30"], long=HOUR // 2)
        if paused:
            scenario.pause("hourly")
        scenario.until(NOON + 5 * HOUR)

    schedule = {"at": ["2026-11-22T14:30"], "duration_s": HOUR // 2000}
    result = beside(history_of(tell), {"name": "hourly", "schedule": schedule})
    assert {act.at for act in result.would if act.kind == "broadcast.missed"} == {NOON + 3 * HOUR}


def test_a_file_that_was_applied_meanwhile_changes_the_other_rules_alone() -> None:
    def tell(scenario: Any) -> None:
        schedule = {"at": ["2026-11-22T14:30"], "duration_s": HOUR // 2000}
        rules = [{"name": name, "rooms": [ROOM], "schedule": schedule} for name in ("filed", "draft")]
        scenario.until(NOON + HOUR)
        scenario.process(Source.CONFIG, "file-applied", {"rules": rules, "rooms": {}}, room=None)
        scenario.until(NOON + 5 * HOUR)

    result = beside(history_of(tell), NOTIFY)
    assert {act.because for act in result.would} == {"rule:filed"}


def test_only_what_the_drafts_rules_did_is_their_part_of_a_comparison() -> None:
    acts = [RuleAction(at, ROOM, "start", f"rule:{name}") for at, name in ((1, "a"), (2, "b"))]
    result = restricted_to_rules(Comparison(tuple(acts), tuple(acts), (acts[0],), (acts[1],)), ["a"])
    assert (result.would, result.did, result.only_would, result.only_did) == ((acts[0],), (acts[0],), (acts[0],), ())
