"""Subscribers through the API: how they are made, what is refused and why, and which secrets are ever shown."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.deliverer_factory import subscribers_of
from tests.support.product import webhook
from tests.support.values import present
from tests.support.web_client import ADMIN_TOKEN, PROBLEM, ROOM, VIEWER_TOKEN, WebClient, append, fold_all
from webhook_app.app import WebLimits
from webhook_app.config.values import networks
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.events import Source
from webhook_app.secrets.subscriber_secrets import read_secret
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry
from webhook_app.store.state.store import StateStore
from webhook_app.usecases.context import UseCaseLimits

URL = "https://example.com/hook?to=tv"
SHOWN = set(
    "id name url types rooms because ordering max_in_flight rate_limit enabled disabled_because "
    "created_at from_file".split()
)


@pytest.fixture(scope="module")
def web_client(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return WebClient(store_url, tmp_path_factory.mktemp("doors"))


def subscribe(web_client: Any, **more: Any) -> Any:
    answer = web_client.api("POST", "/subscribers", {"url": URL} | more)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return answer.json


def assert_refused(answer: Any, *fields: Any) -> None:
    assert answer.status_code == 422, answer.get_data(as_text=True)
    assert answer.content_type == PROBLEM
    assert set(answer.json["errors"]) == set(fields), answer.json


def test_a_url_is_enough_to_subscribe(client: Client, web_client: WebClient) -> None:
    answer = web_client.api("POST", "/subscribers", {"url": URL})
    assert answer.status_code == 201
    subscriber = answer.json
    assert set(subscriber) == SHOWN | {"secret"}
    assert answer.headers["Location"] == f"/api/v1/subscribers/{subscriber['id']}"
    assert subscriber["id"].startswith("sub_")
    assert (subscriber["url"], subscriber["name"], subscriber["ordering"]) == (URL, "", "none")
    assert subscriber["types"] == ["stream.*", "broadcast.*", "alarm.*"]
    assert (subscriber["rooms"], subscriber["because"]) == (["*"], ["*"])
    assert (subscriber["enabled"], subscriber["disabled_because"]) == (True, None)


def test_the_secret_is_shown_at_creation_only(client: Client, web_client: WebClient) -> None:
    subscriber = subscribe(web_client)
    assert subscriber["secret"].startswith("whsec_")
    assert 24 <= len(base64.b64decode(subscriber["secret"].removeprefix("whsec_"), validate=True)) <= 64
    for token in (ADMIN_TOKEN, VIEWER_TOKEN):
        for path in (f"/subscribers/{subscriber['id']}", "/subscribers"):
            shown = web_client.api("GET", path, token=token).get_data(as_text=True)
            assert subscriber["id"] in shown
            assert "secret" not in shown
            assert subscriber["secret"][6:] not in shown


def test_each_subscriber_gets_its_own_secret(client: Client, web_client: WebClient) -> None:
    assert len({subscribe(web_client)["secret"] for _ in range(10)}) == 10


def test_a_secret_can_be_chosen(client: Client, web_client: WebClient) -> None:
    secret = "whsec_" + base64.b64encode(b"x" * 24).decode()
    subscriber = subscribe(web_client, secret=secret)
    assert subscriber["secret"] == secret
    assert present(subscribers_of(client).get(subscriber["id"])).secret == read_secret(secret)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "secret",
        "whsec_",
        "whsec_!!!!",
        "WHSEC_" + base64.b64encode(b"x" * 32).decode(),
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        "whsec_" + base64.b64encode(b"x" * 32).decode() + "\n",
        "whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        "whsec_ä",
        5,
        ["whsec_"],
    ],
)
def test_an_invalid_secret_is_refused_without_repeating_it(client: Client, web_client: WebClient, secret: Any) -> None:
    answer = web_client.api("POST", "/subscribers", {"url": URL, "secret": secret})
    assert_refused(answer, "secret")
    assert not isinstance(secret, str) or len(secret) < 10 or secret not in answer.get_data(as_text=True)


def test_the_requested_fields_are_stored(client: Client, web_client: WebClient) -> None:
    fields = {
        "name": "Zoë's TV",
        "types": ["stream.playable", "rule.*", "videosdk.hls-*", "*"],
        "rooms": ["abcd-*", "main-hall", "group:webinar"],
        "because": ["rule:sunday-*", "operator"],
    }
    subscriber = subscribe(web_client, **fields)
    assert web_client.get(f"/subscribers/{subscriber['id']}").items() >= fields.items()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1/", "loopback"),
        ("http://127.0.0.1:8000/hook", "loopback"),
        ("https://127.8.9.10/", "loopback"),
        ("http://localhost/", "loopback"),
        ("http://LOCALHOST:8080/", "loopback"),
        ("http://10.1.2.3/", "private"),
        ("http://172.16.0.1/", "private"),
        ("http://192.168.1.1/", "private"),
        ("http://100.64.0.1/", "private"),
        ("http://169.254.169.254/latest/meta-data/", "private"),
        ("http://0.0.0.0/", "private"),
        ("http://255.255.255.255/", "private"),
        ("http://224.0.0.1/", "private"),
        ("http://[::1]/", "loopback"),
        ("http://[::]/", "private"),
        ("http://[fd00::1]/", "private"),
        ("http://[fe80::1]/", "private"),
        ("http://[::ffff:127.0.0.1]/", "loopback"),
        ("http://[::ffff:7f00:1]/", "loopback"),
        ("http://[64:ff9b::7f00:1]/", "private"),
        ("http://[2002:7f00:1::]/", "private"),
        ("http://2130706433/", "private"),
        ("http://0177.0.0.1/", "private"),
        ("http://127.1/", "private"),
        ("http://0/", "private"),
        ("http://1/", "private"),
        ("http://user@127.0.0.1/", "loopback"),
        ("http://example.com@127.0.0.1/", "loopback"),
        ("http://example.com\\@127.0.0.1/", "loopback"),
        ("ftp://example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("gopher://example.com/", "https://"),
        ("javascript:alert(1)", "https://"),
        ("example.com/hook", "https://"),
        ("//example.com/hook", "https://"),
        ("http://", "host"),
        ("https:///path", "host"),
        ("http://:80/", "host"),
        ("http://example.com:0/", "port"),
        ("http://example.com:99999/", "URL"),
        ("http://example.com:x/", "URL"),
        ("http://[::1/", "URL"),
        ("http://[x]/", "URL"),
        ("http://exa mple.com/", "spaces"),
        ("http://example.com/a b", "spaces"),
        (" http://example.com/", "spaces"),
        ("http://example.com/\n", "spaces"),
        ("http://example.com/\r\nX-Evil: 1", "spaces"),
        ("http://example.com/\t", "spaces"),
        ("http://example.com/\x00", "spaces"),
        ("http://example.com/\x7f", "spaces"),
        ("", ""),
        ("https://example.com/" + "x" * 2_048, ""),
        (5, ""),
        (None, ""),
    ],
)
def test_an_undeliverable_url_is_refused_with_the_reason(
    client: Client, web_client: WebClient, url: str | int | None, says: str
) -> None:
    answer = web_client.api("POST", "/subscribers", {"url": url})
    assert_refused(answer, "url")
    assert says in answer.json["errors"]["url"][0]
    assert web_client.get("/subscribers")["items"] == []


@pytest.mark.parametrize(
    "url",
    ["http://93.184.215.14/", "https://[2606:2800:220:1::1]:8443/x", "https://bücher.example/", "HTTPS://EXAMPLE.com"],
)
def test_a_deliverable_url_is_accepted(client: Client, web_client: WebClient, url: str) -> None:
    assert subscribe(web_client, url=url)["url"] == url


def test_urls_in_allowed_networks_are_accepted(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, allow_networks=networks("127.0.0.0/8,10.1.0.0/16"))
    for url in ("http://127.0.0.1:9/", "http://localhost:9/", "http://10.1.2.3/", "http://[::ffff:127.0.0.1]/"):
        subscribe(web_client, url=url)
    for url in ("http://10.2.0.1/", "http://[::1]/", "http://192.168.0.1/"):
        assert_refused(web_client.api("POST", "/subscribers", {"url": url}), "url")


def test_the_address_of_the_sandbox_is_accepted(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, sandbox_url="http://127.0.0.1:8001")
    subscribe(web_client, url="http://127.0.0.1:8001/sandbox/inbox/tv")
    for url in ("http://127.0.0.1:80010/", "http://127.0.0.1:8001@127.0.0.1/", "http://127.0.0.1:8002/"):
        assert_refused(web_client.api("POST", "/subscribers", {"url": url}), "url")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/services/T012AB3CD/B0456EF7G/x1Y2z3A4b5C6d7E8f9G0h1I2", "/services/T012AB3CD/B0456EF7G/****"),
        ("/hooks/0b1f7c9e-6f0a-4c39-9d55-2f6b8a1c7d3e/live", "/hooks/****/live"),
        ("/api/webhooks/1234567890/aB3-dE5_fG7hI9jK1lM3nO5", "/api/webhooks/1234567890/****"),
        ("/rooms/2026-sunday-service-in-the-main-hall", "/rooms/2026-sunday-service-in-the-main-hall"),
        ("/notifications_of_the_broadcasts/v2", "/notifications_of_the_broadcasts/v2"),
        ("/1234567890123456789/x", "/1234567890123456789/x"),
        ("/hooks/tallylight", "/hooks/tallylight"),
    ],
)
def test_a_key_in_the_path_of_a_url_is_not_shown(client: Client, web_client: WebClient, path: str, shown: str) -> None:
    subscriber = subscribe(web_client, url=f"https://example.com{path}")
    assert subscriber["url"] == f"https://example.com{shown}"
    assert web_client.get(f"/subscribers/{subscriber['id']}")["url"] == f"https://example.com{shown}"


def test_credentials_in_a_url_are_never_shown(client: Client, web_client: WebClient) -> None:
    for url in ("https://user:hunter2@example.com/x", "https://hunter2@example.com/x"):
        subscriber = subscribe(web_client, url=url)
        assert subscriber["url"] == "https://****@example.com/x"
        shown = json.dumps([web_client.get("/subscribers"), web_client.get(f"/subscribers/{subscriber['id']}")])
        assert "hunter2" not in shown
        assert present(subscribers_of(client).get(subscriber["id"])).url == url


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"types": []}, "types", ""),
        ({"types": "stream.*"}, "types", ""),
        ({"types": ["streams.*"]}, "types", "stream.*"),
        ({"types": ["stream.begun"]}, "types", "stream.*"),
        ({"types": [""]}, "types", "pattern"),
        ({"types": ["stream.* "]}, "types", "spaces"),
        ({"types": ["x" * 201]}, "types", "200"),
        ({"types": ["stream.*"] * 101}, "types", "100"),
        ({"types": [5]}, "types", ""),
        ({"types": None}, "types", ""),
        ({"rooms": []}, "rooms", ""),
        ({"rooms": ["a b"]}, "rooms", "spaces"),
        ({"because": []}, "because", ""),
        ({"because": [""]}, "because", "pattern"),
        ({"ordering": "strict"}, "ordering", "none"),
        ({"name": "x" * 201}, "name", "200"),
        ({"name": 5}, "name", ""),
        ({"enabled": "perhaps"}, "enabled", ""),
        ({"id": "sub_mine"}, "id", ""),
        ({"colour": "red"}, "colour", ""),
    ],
)
def test_an_invalid_subscriber_is_refused_with_its_field(
    client: Client, web_client: WebClient, fields: dict[str, Any], field: str, says: str
) -> None:
    answer = web_client.api("POST", "/subscribers", {"url": URL} | fields)
    assert_refused(answer, field)
    assert says in json.dumps(answer.json["errors"])
    assert web_client.get("/subscribers")["items"] == []


def test_a_subscriber_without_a_url_is_refused(client: Client, web_client: WebClient) -> None:
    for body in ({}, {"name": "x"}, None):
        assert_refused(web_client.api("POST", "/subscribers", body), "url")


def test_deleting_a_subscriber_twice_is_not_found(client: Client, web_client: WebClient) -> None:
    subscriber = subscribe(web_client)
    answer = web_client.api("DELETE", f"/subscribers/{subscriber['id']}")
    assert (answer.status_code, answer.data) == (204, b"")
    for method in ("GET", "DELETE"):
        answer = web_client.api(method, f"/subscribers/{subscriber['id']}")
        assert (answer.status_code, answer.content_type) == (404, PROBLEM)
    assert web_client.get("/subscribers")["items"] == []


def test_a_subscriber_of_the_configuration_file_is_deleted_in_the_file_only(
    client: Client, web_client: WebClient
) -> None:
    subscribers_of(client).put(Subscriber("sub_file", "file", URL, 1, from_file=True))
    answer = web_client.api("DELETE", "/subscribers/sub_file")
    assert (answer.status_code, answer.content_type) == (409, PROBLEM)
    assert web_client.get("/subscribers/sub_file")["name"] == "file"


def test_subscribers_are_listed_newest_first_and_pages_survive_a_deletion(
    client: Client, web_client: WebClient
) -> None:
    ids = [subscribe(web_client, name=str(at))["id"] for at in range(6)]
    assert len(web_client.get("/subscribers")["items"]) == 6
    assert {item["id"] for item in web_client.get("/subscribers")["items"]} == set(ids)
    first = web_client.get("/subscribers?limit=2")
    rest = web_client.get(f"/subscribers?limit=500&cursor={first['next']}")
    assert rest["next"] is None
    web_client.api("DELETE", f"/subscribers/{first['items'][-1]['id']}")
    assert web_client.get(f"/subscribers?limit=500&cursor={first['next']}") == rest


def test_a_subscriber_beyond_the_limit_is_a_conflict(client: Client, store_url: str, tmp_path: Path) -> None:
    web_client = WebClient(store_url, tmp_path, limits=WebLimits(UseCaseLimits(subscribers_max=1)))
    subscribe(web_client)
    answer = web_client.api("POST", "/subscribers", {"url": URL})
    assert (answer.status_code, answer.content_type) == (409, PROBLEM)


def bodies(client: Client) -> Any:
    fold_all(client)
    return StateStore(client).load_state().config.settings.bodies


def test_videosdk_bodies_are_delivered_only_while_a_subscriber_selects_them(
    client: Client, web_client: WebClient
) -> None:
    subscribe(web_client, types=["*"])
    assert bodies(client) is False
    first, second = (subscribe(web_client, types=["videosdk.hls-*"])["id"] for _ in range(2))
    assert bodies(client) is True
    web_client.api("DELETE", f"/subscribers/{first}")
    assert bodies(client) is True
    web_client.api("DELETE", f"/subscribers/{second}")
    assert bodies(client) is False


def test_bodies_are_delivered_after_their_subscriber_was_replaced_before_any_processing(
    client: Client, web_client: WebClient
) -> None:
    first = subscribe(web_client, types=["videosdk.*"])["id"]
    assert bodies(client) is True
    web_client.api("DELETE", f"/subscribers/{first}")
    subscribe(web_client, types=["videosdk.*"])
    assert bodies(client) is True


def test_bodies_are_not_delivered_after_their_subscriber_was_deleted_before_any_processing(
    client: Client, web_client: WebClient
) -> None:
    web_client.api("DELETE", f"/subscribers/{subscribe(web_client, types=['videosdk.*'])['id']}")
    assert bodies(client) is False


def test_a_body_becomes_a_notice_as_videosdk_wrote_it(client: Client, web_client: WebClient) -> None:
    subscribe(web_client, types=["videosdk.*"])
    body = webhook("future-thing", ROOM, new={"a": [1, None]})
    append(client, Entry(Source.VIDEOSDK, "future-thing", ROOM, body))
    fold_all(client)
    notices = [json.loads(fields[b"n"]) for _, fields in client.xrange(keys.OUTBOX)]
    [notice] = [candidate for candidate in notices if candidate["type"] == "videosdk.future-thing"]
    assert notice["data"]["body"] == json.loads(body)
