"""Backtests: what drafts would have done, in a draft world whose VideoSDK does what it is told."""

import pytest
from doors import Doors

from webhook_app.domain.backtest import BacktestLimits, BacktestTooLargeError, backtest
from webhook_app.domain.events import Event, Source
from webhook_app.domain.rulebook import rule_from
from webhook_app.domain.times import HOUR, MINUTE, SECOND
from webhook_app.domain.turn import World

BEGIN = 1_767_225_600_000
ROOM = "abcd-efgh-ijkl"
EMPTY = {
    "name": "empty",
    "rooms": ["*"],
    "when": "room.on_air && room.session.participant_count == 0",
    "for_s": 60,
    "do": "end",
}


def recorded(*told):
    """Webhooks as (seconds, type, more data), all of one session."""
    return [
        Event(f"{BEGIN + at * SECOND}-{number}", Source.VIDEOSDK, kind, ROOM, BEGIN + at * SECOND, data)
        for number, (at, kind, more) in enumerate(told)
        for data in [{"meetingId": ROOM, "sessionId": "s1", **more}]
    ]


def tried(events, *rules, hours=3):
    until = BEGIN + hours * HOUR
    return backtest(World(), events, [rule_from(rule) for rule in rules], since=BEGIN, until=until)


ADA = {"participantId": "ada", "participantName": "Ada"}
TWO_RUNS_WITHOUT_IDS = (
    (0, "session-started", {}),
    (1, "participant-joined", ADA),
    (10, "hls-started", {"playbackHlsUrl": "https://cdn.example/a/index.m3u8"}),
    (100, "hls-stopped", {}),
    (200, "hls-started", {"playbackHlsUrl": "https://cdn.example/b/index.m3u8"}),
    (300, "participant-left", ADA),
)


def test_a_run_whose_id_was_never_learned_is_ended_once():
    found = tried(recorded(*TWO_RUNS_WITHOUT_IDS), EMPTY)
    assert [(act.kind, act.at) for act in found.would] == [("end", BEGIN + 360 * SECOND)]


def test_a_stream_whose_stop_was_lost_ends_with_its_session():
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


def test_a_condition_on_how_long_a_stream_runs_is_looked_at_while_nothing_is_told():
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
        (BacktestLimits(acts=100), "act more than 100 times"),
        (BacktestLimits(events=200), "lead to more than 200 events"),
        (BacktestLimits(steps=2_000), "the backtest takes more than 2000 steps"),
    ],
)
def test_a_backtest_ends_at_each_of_its_limits_and_says_what_to_narrow(limits, says):
    """A limit ends the backtest as a whole; it is no fault of the event at which it is met."""
    with pytest.raises(BacktestTooLargeError, match=f"{says}.*; choose a shorter span"):
        backtest(World(), [], [rule_from(MINUTELY)], since=BEGIN, until=BEGIN + 24 * HOUR, limits=limits)


def test_a_draft_whose_schedule_cannot_be_computed_does_nothing():
    """It costs its own rule, here as elsewhere."""
    broken = {
        **MINUTELY,
        "name": "broken",
        "schedule": {"rrule": "FREQ=DAILY;INTERVAL=0", "dtstart": "2026-01-01T00:00"},
    }
    found = tried([], broken, MINUTELY, hours=1)
    assert {act.because for act in found.would} == {"rule:minutely"}


def test_the_api_answers_a_backtest_that_is_too_large_with_the_reason(client, store_url, tmp_path):
    """422, and the field to narrow."""
    rule = {"name": "m", "rooms": [ROOM], "schedule": {"cron": "* * * * *", "duration": "30s"}}
    body = {"rules": [rule], "from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}
    answer = Doors(store_url, tmp_path).api("POST", "/rules/backtest", body)
    assert answer.status_code == 422
    assert "shorter span" in answer.json["errors"]["from"][0]
