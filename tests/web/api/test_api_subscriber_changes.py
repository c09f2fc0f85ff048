"""Changing a subscriber through the API: what is not given stays, what the file owns stays the file's."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.deliverer_factory import subscribers_of
from tests.support.values import present
from tests.support.web_client import PROBLEM, VIEWER_TOKEN, WebClient
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.secrets.encryption import SecretBox
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.subscribers import Subscribers

URL = "https://example.com/hook"
ACTS = {"test": None, "enable": {}, "recover": {"from": "2026-11-22T10:00:00Z"}, "rotate-secret": None}


@pytest.fixture(scope="module")
def web_client(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return WebClient(store_url, tmp_path_factory.mktemp("doors"))


def subscribe(web_client: Any, **more: Any) -> Any:
    return web_client.api("POST", "/subscribers", {"url": URL} | more).json


def test_fields_that_are_left_out_keep_their_values(client: Client, web_client: WebClient) -> None:
    subscriber = subscribe(web_client, name="tv", types=["stream.*"], rooms=["a"], ordering="room", rate_limit=5)
    secret = subscriber.pop("secret")
    for change in (
        {"name": "radio"},
        {"types": ["alarm.*"]},
        {"rooms": ["b", "c"]},
        {"ordering": "none"},
        {"rate_limit": None},
    ):
        answer = web_client.api("PATCH", f"/subscribers/{subscriber['id']}", change)
        assert answer.status_code == 200
        subscriber |= change
        assert answer.json == subscriber
    assert "whsec_" + present(subscribers_of(client).get(subscriber["id"])).secret == secret
    assert present(subscribers_of(client).get(subscriber["id"])).url == URL


def test_a_new_url_is_validated_as_at_creation(client: Client, web_client: WebClient) -> None:
    subscriber = subscribe(web_client)
    answer = web_client.api("PATCH", f"/subscribers/{subscriber['id']}", {"url": "http://127.0.0.1/"})
    assert (answer.status_code, set(answer.json["errors"])) == (422, {"url"})
    assert (
        web_client.api("PATCH", f"/subscribers/{subscriber['id']}", {"url": "https://other.example/"}).status_code
        == 200
    )
    assert present(subscribers_of(client).get(subscriber["id"])).url == "https://other.example/"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"types": []}, "types"),
        ({"types": None}, "types"),
        ({"ordering": "strict"}, "ordering"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"max_in_flight": "3"}, "max_in_flight"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"enabled": "yes"}, "enabled"),
        ({"secret": "whsec_AAAA"}, "secret"),
        ({"id": "x"}, "id"),
    ],
)
def test_an_invalid_change_is_refused_with_its_field(
    client: Client, web_client: WebClient, change: dict[str, Any], field: str
) -> None:
    subscriber = subscribe(web_client)
    answer = web_client.api("PATCH", f"/subscribers/{subscriber['id']}", change)
    assert (answer.status_code, answer.content_type, set(answer.json["errors"])) == (422, PROBLEM, {field})


def test_a_subscriber_is_disabled_and_enabled_by_request(client: Client, web_client: WebClient) -> None:
    subscriber = subscribe(web_client)
    off = web_client.api("PATCH", f"/subscribers/{subscriber['id']}", {"enabled": False}).json
    assert (off["enabled"], off["disabled_because"]) == (False, "disabled by hand")
    assert web_client.api("POST", f"/subscribers/{subscriber['id']}/test").status_code == 409
    assert web_client.api("POST", f"/subscribers/{subscriber['id']}/recover", ACTS["recover"]).status_code == 409
    on = web_client.api("POST", f"/subscribers/{subscriber['id']}/enable", {}).json
    assert (on["enabled"], on["disabled_because"]) == (True, None)


def test_a_subscriber_of_the_file_can_be_tested_enabled_and_recovered_but_not_changed(
    client: Client, web_client: WebClient
) -> None:
    kept = Subscriber("sub_file", "file", URL, 1, secret="c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0", from_file=True)
    subscribers_of(client).put(kept)
    for name, body in ACTS.items():
        answer = web_client.api("POST", f"/subscribers/sub_file/{name}", body)
        assert (answer.status_code == 409) == (name == "rotate-secret"), (name, answer.get_data(as_text=True))
    assert web_client.api("PATCH", "/subscribers/sub_file", {"name": "x"}).status_code == 409
    assert subscribers_of(client).get("sub_file") == kept


@pytest.mark.parametrize("act", ["test", "enable", "recover", "rotate-secret"])
def test_a_viewer_may_change_no_subscriber_and_an_unknown_subscriber_is_not_found(
    client: Client, web_client: WebClient, act: str
) -> None:
    subscriber = subscribe(web_client)
    answer = web_client.api("POST", f"/subscribers/{subscriber['id']}/{act}", ACTS[act], token=VIEWER_TOKEN)
    assert answer.status_code == 403
    assert web_client.api("POST", f"/subscribers/sub_nobody/{act}", ACTS[act]).status_code == 404
    assert client.xlen(keys.JOURNAL) == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-22T10:00:00"}, "from"),
        ({"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T09:00:00Z"}, "to"),
        ({"from": "2026-11-22T10:00:00Z", "until": "x"}, "until"),
    ],
)
def test_an_empty_period_is_refused(client: Client, web_client: WebClient, body: dict[str, Any], field: str) -> None:
    subscriber = subscribe(web_client)
    answer = web_client.api("POST", f"/subscribers/{subscriber['id']}/recover", body)
    assert (answer.status_code, set(answer.json["errors"])) == (422, {field})


def test_a_subscriber_that_cannot_be_decrypted_is_kept_until_a_new_url_repairs_it(
    client: Client, web_client: WebClient
) -> None:
    other = Subscribers(client, SecretBox("another key of sixteen or more"))
    other.put(Subscriber("sub_x", "tv", URL, 1, secret="c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"))
    assert "SECRETS_KEY" in web_client.get("/subscribers/sub_x")["disabled_because"]
    for method, path, body in (("PATCH", "", {"name": "x"}), ("POST", "/enable", {}), ("POST", "/rotate-secret", None)):
        assert web_client.api(method, f"/subscribers/sub_x{path}", body).status_code == 409
    assert present(other.get("sub_x")).url == URL  # under its own key it is what it was
    fixed = web_client.api("PATCH", "/subscribers/sub_x", {"url": URL, "enabled": True}).json
    assert (fixed["enabled"], fixed["disabled_because"]) == (True, None)
    assert web_client.api("POST", "/subscribers/sub_x/rotate-secret").status_code == 200


def test_a_subscriber_shows_the_results_of_its_attempts(client: Client, web_client: WebClient) -> None:
    subscriber = subscribe(web_client)
    health = web_client.get(f"/subscribers/{subscriber['id']}")["health"]
    assert (health["breaker"], health["success_rate"], health["answered"], health["in_line"]) == ("closed", None, 0, 0)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "0"]
)
def test_a_loopback_address_is_recognized_in_every_notation(client: Client, web_client: WebClient, host: str) -> None:
    answer = web_client.api("POST", "/subscribers", {"url": f"http://{host}/"})
    assert (answer.status_code, set(answer.json["errors"])) == (422, {"url"}), answer.json


def test_lists_of_subscribers_contain_no_secrets(client: Client, web_client: WebClient) -> None:
    subscriber = subscribe(web_client, url="https://example.com/hook?token=opensesame&room=a")
    assert subscriber["url"] == "https://example.com/hook?token=****&room=a"
    shown = json.dumps([web_client.get("/subscribers"), web_client.get(f"/subscribers/{subscriber['id']}")])
    assert subscriber["secret"] not in shown
    assert "opensesame" not in shown


def test_a_url_stored_by_an_earlier_version_is_masked_by_the_present_rules(
    client: Client, web_client: WebClient
) -> None:
    subscriber = subscribe(web_client, url="https://hooks.zapier.com/hooks/catch/12345678/abcdefghijklmnopqrstuvwx")
    stored = present(subscribers_of(client).get(subscriber["id"]))
    subscribers_of(client).put(replace(stored, shown_url=stored.url))
    shown = json.dumps([subscriber, web_client.get("/subscribers"), web_client.get(f"/subscribers/{subscriber['id']}")])
    assert "abcdefghijklmnopqrstuvwx" not in shown


def test_sending_back_a_masked_url_keeps_the_stored_one(client: Client, web_client: WebClient) -> None:
    url = "https://hooks.zapier.com/hooks/catch/12345678/abcdefghijklmnopqrstuvwx"
    subscriber = subscribe(web_client, url=url)
    changed = web_client.api("PATCH", f"/subscribers/{subscriber['id']}", {"url": subscriber["url"], "name": "tv"})
    assert (changed.status_code, changed.json["name"], changed.json["url"]) == (200, "tv", subscriber["url"])
    assert present(subscribers_of(client).get(subscriber["id"])).url == url
