"""Stream keys of rules and commands: sealed in every record, shown nowhere, and kept when sent back masked."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import webhook
from tests.support.values import found_group
from tests.support.web_client import (
    ADMIN_TOKEN,
    ROOM,
    VIEWER_TOKEN,
    WebClient,
    append,
    configure_room,
    fold_all,
    folding,
)
from webhook_app.domain.events import Source
from webhook_app.masking.url_masking import MASK
from webhook_app.secrets.encryption import SecretBox
from webhook_app.secrets.stream_keys import SEALED_PREFIX, Destination, open_destinations
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, entry

YOUTUBE, OTHER, IN_PATH = "abcd-efgh-ijkl-mnop-qrst", "live_123_AbC&d=\"e'f<g>", "s3cretpw"
COMMANDED = "key-of-the-command-ü"
SECRETS = (YOUTUBE, OTHER, IN_PATH, COMMANDED, "pathkey", *(json.dumps(key)[1:-1] for key in (OTHER, COMMANDED)))
URL = "rtmps://a.rtmps.youtube.com/live2"
WITH_USER = f"rtmp://ops:{IN_PATH}@live.example/app/pathkey"
RTMP = {"streams": [{"url": URL, "stream_key": YOUTUBE}, {"url": WITH_USER, "stream_key": OTHER}]}
RULE = {"rooms": [ROOM], "schedule": {"always": True}, "outputs": ["rtmp"], "rtmp": RTMP}
DESTINATIONS = [Destination(URL, YOUTUBE), Destination(WITH_USER, OTHER)]
API_PATHS = (
    "/rules",
    "/rules/show",
    "/rules/show/occurrences",
    f"/rooms/{ROOM}",
    f"/rooms/{ROOM}/timeline",
    "/alarms",
    "/events?limit=100",
    "/calls",
    "/streams",
    "/system",
)
PAGES = (
    "/",
    "/rules",
    "/rules/show",
    "/rules/show/edit",
    "/backtest?rule=show",
    "/alarms",
    "/events",
    f"/rooms/{ROOM}",
)


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path) -> Any:
    return WebClient(store_url, tmp_path)


def put(web_client: Any, rule: Any, name: str = "show") -> Any:
    return web_client.api("PUT", f"/rules/{name}", rule)


def stored(client: Client, web_client: Any, name: str = "show") -> list[Destination]:
    rule = codec.rule_of(client.hget(keys.RULES, name))
    return open_destinations(rule.rtmp, SecretBox(web_client.settings.secrets_key))


def dump(client: Client) -> str:
    """Everything that the store holds, as text."""
    values: list[Any] = []
    for key in client.scan_iter():
        match client.type(key):
            case b"hash":
                values.append(client.hgetall(key))
            case b"stream":
                values.append(client.xrange(key))
            case b"zset":
                values.append(client.zrange(key, 0, -1))
            case b"set":
                values.append(client.smembers(key))
            case b"list":
                values.append(client.lrange(key, 0, -1))
            case _:
                values.append(client.get(key))
    return repr(values) + repr([json.loads(value) for value in _json_texts(values)])


def _json_texts(value: Any) -> list[bytes]:
    if isinstance(value, bytes):
        try:
            json.loads(value)
        except ValueError:
            return []
        return [value]
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _json_texts(inner)]
    if isinstance(value, list | tuple | set):
        return [text for inner in value for text in _json_texts(inner)]
    return []


def log_in(web_client: Any) -> Any:
    http = web_client.web.app.test_client()
    csrf = found_group(r'name="csrf" value="([^"]+)"', http.get("/login").get_data(as_text=True))
    assert http.post("/login", data={"token": ADMIN_TOKEN, "csrf": csrf}).status_code == 303
    return http


def assert_hidden(*texts: str) -> None:
    for text in texts:
        assert not [secret for secret in SECRETS if secret in text or secret in unescape(text)]


def test_no_surface_and_no_record_holds_a_stream_key(client: Client, web_client: WebClient) -> None:
    configure_room(client)
    append(
        client,
        entry(Source.SYSTEM, "settings", None, {"calls": True, "bodies": True}),
        Entry(Source.VIDEOSDK, "session-started", ROOM, webhook("session-started", ROOM)),
    )
    with folding(client):
        shown = [put(web_client, RULE).get_data(as_text=True)]
        command = {"output": "rtmp", "rtmp": {"streams": [{"url": URL, "stream_key": COMMANDED}]}}
        answer = web_client.api("POST", f"/rooms/{ROOM}/start", command)
        assert answer.status_code == 202, answer.json
        body = webhook("livestream-failed", ROOM, outputs=[{"url": WITH_USER, "streamKey": OTHER}], error=WITH_USER)
        assert web_client.webhook(body).status_code == 200
        fold_all(client)
        backtest = {"rules": [{"name": "show", **RULE}], "from": "2026-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z"}
        shown.append(web_client.api("POST", "/rules/backtest", backtest).get_data(as_text=True))
    for token in (VIEWER_TOKEN, ADMIN_TOKEN):
        for path in API_PATHS:
            answer = web_client.api("GET", path, token=token)
            assert answer.status_code == 200, path
            shown.append(answer.get_data(as_text=True))
    for event in web_client.get("/events?limit=100")["items"]:
        shown.append(json.dumps(web_client.get(f"/events/{event['id']}"), ensure_ascii=False))
    http = log_in(web_client)
    shown += [http.get(path).get_data(as_text=True) for path in PAGES]
    assert_hidden(*shown, dump(client))
    assert not [text for text in shown if SEALED_PREFIX in text]
    assert "a.rtmps.youtube.com" in "".join(shown) and SEALED_PREFIX in dump(client)
    assert [call["output"] for call in web_client.get("/calls")["items"]] == ["rtmp"]


def test_the_same_rule_again_is_stored_the_same(client: Client, web_client: WebClient) -> None:
    with folding(client):
        assert put(web_client, RULE).status_code == 201
        before = client.hget(keys.RULES, "show")
        assert put(web_client, RULE).status_code == 200
    assert client.hget(keys.RULES, "show") == before
    assert stored(client, web_client) == DESTINATIONS


def test_a_rule_that_is_read_and_put_back_keeps_its_keys(client: Client, web_client: WebClient) -> None:
    with folding(client):
        put(web_client, RULE)
        read = web_client.get("/rules/show")
        streams = read["rtmp"]["streams"]
        assert streams == [
            {"url": URL, "stream_key": MASK},
            {"url": "rtmp://****@live.example/app/****", "stream_key": MASK},
        ]
        back = {name: read[name] for name in ("rooms", "schedule", "outputs", "rtmp")}
        assert put(web_client, back | {"remind": "10m"}).status_code == 200
        assert stored(client, web_client) == DESTINATIONS
        back["rtmp"] = {"streams": streams[::-1]}  # other places
        assert put(web_client, back).status_code == 200
        assert stored(client, web_client) == DESTINATIONS[::-1]
        back["rtmp"] = {"streams": [{"url": WITH_USER, "stream_key": MASK}, {"url": URL, "stream_key": "new"}]}
        assert put(web_client, back).status_code == 200
    assert stored(client, web_client) == [Destination(WITH_USER, OTHER), Destination(URL, "new")]


@pytest.mark.parametrize(
    "streams",
    [
        [{"url": "rtmp://elsewhere.example/app", "stream_key": MASK}],
        [{"url": f"{URL}/more", "stream_key": MASK}],
        [{"url": "rtmp://****@live.example/app/****", "stream_key": "new"}],
    ],
)
@pytest.mark.parametrize("name", ["show", "another"])
def test_a_masked_destination_that_is_not_stored_is_refused(
    client: Client, web_client: WebClient, streams: list[dict[str, str]], name: str
) -> None:
    with folding(client):
        put(web_client, RULE)
        answer = put(web_client, RULE | {"rtmp": {"streams": streams}}, name)
    assert answer.status_code == 422
    assert "masked" in json.dumps(answer.json["errors"]["rtmp"])


def test_a_masked_key_that_may_be_either_of_two_is_refused(client: Client, web_client: WebClient) -> None:
    twice = [{"url": URL, "stream_key": key} for key in ("one", "two")]
    with folding(client):
        put(web_client, RULE | {"rtmp": {"streams": twice}})
        masked = [{"url": "rtmp://elsewhere.example/app", "stream_key": "x"}] * 2 + [{"url": URL, "stream_key": MASK}]
        assert put(web_client, RULE | {"rtmp": {"streams": masked}}).status_code == 422
        in_place = [{"url": URL, "stream_key": "three"}, {"url": URL, "stream_key": MASK}]
        assert put(web_client, RULE | {"rtmp": {"streams": in_place}}).status_code == 200
    assert [destination.stream_key for destination in stored(client, web_client)] == ["three", "two"]


def test_under_another_secrets_key_a_masked_key_must_be_given_again(
    client: Client, web_client: WebClient, store_url: str, tmp_path: Path
) -> None:
    other = WebClient(store_url, tmp_path, secrets_key="another key of sixteen or more")
    with folding(client):
        put(web_client, RULE)
        read = other.get("/rules/show")
        back = {name: read[name] for name in ("rooms", "schedule", "outputs", "rtmp")}
        assert put(other, back).status_code == 422
        assert put(other, RULE).status_code == 200
    assert stored(client, other) == DESTINATIONS


def test_a_sealed_text_that_a_user_sends_is_a_key_like_any_other(client: Client, web_client: WebClient) -> None:
    with folding(client):
        put(web_client, RULE)
        sealed = codec.rule_of(client.hget(keys.RULES, "show")).rtmp["streams"][0]["stream_key"]
        put(web_client, RULE | {"rtmp": {"streams": [{"url": "rtmp://mine.example/app", "stream_key": sealed}]}})
    assert stored(client, web_client) == [Destination("rtmp://mine.example/app", sealed)]


def test_a_command_with_a_masked_key_is_refused(client: Client, web_client: WebClient) -> None:
    configure_room(client)
    command = {"output": "rtmp", "rtmp": {"streams": [{"url": URL, "stream_key": MASK}]}}
    answer = web_client.api("POST", f"/rooms/{ROOM}/start", command)
    assert answer.status_code == 422 and "masked" in json.dumps(answer.json["errors"])


@pytest.mark.parametrize(
    "stream",
    [
        {"url": f"https://live.example/{YOUTUBE}", "stream_key": OTHER},
        {"url": f"live.example/app/{YOUTUBE}", "stream_key": [OTHER]},
        {"url": URL, "stream_key": YOUTUBE * 200},
        {"url": URL, "streamKey": YOUTUBE},
        {"url": URL, "stream_key": YOUTUBE, "key": OTHER},
    ],
)
def test_errors_quote_no_key(client: Client, web_client: WebClient, stream: dict[str, Any]) -> None:
    configure_room(client)
    refused = [put(web_client, RULE | {"rtmp": {"streams": [stream]}})]
    refused.append(web_client.api("POST", f"/rooms/{ROOM}/start", {"output": "rtmp", "rtmp": {"streams": [stream]}}))
    assert [answer.status_code for answer in refused] == [422, 422]
    assert_hidden(*(answer.get_data(as_text=True) for answer in refused))


def test_a_rule_may_be_edited_in_the_console_without_its_keys(client: Client, web_client: WebClient) -> None:
    http = log_in(web_client)
    with folding(client):
        put(web_client, RULE)
        page = http.get("/rules/show/edit").get_data(as_text=True)
        text = unescape(found_group(r'<textarea id="text"[^>]*>(.*?)</textarea>', page, flags=re.S))
        field = dict(re.findall(r'name="(csrf|was|seen)" value="([^"]*)"', page))
        saved = http.post(
            "/rule-text/save", data=field | {"text": text.lstrip("\n") + "remind: 10m\n", "do-it": "save"}
        )
        assert saved.status_code == 303, saved.get_data(as_text=True)
    assert stored(client, web_client) == DESTINATIONS
