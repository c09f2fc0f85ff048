"""Warnings about rules: the same in `config check`, in the answer to PUT, and in the editor."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support import paths
from tests.support.web_client import ADMIN_TOKEN, WebClient, append, fold_all, folding
from tests.web.console.test_error_pages import log_in
from webhook_app.domain.events import Source
from webhook_app.domain.rules.config import Settings, make_config
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom
from webhook_app.event_decoding.rules import decode_rule
from webhook_app.providers.videosdk.types import DOCUMENTED_TYPES
from webhook_app.schemas.rule import RuleSchema
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import entry
from webhook_app.usecases.rule_warnings import KnownRooms, WarningReason, room_warnings, rule_warnings
from workers.cli.main import main

PAYLOADS = paths.PAYLOADS
NAMES = {
    "lobby": ConfiguredRoom("lobby", "rlyb-xgxu-zpzd", ("channel",)),
    "hall": ConfiguredRoom("hall", "abcd-efgh-ijkl", ("webinar",)),
}
CONFIG = make_config({}, NAMES, Settings())
ROOMS = {"lobby": {"room_id": "rlyb-xgxu-zpzd", "groups": ["channel"]}}


def rule(**more: Any) -> Any:
    return decode_rule(RuleSchema().load({"name": "r", "rooms": ["lobby"], "when": "room.on_air", "do": "end", **more}))


def reasons(patterns: Any, known_rooms: Any) -> Any:
    return [warning.reason.value for warning in room_warnings(patterns, known_rooms)]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("lobbby", "did you mean lobby?"),
        ("halll", "did you mean hall?"),
        ("group:chanel", "did you mean group:channel?"),
        ("group:webinars", "did you mean group:webinar?"),
        ("group:nobody", "no room is in group:nobody"),
        ("rlyb-xgxu-zpze", "did you mean lobby?"),
        ("nope-nope", "it is taken for a room's id"),
        ("seen-rooom-one", "did you mean seen-room-one?"),
        ("lob*", "a pattern matches room ids, not names: list the names (lobby)"),
        ("zzz*", "no room known so far has such an id"),
        ("other-room-here", "outside the setting ROOMS"),
    ],
)
def test_a_room_or_group_that_is_not_known_is_warned_of(pattern: str, message: str) -> None:
    known_rooms = KnownRooms(CONFIG, ["seen-room-one"], ("rlyb*", "abcd*", "seen*", "lobb*", "hall*", "nope*"))
    assert message in " / ".join(warning.message for warning in room_warnings([pattern], known_rooms))


@pytest.mark.parametrize(
    "pattern",
    ["lobby", "hall", "rlyb-xgxu-zpzd", "group:channel", "group:webinar", "seen-room", "*", "rlyb*", "seen-*"],
)
def test_rooms_that_are_known_are_not_warned_of(pattern: str) -> None:
    assert reasons([pattern], KnownRooms(CONFIG, ["seen-room"])) == []


def test_without_a_store_only_what_does_not_look_like_an_id_is_warned_of() -> None:
    known_rooms = KnownRooms(CONFIG)
    assert reasons(["wxyz-wxyz-wxyz", "wxyz*"], known_rooms) == []
    assert reasons(["some-name", "id:some-name"], known_rooms) == ["unknown-room", "unknown-room"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"on": "participant-jioned"}, WarningReason.UNKNOWN_TYPE),
        ({"on": "hls-playble"}, WarningReason.UNKNOWN_TYPE),
        ({"schedule": {"cron": "0 9 1 * SUN", "duration": "1h"}}, WarningReason.CRON_DAYS),
    ],
)
def test_what_is_valid_and_probably_not_meant_is_warned_of(fields: dict[str, Any], reason: Any) -> None:
    base = {"name": "r", "rooms": ["lobby"], **fields} | ({"do": "end"} if "on" in fields else {})
    warnings = rule_warnings(decode_rule(RuleSchema().load(base)), KnownRooms(CONFIG), types=DOCUMENTED_TYPES)
    assert [warning.reason for warning in warnings] == [reason]


@pytest.mark.parametrize("kind", [*DOCUMENTED_TYPES, "stream.playable", "broadcast.late", "rule.other"])
def test_no_type_that_is_known_is_warned_of(kind: Any) -> None:
    decoded = decode_rule(RuleSchema().load({"name": "r", "rooms": ["lobby"], "on": kind, "do": "end"}))
    assert rule_warnings(decoded, KnownRooms(CONFIG), types=DOCUMENTED_TYPES) == []


def test_the_documented_types_are_those_of_the_recorded_payloads() -> None:
    assert set(DOCUMENTED_TYPES) == {path.name.split(".")[0] for path in PAYLOADS.glob("*.json")}


WRONG = {
    "rooms": ["lobbby", "group:chanel"],
    "schedule": {"cron": "0 9 1 * SUN", "duration": "2h", "timezone": "UTC"},
}
EXPECTED = {"did you mean lobby?", "did you mean group:channel?", "on every day that matches"}


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path) -> Any:
    append(client, entry(Source.CONFIG, "file-applied", None, {"rooms": ROOMS, "rules": []}))
    fold_all(client)
    return WebClient(store_url, tmp_path, max_streams=0)


def test_put_answers_with_the_warnings(client: Client, web_client: WebClient) -> None:
    with folding(client):
        answer = web_client.api("PUT", "/rules/morning", WRONG)
    assert answer.status_code == 201
    messages = [warning["message"] for warning in answer.json["warnings"]]
    for text in EXPECTED:
        assert text in " / ".join(messages)
    assert {warning["field"] for warning in answer.json["warnings"]} == {"rooms", "schedule.cron", "schedule"}
    assert any("MAX_STREAMS is 0" in message for message in messages)
    assert "warnings" not in web_client.get("/rules/morning")


def test_a_rule_without_fault_has_no_warnings(client: Client, web_client: WebClient) -> None:
    with folding(client):
        answer = web_client.api("PUT", "/rules/empty", {"rooms": ["lobby"], "when": "room.on_air", "do": "end"})
    assert answer.json["warnings"] == []


def test_config_check_and_the_editor_warn_of_the_same(client: Client, web_client: WebClient, tmp_path: Path) -> None:
    path = tmp_path / "tally.yaml"
    path.write_text(json.dumps({"rooms": ROOMS, "rules": [{"name": "morning", **WRONG}]}))
    checked = CliRunner().invoke(main, ["config", "check", str(path), "--json"], env={"DATA_DIR": str(tmp_path)})
    lines = json.loads(checked.stdout)["warnings"]
    visitor = log_in(web_client.web.app.test_client(), ADMIN_TOKEN)
    csrf = visitor.get("/new-rule").get_data(as_text=True).split('name="csrf" content="')[1].split('"')[0]
    data = {"text": json.dumps({"name": "morning", **WRONG}), "csrf": csrf}
    feedback = visitor.post("/rule-text/check", data=data).json["feedback"]
    for text in EXPECTED:
        assert any(text in line for line in lines), text
        assert text in feedback
