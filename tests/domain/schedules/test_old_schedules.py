"""Data directories that hold schedules which an earlier version accepted: they cost their own rule and nothing else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import webhook
from tests.support.replay import differences, refold
from tests.support.web_client import ROOM, WebClient, append, fold_all
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import explain
from webhook_app.domain.reasons import Reason
from webhook_app.domain.schedules.schedule import DAY_MS
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, entry
from webhook_app.store.state import outline
from webhook_app.store.state.store import StateStore

GOOD = {"cron": "0 9 * * *", "duration_s": 3600}
BROKEN = [
    {"rrule": "FREQ=DAILY;INTERVAL=0", "dtstart": "2026-12-01T00:00", "duration_s": 600},
    {
        "rrule": "FREQ=MONTHLY;INTERVAL=0;BYHOUR=0;BYDAY=MO;BYMONTHDAY=1;UNTIL=20281231T200000Z",
        "dtstart": "2026-12-01T00:00",
        "duration_s": 600,
    },
    {"rrule": "FREQ=HOURLY;COUNT=999999999", "dtstart": "2026-12-01T00:00", "duration_s": 600},
    {"cron": "0 0 30 2 *", "duration_s": 600},
    {"cron": "0 9 * * SUN", "duration_s": 600, "timezone": "Mars/Olympus_Mons"},
    {"cron": "0 9 * * SUN", "duration_s": 600, "except_days": [["2026-13-01", "2026-13-02"]]},
    {"at": ["tomorrow"], "duration_s": 600},
]


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path) -> Any:
    return WebClient(store_url, tmp_path)


def rule(name: Any, schedule: Any, **more: Any) -> Any:
    return {"name": name, "rooms": [ROOM], "schedule": {**schedule, "given": {}}, **more}


def put(rule: Any) -> Any:
    return entry(Source.CONFIG, "rule-put", None, {"rule": rule})


def effect(client: Client, event_id: Any) -> Any:
    return outline.effects_of(client.xrange(keys.timeline(""), event_id, event_id)[0][1])


def has_failing_schedule(client: Client, name: str) -> bool:
    return StateStore(client).load_state().memory[name].has_failing_schedule


@pytest.mark.parametrize("schedule", BROKEN)
def test_a_journal_with_a_broken_schedule_folds_and_the_rule_can_be_deleted(
    client: Client, web_client: WebClient, schedule: Any
) -> None:
    """The event folds, other rules and rooms go on, the rule shows its error, and deleting it clears the alarm."""
    put_id, *_ = append(
        client,
        put(rule("broken", schedule)),
        put(rule("good", GOOD)),
        Entry(Source.VIDEOSDK, "hls-started", ROOM, webhook("hls-started", ROOM)),
        Entry(Source.VIDEOSDK, "hls-started", "elsewhere", webhook("hls-started", "elsewhere")),
    )
    fold_all(client)
    assert effect(client, put_id) == [explain(Reason.RULE_ADDED, rule="broken")]
    view = web_client.get("/rules/broken")
    assert has_failing_schedule(client, view["name"])
    assert view["next"] is None
    assert web_client.get("/rules/good")["next"] is not None
    assert web_client.get("/rules/good")["last_error"] is None
    assert web_client.get(f"/rooms/{ROOM}")["next_window"]["rules"] == ["good"]
    assert web_client.get("/rooms/elsewhere")["on_air"] is True
    (alarm,) = [alarm for alarm in web_client.get("/alarms")["items"] if alarm["cleared_at"] is None]
    assert (alarm["name"], alarm["rule"]) == ("schedule-failing", "broken")
    assert "broken" in alarm["summary"]
    assert "delete the rule" in alarm["summary"]
    assert differences(client, refold(client)) == []

    answer = web_client.api("GET", "/rules/broken/occurrences")
    assert (answer.status_code, "cannot be computed" in answer.json["detail"]) == (409, True)
    skip_id = web_client.api("POST", "/rules/broken/skip-next").json["id"]
    fold_all(client)
    assert [explanation.code for explanation in effect(client, skip_id)] == [Reason.SCHEDULE_NOT_COMPUTED]

    assert web_client.api("DELETE", "/rules/broken").status_code in (202, 204)
    fold_all(client)
    assert web_client.api("GET", "/rules/broken").status_code == 404
    assert [alarm["name"] for alarm in web_client.get("/alarms")["items"] if alarm["cleared_at"] is None] == []
    assert differences(client, refold(client)) == []


def test_a_state_with_a_broken_schedule_goes_on_and_a_change_of_the_rule_heals_it(
    client: Client, web_client: WebClient
) -> None:
    """The rule stands in the stored rules already; it is noticed when the room is planned, and healed by a change."""
    append(client, put(rule("good", GOOD)))
    fold_all(client)
    broken = decode_rule(rule("broken", BROKEN[0]))
    client.hset(keys.RULES, "broken", codec.encode_rule(broken))
    assert StateStore(client).config().rules["broken"] == broken

    append(client, entry(Source.SYSTEM, "replan", ROOM, {}))
    fold_all(client)
    assert has_failing_schedule(client, "broken")
    assert web_client.get(f"/rooms/{ROOM}")["next_window"]["rules"] == ["good"]

    append(client, put(rule("broken", {"cron": "0 9 * * *", "duration_s": 600})))
    fold_all(client)
    assert web_client.get("/rules/broken")["last_error"] is None
    assert web_client.get("/rules/broken")["next"] is not None
    assert [alarm["name"] for alarm in web_client.get("/alarms")["items"] if alarm["cleared_at"] is None] == []


def test_an_open_window_is_left_alone_when_its_schedule_can_no_longer_be_computed(
    client: Client, web_client: WebClient
) -> None:
    """Nobody decided that the window is over: the stream goes on."""
    wall = (datetime.now(UTC) - timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M")
    append(client, put(rule("show", {"at": [wall], "duration_s": DAY_MS // 1000})))
    append(client, Entry(Source.VIDEOSDK, "hls-started", ROOM, webhook("hls-started", ROOM)))
    fold_all(client)
    assert web_client.get(f"/rooms/{ROOM}")["desired"]["on_air"] is True

    append(client, put(rule("show", BROKEN[0])))
    fold_all(client)
    room = web_client.get(f"/rooms/{ROOM}")
    assert room["on_air"] is True
    assert room["desired"] is None
    assert [call for call in web_client.get("/calls")["items"] if call["kind"] == "end"] == []
