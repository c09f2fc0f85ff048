"""Alarms in the API and the console: acknowledged, counted, grouped and linked."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.values import found_group
from tests.support.web_client import SECRET, VIEWER_TOKEN, WebClient, append, fold_all
from webhook_app.domain.alarms.summaries import AlarmSummary
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import explain
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import entry
from webhook_app.store.operations.processes import Processes
from webhook_app.store.state.snapshots import Snapshots
from workers.clock.journal_watch import JournalWatch

LATE = {
    "key": "broadcast-late:hall",
    "name": "broadcast-late",
    "severity": "critical",
    "summary": "hall is late",
    "room_id": "hall",
    "rule": "show",
}


@pytest.fixture
def web_client(store_url: str, tmp_path: Path) -> Any:
    return WebClient(store_url, tmp_path)


def raise_alarm(client: Client, **more: Any) -> None:
    append(client, entry(Source.SYSTEM, "alarm-raised", None, LATE | more))
    fold_all(client)


def listed(web_client: Any, query: str = "?active=true") -> Any:
    return web_client.get(f"/alarms{query}")["items"]


def log_in(web_client: Any) -> Any:
    form = web_client.http.get("/login").get_data(as_text=True)
    nonce = found_group(r'name="csrf" value="([^"]+)"', form)
    web_client.http.post("/login", data={"csrf": nonce, "token": web_client.settings.admin_token})
    return found_group(r'<meta name="csrf" content="([^"]+)"', page(web_client, "/alarms"))


def page(web_client: Any, path: Any) -> Any:
    return web_client.http.get(path).get_data(as_text=True)


def test_a_reported_code_is_shown_as_text_in_the_alarm_and_in_its_event(client: Client, web_client: WebClient) -> None:
    summary = explain(AlarmSummary.ROOMS_ON_AIR, count=2, limit=2)
    raise_alarm(client, key="max-streams", name="max-streams", room_id=None, rule=None, summary=summary.stored)
    [alarm], [event] = listed(web_client), web_client.get("/events")["items"]
    assert alarm["summary"] == event["data"]["summary"] == "2 HLS streams are on air, and MAX_STREAMS is 2"


def test_an_alarm_is_acknowledged_through_the_journal(client: Client, web_client: WebClient) -> None:
    raise_alarm(client)
    [alarm] = listed(web_client)
    answer = web_client.api("POST", f"/alarms/{alarm['id']}/acknowledge", {"by": "ann"})
    assert answer.status_code == 202
    fold_all(client)
    event = web_client.get(f"/events/{answer.json['id']}")
    assert (event["type"], event["effect"]) == ("alarm-acknowledged", "Alarm broadcast-late acknowledged")
    [alarm] = listed(web_client)
    assert (alarm["acknowledged_by"], alarm["muted_until"]) == ("ann", None)
    assert alarm["acknowledged_at"]


def test_a_mute_ends_at_the_given_moment(client: Client, web_client: WebClient) -> None:
    raise_alarm(client)
    [alarm] = listed(web_client)
    body = {"until": "2999-01-01T00:00:00Z"}
    assert web_client.api("POST", f"/alarms/{alarm['id']}/acknowledge", body).status_code == 202
    fold_all(client)
    assert listed(web_client)[0]["muted_until"] == "2999-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "body",
    [{"until": "2001-01-01T00:00:00Z"}, {"until": "soon"}, {"until": 5}, {"by": ""}, {"by": "x" * 101}, {"who": "ann"}],
)
def test_an_invalid_acknowledgement_is_refused(client: Client, web_client: WebClient, body: dict[str, Any]) -> None:
    raise_alarm(client)
    [alarm] = listed(web_client)
    assert web_client.api("POST", f"/alarms/{alarm['id']}/acknowledge", body).status_code == 422


def test_acknowledging_a_cleared_or_unknown_alarm_is_refused(client: Client, web_client: WebClient) -> None:
    raise_alarm(client)
    [alarm] = listed(web_client)
    append(client, entry(Source.SYSTEM, "alarm-cleared", None, {"name": "broadcast-late", "key": LATE["key"]}))
    fold_all(client)
    assert web_client.api("POST", f"/alarms/{alarm['id']}/acknowledge", {}).status_code == 409
    assert web_client.api("POST", "/alarms/alarm_0/acknowledge", {}).status_code == 404
    assert web_client.api("POST", f"/alarms/{alarm['id']}/acknowledge", {}, token=VIEWER_TOKEN).status_code == 403


def test_an_alarm_on_the_reducer_is_acknowledged_while_nothing_is_processed(
    client: Client, web_client: WebClient
) -> None:
    client.set(keys.HALTED, "a transaction was applied in part")
    client.set(keys.HALTED_AT, int(time.time() * 1000))
    JournalWatch(client).check()
    [alarm] = listed(web_client)
    assert web_client.api("POST", f"/alarms/{alarm['id']}/acknowledge", {"by": "ann"}).status_code == 202
    assert listed(web_client)[0]["acknowledged_by"] == "ann"
    client.delete(keys.HALTED)
    JournalWatch(client).check()
    assert listed(web_client) == []


def test_the_console_counts_unacknowledged_alarms(client: Client, web_client: WebClient) -> None:
    csrf = log_in(web_client)
    for process in ("worker", "call", "deliver", "clock"):
        Processes(client).record(process, "here:1")
    raise_alarm(client)
    raise_alarm(client, key="broadcast-late:lobby", room_id="lobby", summary="lobby is late")
    for path in ("/", "/alarms", "/rules"):
        assert "<title>(2) " in page(web_client, path)
    alarms = page(web_client, "/alarms")
    assert "2 alarms" in alarms and "A broadcast is late" in alarms
    assert 'href="/rooms/hall"' in alarms and 'href="/rules/show"' in alarms
    for alarm in listed(web_client):
        web_client.http.post(f"/alarms/{alarm['id']}/acknowledge", data={"csrf": csrf})
        fold_all(client)
    shown = page(web_client, "/alarms")
    assert "<title>Alarms" in shown and "hall is late" in shown and "by console" in shown
    assert "Nothing needs you now" not in shown
    assert "hall is late" not in page(web_client, "/")


def test_the_live_part_of_a_page_carries_the_count(client: Client, web_client: WebClient) -> None:
    log_in(web_client)
    raise_alarm(client)
    assert 'data-count="1"' in page(web_client, "/page/live")
    assert SECRET not in page(web_client, "/page/live/alarms")


def test_alarms_that_an_earlier_version_stored_are_listed_and_clear(client: Client, web_client: WebClient) -> None:
    for name, cleared_at in (("calendar-0123", None), ("schedule-show", None), ("poisoned-event", 3)):
        old = {"name": name, "severity": "warning", "summary": name, "since": 2, "cleared_at": cleared_at, "count": 1}
        client.hset(keys.ALARMS, name, json.dumps(old))
    assert {(alarm["name"], alarm["rule"]) for alarm in listed(web_client)} == {
        ("calendar-failing", None),
        ("schedule-failing", "show"),
    }
    append(client, entry(Source.SYSTEM, "alarm-cleared", None, {"name": "calendar-0123"}))
    fold_all(client)
    [alarm] = listed(web_client)
    assert alarm["name"] == "schedule-failing"
    assert web_client.api("POST", f"/alarms/{alarm['id']}/acknowledge", {"by": "ann"}).status_code == 202
    fold_all(client)
    assert listed(web_client)[0]["acknowledged_by"] == "ann"
    append(client, entry(Source.OPERATOR, "rule-deleted", None, {"name": "show"}))
    fold_all(client)
    assert listed(web_client) == []


def test_alarms_of_a_snapshot_from_an_earlier_version_are_read(client: Client) -> None:
    snapshot = {"at": "5-0", "rules": "{}", "names": "{}", "settings": "{}", "calendars": "{}", "rooms": "{}"}
    old = {"name": "schedule-show", "severity": "warning", "summary": "x", "since": 2, "cleared_at": None, "count": 1}
    over = {**old, "name": "poisoned-event", "cleared_at": 3}
    alarms = json.dumps({"schedule-show": old, "poisoned-event": over})
    client.hset(keys.SNAPSHOT, mapping={**snapshot, "memory": "{}", "alarms": alarms})
    world, at = Snapshots(client).load()
    assert at == "5-0"
    assert {key: alarm.name for key, alarm in world.alarms.items()} == {"schedule-show": "schedule-failing"}
