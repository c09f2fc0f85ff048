"""The API's commands to rooms, and rules put, paused and deleted through it."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.support.product import webhook
from tests.support.values import present
from tests.support.web_client import (
    ADMIN_TOKEN,
    PROBLEM,
    ROOM,
    WebClient,
    append,
    assert_sound,
    configure_room,
    fold_all,
    folding,
)
from webhook_app.app import WebLimits
from webhook_app.domain.events import Source
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, Journal, entry
from webhook_app.usecases.context import UseCaseLimits

BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
START = {"config": {"layout": {"type": "SPOTLIGHT", "priority": "PIN", "gridSize": 4}, "quality": "high"}}
RULE = {"rooms": ["*"], "when": "room.on_air", "for": "5m", "do": "end", "cooldown": "10m"}
SLOW_MACHINE = WebLimits(UseCaseLimits(processed_timeout_s=15.0))  # a slow machine processes in time, too
FUZZ = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def web_client(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return WebClient(store_url, tmp_path_factory.mktemp("web"), limits=SLOW_MACHINE)


@pytest.fixture(autouse=True)
def room_is_configured(client: Client) -> None:
    configure_room(client)


def journaled(client: Client) -> Any:
    """Everything in the journal but the room that the fixture adds: source, type, room and data."""
    return [
        (fields[b"s"].decode(), fields[b"t"].decode(), fields[b"r"].decode(), json.loads(fields[b"d"]))
        for _, fields in client.xrange(keys.JOURNAL)
        if fields[b"t"] != b"room-put"
    ]


def assert_problem(answer: Any, status: Any, *fields: Any) -> None:
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == PROBLEM
    if fields:
        assert set(answer.json["errors"]) == set(fields), answer.json


def in_session(client: Client) -> None:
    """Credentials are known and the room has a live session."""
    append(client, entry(Source.SYSTEM, "settings", None, {"calls": True}))
    append(client, Entry(Source.VIDEOSDK, "session-started", ROOM, webhook("session-started", ROOM)))
    fold_all(client)


@pytest.mark.parametrize("command", ["start", "end", "release"])
def test_a_command_is_journaled_and_its_answer_links_to_the_event(
    client: Client, web_client: WebClient, command: str
) -> None:
    answer = web_client.api("POST", f"/rooms/{ROOM}/{command}")
    assert answer.status_code == 202
    assert set(answer.json) == {"id"}
    assert answer.headers["Location"] == f"/api/v1/events/{answer.json['id']}"
    assert journaled(client) == [("operator", command, ROOM, {})]
    assert web_client.http.get(answer.headers["Location"], headers=BEARER).get_json()["effect"] is None
    fold_all(client)
    assert web_client.http.get(answer.headers["Location"], headers=BEARER).get_json()["effect"]
    assert_sound(client)


def test_a_start_calls_videosdk_with_the_given_body(client: Client, web_client: WebClient) -> None:
    in_session(client)
    desired = {"start": START, "until": "2100-01-01T01:00:00+01:00"}
    assert web_client.api("POST", f"/rooms/{ROOM}/start", desired).status_code == 202
    assert journaled(client)[-1] == ("operator", "start", ROOM, {"start": START, "until": 4_102_444_800_000})
    fold_all(client)
    desired = web_client.get(f"/rooms/{ROOM}")["desired"]
    assert (desired["on_air"], desired["because"]) == (True, "operator")
    assert desired["until"] == "2100-01-01T00:00:00.000Z"
    [call] = [item for item in web_client.get("/calls")["items"] if item["kind"] == "start"]
    assert call["because"] == "operator"
    assert json.loads(client.get(keys.call(call["id"])))["body"] == START


def test_repeating_a_start_or_an_end_is_harmless(client: Client, web_client: WebClient) -> None:
    in_session(client)
    for command in ("start", "end"):
        ids = {web_client.api("POST", f"/rooms/{ROOM}/{command}").json["id"] for _ in range(5)}
        assert len(ids) == 5
        fold_all(client)
    assert len([item for item in web_client.get("/calls?limit=500")["items"] if item["kind"] == "start"]) == 1
    assert_sound(client)


def test_release_drops_the_operators_desired_state(client: Client, web_client: WebClient) -> None:
    in_session(client)
    web_client.api("POST", f"/rooms/{ROOM}/start")
    web_client.api("POST", f"/rooms/{ROOM}/release")
    fold_all(client)
    assert web_client.get(f"/rooms/{ROOM}")["desired"] is None


def test_a_configured_room_can_be_started_before_its_first_webhook(client: Client, web_client: WebClient) -> None:
    append(client, entry(Source.SYSTEM, "settings", None, {"calls": True}))
    configure_room(client, "never-seen")
    assert web_client.api("POST", "/rooms/never-seen/start").status_code == 202
    fold_all(client)
    assert web_client.get("/rooms/never-seen")["armed"] is True


@pytest.mark.parametrize(
    "room", ["current", "due", "on-air", "version", "zimmer-ä", "a|b", "a b", "a:b:c", "%00", "*", "x" * 200]
)
def test_a_room_may_have_any_name(client: Client, web_client: WebClient, room: str) -> None:
    append(client, entry(Source.SYSTEM, "settings", None, {"calls": True}))
    configure_room(client, unquote(room))
    for command in ("start", "end", "start", "release"):
        assert web_client.api("POST", f"/rooms/{room}/{command}").status_code == 202
        fold_all(client)
        assert_sound(client)
    calls = web_client.get("/calls")["items"]
    assert calls
    assert web_client.api("GET", f"/rooms/{room}/timeline").status_code == 200
    waiting = client.zrange(keys.CALLS_DUE, 0, -1) + client.zrange(keys.PROBES_DUE, 0, -1)
    assert set(waiting) == {call["id"].encode() for call in calls if call["state"] == "waiting"}


@pytest.mark.parametrize("command", ["start", "end", "release"])
def test_rooms_that_the_setting_rooms_leaves_out_are_not_found(
    client: Client, store_url: str, tmp_path: Path, command: str
) -> None:
    web_client = WebClient(store_url, tmp_path, rooms=("abcd-*",))
    assert_problem(web_client.api("POST", f"/rooms/wxyz/{command}"), 404)
    assert web_client.api("POST", f"/rooms/{ROOM}/{command}").status_code == 202
    assert_problem(web_client.api("POST", f"/rooms/{'x' * 201}/{command}"), 404)


@pytest.mark.parametrize("command", ["start", "end", "release"])
def test_without_credentials_a_command_is_a_conflict(
    client: Client, store_url: str, tmp_path: Path, command: str
) -> None:
    web_client = WebClient(store_url, tmp_path, videosdk_api_key=None, videosdk_secret=None)
    answer = web_client.api("POST", f"/rooms/{ROOM}/{command}")
    assert_problem(answer, 409)
    assert "VIDEOSDK_API_KEY" in answer.json["detail"]
    assert journaled(client) == []


@pytest.mark.parametrize(
    ("desired", "field"),
    [
        ({"until": "soon"}, "until"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"until": "2100-01-01T00:00:00"}, "until"),
        ({"until": 4_102_444_800_000}, "until"),
        ({"start": []}, "start"),
        ({"start": "now"}, "start"),
        ({"start": {"roomId": "other"}}, "start"),
        ({"start": {"config": {"quality": "high"}}}, "start"),
        ({"start": {"config": {"layout": {"type": "SPOTLIGHT"}}}}, "start"),
        ({"start": {"config": {"layout": {"type": "CIRCLE", "priority": "PIN"}}}}, "start"),
        ({"start": {"config": {"layout": {"priority": "PIN", "gridSize": 26}}}}, "start"),
        ({"start": {"config": {"layout": {"priority": "PIN", "gridSize": "4"}}}}, "start"),
        ({"start": {"config": {"layout": {"priority": "PIN"}, "theme": "PINK"}}}, "start"),
        ({"start": {"config": []}}, "start"),
        ({"start": {"templateUrl": "ftp://example.com/"}}, "start"),
        ({"start": {"templateUrl": "javascript:alert(1)"}}, "start"),
        ({"start": {"transcription": True}}, "start"),
        ({"start": {"transcription": json.loads("[" * 200 + "]" * 200)}}, "start"),
        ({"start": {"transcription": {"x": json.loads("[" * 200 + "]" * 200)}}}, "start"),
        ({"when": "now"}, "when"),
        ({"room_id": ROOM}, "room_id"),
    ],
)
def test_an_invalid_command_is_refused_with_its_field(
    client: Client, web_client: WebClient, desired: dict[str, Any], field: str
) -> None:
    assert_problem(web_client.api("POST", f"/rooms/{ROOM}/start", desired), 422, field)
    assert journaled(client) == []


@pytest.mark.parametrize(
    "start", [{}, {"config": {}}, START, {"templateUrl": "https://example.com/t"}, {"transcription": {"enabled": True}}]
)
def test_a_start_accepts_the_options_of_videosdk(client: Client, web_client: WebClient, start: Any) -> None:
    assert web_client.api("POST", f"/rooms/{ROOM}/start", {"start": start}).status_code == 202
    assert journaled(client)[0][3] == {"start": start}


def test_an_end_with_start_options_is_refused(client: Client, web_client: WebClient) -> None:
    assert_problem(web_client.api("POST", f"/rooms/{ROOM}/end", {"start": START}), 422, "start")


@pytest.mark.parametrize("path", [f"/rooms/{ROOM}/start", f"/rooms/{ROOM}/end", "/subscribers", "/rules/x"])
@pytest.mark.parametrize("body", [b"{", b"\xff", b"'until'", b'{"a": }', b"nope", b'{"a": 1} {'])
def test_a_body_that_is_not_json_is_400(client: Client, web_client: WebClient, path: str, body: bytes) -> None:
    method = "PUT" if "rules" in path else "POST"
    answer = web_client.http.open(
        "/api/v1" + path, method=method, data=body, headers=BEARER, content_type="application/json"
    )
    assert_problem(answer, 400)
    assert journaled(client) == []


@pytest.mark.parametrize("path", [f"/rooms/{ROOM}/start", "/subscribers", "/rules/x"])
@pytest.mark.parametrize("body", [[], [1], "x", 5, True])
def test_a_body_that_is_not_an_object_is_refused(client: Client, web_client: WebClient, path: str, body: Any) -> None:
    assert_problem(web_client.api("PUT" if "rules" in path else "POST", path, body), 422)
    assert journaled(client) == []


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_command_is_read_with_any_content_type(
    client: Client, web_client: WebClient, content_type: str | None
) -> None:
    body = json.dumps({"until": "2100-01-01T00:00:00Z"}).encode()
    answer = web_client.http.post(f"/api/v1/rooms/{ROOM}/start", data=body, headers=BEARER, content_type=content_type)
    assert answer.status_code == 202
    assert journaled(client)[0][3] == {"until": 4_102_444_800_000}


def test_a_body_that_is_too_large_is_413(client: Client, web_client: WebClient) -> None:
    assert_problem(
        web_client.api("POST", f"/rooms/{ROOM}/start", {"start": {"transcription": {"x": "a" * 1_100_000}}}), 413
    )


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=10),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
fields = some.sampled_from(
    "name rooms on if when for do message cooldown start timezone paused url types because secret until".split()
)


@FUZZ
@given(
    path=some.sampled_from([f"/rooms/{ROOM}/start", f"/rooms/{ROOM}/end", "/subscribers"]),
    body=some.dictionaries(fields, anything, max_size=5) | anything,
)
def test_any_body_is_accepted_or_refused_without_a_server_error(
    client: Client, web_client: WebClient, path: Any, body: Any
) -> None:
    raw = json.dumps(body).encode()
    answer = web_client.http.post("/api/v1" + path, data=raw, headers=BEARER, content_type="application/json")
    assert answer.status_code in (201, 202, 400, 422), (body, answer.get_data(as_text=True))
    fold_all(client)
    assert_sound(client)


def test_a_lone_surrogate_in_a_text_is_refused_without_a_server_error(client: Client, web_client: WebClient) -> None:
    for path, body in {
        "/rules/x": {"rooms": ["*"], "on": "stream.started", "do": "notify", "message": "\ud800"},
        "/rules/y": {"rooms": ["\udfff"], "on": "stream.started", "do": "end"},
        f"/rooms/{ROOM}/start": {"start": {"transcription": {"x": "\ud800"}}},
        "/subscribers": {"url": "https://example.com/", "name": "\ud800"},
    }.items():
        answer = web_client.http.open(
            "/api/v1" + path,
            method="PUT" if "rules" in path else "POST",
            data=json.dumps(body).encode(),
            headers=BEARER,
            content_type="application/json",
        )
        assert answer.status_code in (400, 422), (path, answer.get_data(as_text=True))
    assert journaled(client) == []


def test_a_rule_is_added_changed_and_deleted(client: Client, web_client: WebClient) -> None:
    with folding(client):
        added = web_client.api("PUT", "/rules/end-when-empty", RULE)
        assert added.status_code == 201, added.get_data(as_text=True)
        assert added.json.items() >= ({"name": "end-when-empty"} | RULE).items()
        assert (added.json["paused"], added.json["from_file"]) == (False, False)
        assert (added.json["next"], added.json["last_fired_at"], added.json["last_error"]) == (None, None, None)
        assert added.json["warnings"] == []
        assert web_client.get("/rules/end-when-empty") == without_warnings(added)
        assert web_client.api("PUT", "/rules/end-when-empty", RULE).status_code == 200
        changed = web_client.api("PUT", "/rules/end-when-empty", RULE | {"for": "90s"})
        assert (changed.status_code, changed.json["for"]) == (200, "90s")
        assert web_client.get("/rules")["items"] == [without_warnings(changed)]
        gone = web_client.api("DELETE", "/rules/end-when-empty")
        assert (gone.status_code, gone.data) == (204, b"")
        assert_problem(web_client.api("GET", "/rules/end-when-empty"), 404)
        assert_problem(web_client.api("DELETE", "/rules/end-when-empty"), 404)
    assert_sound(client)


def test_a_rule_can_be_put_as_the_api_shows_it(client: Client, web_client: WebClient) -> None:
    shown = {"next", "from_file", "last_fired_at", "last_error", "warnings"}
    rules = {
        "a": RULE | {"timezone": "Europe/London"},
        "b": {
            "rooms": ["a", "group:b"],
            "on": "participant-joined",
            "if": "event.data.participantName == 'x'",
            "do": "start",
        },
        "c": {
            "rooms": ["*"],
            "on": "stream.failed",
            "do": "notify",
            "message": "{room.room_id} failed",
            "paused": True,
        },
        "d": {"rooms": ["*"], "when": "room.on_air", "do": "start", "start": START},
    }
    with folding(client):
        for name, rule in rules.items():
            first = web_client.api("PUT", f"/rules/{name}", rule)
            assert first.status_code == 201, first.get_data(as_text=True)
            put_again = {key: value for key, value in first.json.items() if key not in shown}
            again = web_client.api("PUT", f"/rules/{name}", put_again)
            assert (again.status_code, without_warnings(again)) == (200, without_warnings(first))


def without_warnings(answer: Any) -> Any:
    """A rule as `PUT` answers it, without what only that answer has."""
    return {key: value for key, value in answer.json.items() if key != "warnings"}


def test_a_rule_that_is_not_processed_in_time_is_accepted_for_later(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    web_client = WebClient(store_url, tmp_path, limits=WebLimits(UseCaseLimits(processed_timeout_s=0.05)))
    answer = web_client.api("PUT", "/rules/later", RULE)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/events/{answer.json['id']}"
    fold_all(client)
    assert web_client.get("/rules/later")["name"] == "later"
    answer = web_client.api("DELETE", "/rules/later")
    assert answer.status_code == 202
    fold_all(client)
    assert_problem(web_client.api("GET", "/rules/later"), 404)


def test_a_rule_change_waits_up_to_two_seconds_to_be_processed() -> None:
    assert UseCaseLimits().processed_timeout_s == 2.0


def test_a_rule_is_paused_and_resumed(client: Client, web_client: WebClient) -> None:
    with folding(client):
        web_client.api("PUT", "/rules/x", RULE)
        for command, paused in (("pause", True), ("resume", False)):
            answer = web_client.api("POST", f"/rules/x/{command}")
            assert (answer.status_code, set(answer.json)) == (202, {"id"})
            assert answer.headers["Location"].endswith(answer.json["id"])
            fold_all(client)
            assert web_client.get("/rules/x")["paused"] is paused


def test_a_rule_of_the_configuration_file_can_be_paused_but_not_changed(client: Client, web_client: WebClient) -> None:
    rule = {"name": "of-the-file", "rooms": ["*"], "when": "room.on_air", "do": "end"}
    append(client, entry(Source.CONFIG, "file-applied", None, {"rooms": {}, "rules": [rule]}))
    fold_all(client)
    assert web_client.get("/rules/of-the-file")["from_file"] is True
    assert_problem(web_client.api("PUT", "/rules/of-the-file", RULE), 409)
    assert_problem(web_client.api("DELETE", "/rules/of-the-file"), 409)
    assert web_client.api("POST", "/rules/of-the-file/pause").status_code == 202
    fold_all(client)
    assert web_client.get("/rules/of-the-file")["paused"] is True


def test_an_unknown_rule_can_only_be_put(client: Client, web_client: WebClient) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume")):
        assert_problem(web_client.api(method, f"/rules/nothing{path}"), 404)
    assert journaled(client) == []


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"when": "room.onair"}, "when", "on_air"),
        ({"when": "room.session.participants_count == 0"}, "when", "participant_count"),
        ({"when": "romm.on_air"}, "when", "romm"),
        ({"when": "room.state"}, "when", "true or false"),
        ({"when": "room.on_air &&"}, "when", "CEL"),
        ({"when": ""}, "when", "empty"),
        ({"when": "room.on_air || " * 200 + "true"}, "when", "2000"),
        ({"when": "event.type == 'x'"}, "when", "event"),
        ({"when": "nosuch(room.state)"}, "when", "nosuch"),
        ({"when": 5}, "when", ""),
        ({"for": "five minutes"}, "for", "5m"),
        ({"for": "-5m"}, "for", "5m"),
        ({"for": 300}, "for", "5m"),
        ({"for": "9000h"}, "for", "year"),
        ({"cooldown": "1 h"}, "cooldown", "5m"),
        ({"do": "stop"}, "do", ""),
        ({"do": None}, "do", ""),
        ({"rooms": []}, "rooms", "*"),
        ({"rooms": "*"}, "rooms", ""),
        ({"rooms": [""]}, "rooms", ""),
        ({"rooms": None}, "rooms", ""),
        ({"timezone": "Europe/Londn"}, "timezone", "Europe/London"),
        ({"message": "hello"}, "message", "notify"),
        ({"start": START}, "start", "start"),
        ({"do": "start", "start": {"roomId": "x"}}, "start", ""),
        ({"do": "notify", "message": "{room.onair}"}, "message", "on_air"),
        ({"do": "notify", "message": "{room.room_id"}, "message", "}"),
        ({"do": "notify", "message": "x" * 2_001}, "message", "2000"),
        ({"on": "stream.started"}, "on", "one trigger"),
        ({"when": None}, "when", ""),
        ({"paused": "perhaps"}, "paused", ""),
        ({"colour": "red"}, "colour", ""),
        ({"name": "other"}, "name", "address"),
    ],
)
def test_an_invalid_rule_is_refused_with_its_field_and_what_would_be_right(
    client: Client, web_client: WebClient, change: dict[str, Any], field: str, says: str
) -> None:
    answer = web_client.api("PUT", "/rules/x", RULE | change)
    assert_problem(answer, 422, field)
    assert says in json.dumps(answer.json["errors"], ensure_ascii=False), answer.json["errors"]
    assert journaled(client) == []


@pytest.mark.parametrize(
    ("rule", "field", "says"),
    [
        ({"on": "stream.begun"}, "on", "stream.started"),
        ({"on": ""}, "on", ""),
        ({"on": "stream.started", "for": "5m"}, "for", "when"),
        ({"when": "room.on_air", "if": "true"}, "if", "when"),
        ({"on": "stream.started", "if": "event.tpye == 'x'"}, "if", "type"),
        ({"on": "stream.started", "if": "event.typ == 'x' || event.data.event.any.room.thing"}, "if", "event.typ"),
        ({}, "on", "trigger"),
    ],
)
def test_an_invalid_trigger_is_refused_with_its_field(
    client: Client, web_client: WebClient, rule: dict[str, Any], field: str, says: str
) -> None:
    answer = web_client.api("PUT", "/rules/x", {"rooms": ["*"], "do": "end"} | rule)
    assert_problem(answer, 422, field)
    assert says in json.dumps(answer.json["errors"])


@pytest.mark.parametrize("name", ["UPPER", "under_score", "-x", "x-", "a b", "ä", "x" * 65, "a.b"])
def test_an_invalid_name_is_refused(client: Client, web_client: WebClient, name: str) -> None:
    assert_problem(web_client.api("PUT", f"/rules/{name}", RULE), 422, "name")


def test_a_rule_shows_when_it_last_acted_and_its_last_error(client: Client, web_client: WebClient) -> None:
    rule = {"name": "x", "rooms": ["*"], "on": "participant-joined", "if": "event.data.age > 5", "do": "notify"}
    with folding(client):
        assert web_client.api("PUT", "/rules/x", rule).status_code == 201
    joined = webhook("participant-joined", ROOM, participantId="p")
    append(client, Entry(Source.VIDEOSDK, "participant-joined", ROOM, joined))
    fold_all(client)
    shown = web_client.get("/rules/x")
    assert shown["last_fired_at"] is None
    assert "age" in shown["last_error"]
    joined = webhook("participant-joined", ROOM, participantId="q", age=6)
    append(client, Entry(Source.VIDEOSDK, "participant-joined", ROOM, joined))
    fold_all(client)
    assert web_client.get("/rules/x")["last_fired_at"] == web_client.get("/events")["items"][0]["at"]


def test_rules_are_paged_by_name(client: Client, web_client: WebClient) -> None:
    for name in ("b", "a", "c", "e", "d"):
        append(
            client,
            entry(
                Source.CONFIG,
                "rule-put",
                None,
                {"rule": {"name": name, "do": "end", "rooms": ["*"], "when": "room.on_air"}},
            ),
        )
    fold_all(client)
    names, cursor = [], None
    for _ in range(4):
        page = web_client.get("/rules?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        names += [rule["name"] for rule in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert names == ["a", "b", "c", "d", "e"]


def test_commands_are_journaled_as_they_were_sent(client: Client, web_client: WebClient) -> None:
    answer = web_client.api("POST", f"/rooms/{ROOM}/start", {"until": "2100-01-01T00:00:00.5Z"})
    assert json.loads(present(Journal(client).raw_body(answer.json["id"]))) == {"until": 4_102_444_800_500}


def test_a_page_of_rules_reads_the_observed_rooms_once(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path)
    for number in range(12):
        rule = {"name": f"show-{number}", "rooms": ["hall-*"], "schedule": {"cron": "0 9 * * *", "duration_s": 3600}}
        append(client, entry(Source.CONFIG, "rule-put", None, {"rule": rule}))
    append(client, Entry(Source.VIDEOSDK, "session-started", "hall-1", webhook("session-started", "hall-1")))
    fold_all(client)
    client.config_resetstat()
    rules = web_client.get("/rules")["items"]
    assert {rule["next"]["room_id"] for rule in rules} == {"hall-1"}
    assert client.info("commandstats")["cmdstat_zrange"]["calls"] == 1
