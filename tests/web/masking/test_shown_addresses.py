"""Secret addresses in rules, alarms, events and deliveries: masked everywhere, and kept when sent back masked."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.support.values import found_group, present
from tests.support.web_client import ADMIN_TOKEN, VIEWER_TOKEN, WebClient, append, fold_all, folding
from webhook_app.domain.configuration.changes import calendar_sources
from webhook_app.domain.events import Source
from webhook_app.masking.masked_data import has_masked_address, restored_data, shown_data, shown_provider_data
from webhook_app.masking.url_masking import MASK
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import entry

SECRETS = ("0123456789abcdef0123", "s3cretpw", "opensesame", "abcdefghijklmnopqrstuvwx")
ICS = "https://calendar.example.com/ical/team/private-0123456789abcdef0123/basic.ics"
ICS_WITH_USER = "webcal://ops:s3cretpw@dav.example.com/holidays.ics?token=opensesame"
TEMPLATE = "https://layouts.example.com/t?token=opensesame&room=a"
RULE = {
    "rooms": ["main-hall"],
    "schedule": {"ics": {"url": ICS, "match": "Live:*"}, "except": ["2026-12-27", {"ics": ICS_WITH_USER}]},
    "start": {"templateUrl": TEMPLATE},
}
API_PATHS = ("/rules", "/rules/service", "/rules/service/occurrences", "/alarms", "/events?limit=50", "/deliveries")
PAGES = (
    "/",
    "/rules",
    "/rules/service",
    "/rules/service/edit",
    "/backtest?rule=service",
    "/alarms",
    "/events",
    "/system",
)
ALARM = (
    f"calendar {ICS} could not be had: HTTPSConnectionPool(host='calendar.example.com', port=443): Max retries "
    f"exceeded with url: {ICS.removeprefix('https://calendar.example.com')} (Caused by X) for https://ops:s3cretpw@h.example/x"
)


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path) -> Any:
    return WebClient(store_url, tmp_path)


def put(web_client: Any, rule: Any, name: str = "service") -> Any:
    return web_client.api("PUT", f"/rules/{name}", rule)


def stored_rule(client: Client, name: str = "service") -> Any:
    return codec.rule_of(client.hget(keys.RULES, name))


def log_in(web_client: Any, token: Any = ADMIN_TOKEN) -> Any:
    http = web_client.web.app.test_client()
    csrf = found_group(r'name="csrf" value="([^"]+)"', http.get("/login").get_data(as_text=True))
    assert http.post("/login", data={"token": token, "csrf": csrf}).status_code == 303
    return http


def test_no_surface_shows_a_secret_address(client: Client, web_client: WebClient) -> None:
    with folding(client):
        response = put(web_client, RULE)
        assert response.status_code == 201, response.json
        append(
            client,
            entry(Source.SYSTEM, "alarm-raised", None, {"name": "calendar-x", "severity": "warning", "summary": ALARM}),
        )
        fold_all(client)
    shown = [response.get_data(as_text=True)]
    for token in (VIEWER_TOKEN, ADMIN_TOKEN):
        for path in API_PATHS:
            answer = web_client.api("GET", path, token=token)
            assert answer.status_code == 200
            shown.append(answer.get_data(as_text=True))
    for event in web_client.get("/events")["items"]:
        shown.append(json.dumps(web_client.get(f"/events/{event['id']}")))
    http = log_in(web_client)
    shown += [http.get(path).get_data(as_text=True) for path in PAGES]
    for text in shown:
        assert not [secret for secret in SECRETS if secret in text]
    everything = "".join(shown)
    assert "calendar.example.com" in everything and "private-****" in everything


def test_a_rule_that_is_read_and_put_back_keeps_its_addresses(client: Client, web_client: WebClient) -> None:
    with folding(client):
        assert put(web_client, RULE).status_code == 201
        before = stored_rule(client)
        assert {ICS, ICS_WITH_USER} == set(calendar_sources(before))
        read = web_client.get("/rules/service")
        back = {name: read[name] for name in ("rooms", "schedule", "start")}
        assert has_masked_address(back)
        assert put(web_client, back | {"remind": "10m"}).status_code == 200
    after = stored_rule(client)
    trigger = present(before.schedule_trigger)
    assert (after.trigger, dict(after.start)) == (replace(trigger, remind_s=600), dict(before.start))


def test_a_rule_may_be_edited_in_the_console_without_its_addresses(client: Client, web_client: WebClient) -> None:
    http = log_in(web_client)
    with folding(client):
        assert put(web_client, RULE).status_code == 201
        page = http.get("/rules/service/edit").get_data(as_text=True)
        text = unescape(found_group(r'<textarea id="text"[^>]*>(.*?)</textarea>', page, flags=re.S))
        field = dict(re.findall(r'name="(csrf|was|seen)" value="([^"]*)"', page))
        data = field | {"text": text.lstrip("\n") + "remind: 10m\n", "do-it": "save"}
        saved = http.post("/rule-text/save", data=data)
        assert saved.status_code == 303, saved.get_data(as_text=True)
    assert {ICS, ICS_WITH_USER} == set(calendar_sources(stored_rule(client)))


@pytest.mark.parametrize(
    "schedule",
    [
        {"ics": {"url": "https://elsewhere.example.com/private-****/basic.ics"}},
        {"cron": "0 9 * * *", "duration": "1h", "except": [{"ics": "https://****@dav.example.com/other.ics"}]},
    ],
)
@pytest.mark.parametrize("name", ["service", "another"])
def test_a_masked_address_that_is_not_the_rules_own_is_refused(
    client: Client, web_client: WebClient, schedule: dict[str, Any], name: str
) -> None:
    with folding(client):
        put(web_client, RULE)
        answer = put(web_client, {"rooms": ["main-hall"], "schedule": schedule}, name)
    assert answer.status_code == 422
    assert "masked" in json.dumps(answer.json["errors"]["schedule"])


def test_a_masked_copy_of_another_rule_is_refused(client: Client, web_client: WebClient) -> None:
    with folding(client):
        put(web_client, RULE)
        read = web_client.get("/rules/service")
        answer = put(web_client, {"rooms": read["rooms"], "schedule": read["schedule"]}, "a-copy")
    assert answer.status_code == 422


def test_data_is_restored_where_it_was_also_when_two_addresses_look_alike() -> None:
    alike = [f"https://h.example/{key * 16}1/x.ics" for key in "ab"]
    stored = {"except": [{"ics": alike[0]}, {"ics": {"url": alike[1]}}], "ics": {"url": ICS}}
    shown = shown_data(stored)
    assert shown["except"][0]["ics"] == shown["except"][1]["ics"]["url"] == "https://h.example/****/x.ics"
    assert restored_data(shown, stored) == stored
    moved = restored_data({"except": ["2026-12-27", shown["except"][0], {"ics": shown["ics"]["url"]}]}, stored)
    assert moved["except"][2] == {"ics": ICS}
    assert has_masked_address(moved), "two look alike: which one is meant is not guessed"


@pytest.mark.parametrize("data", [None, 5, "", "text", [], {}, {"a": [1, {"b": None}]}, "a **** b"])
def test_data_without_addresses_stays_as_it_is(data: Any) -> None:
    assert shown_data(data) == data
    assert restored_data(data, data) == data
    assert not has_masked_address(data)


def test_videosdks_own_addresses_stay_and_our_token_does_not() -> None:
    data = {
        "playbackHlsUrl": "https://cdn.videosdk.live/meetings-hls/0b1f7c9e-6f0a-4c39-9d55-2f6b8a1c7d3e/index.m3u8",
        "webhook": {"endPoint": "https://tally.example.org/webhooks/videosdk/the-token"},
    }
    shown = shown_provider_data(data)
    assert shown["playbackHlsUrl"] == data["playbackHlsUrl"]
    assert shown["webhook"]["endPoint"] == f"https://tally.example.org/webhooks/videosdk/{MASK}"
