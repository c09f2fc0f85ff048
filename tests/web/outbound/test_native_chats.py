"""A chat service's own address is refused with the channel to write in its place; its keys are never shown."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deliverer_factory import subscribers_of
from tests.support.values import present
from tests.support.web_client import WebClient
from webhook_app.masking.url_masking import shown_url
from webhook_app.outbound.apprise_urls import apprise_plugin
from webhook_app.outbound.native_chats import NATIVE_CHATS, native_chat_hint
from webhook_app.store.connection.clients import Client

UUID = "00000000-0000-0000-0000-000000000000"
KEY = "abcdefghijklmnopqrstuvwx"
# The address that the service shows, and the channel that our hint leads to.
PAIRS = [
    (f"https://discord.com/api/webhooks/123456789012345678/{KEY}", f"discord://123456789012345678/{KEY}"),
    (f"https://canary.discord.com/api/v10/webhooks/123456789012345678/{KEY}", f"discord://123456789012345678/{KEY}"),
    (f"https://discordapp.com/api/webhooks/123456789012345678/{KEY}/slack", f"discord://123456789012345678/{KEY}"),
    (f"https://hooks.slack.com/services/T00000000/B00000000/{KEY}", f"slack://T00000000/B00000000/{KEY}"),
    (f"https://chat.googleapis.com/v1/spaces/AAAA/messages?key=k&token={KEY}", f"gchat://AAAA/k/{KEY}"),
    (f"https://outlook.office.com/webhook/{UUID}@{UUID}/IncomingWebhook/{KEY}/{UUID}", f"workflows://h/0123abcd/{KEY}"),
    (
        f"https://acme.webhook.office.com/webhookb2/{UUID}@{UUID}/IncomingWebhook/{KEY}/{UUID}",
        f"workflows://h/01ab/{KEY}",
    ),
    (f"https://webexapis.com/v1/webhooks/incoming/{KEY * 3}abcdefgh", f"wxteams://{KEY * 3}abcdefgh"),
    (f"https://api.telegram.org/bot123456789:AA{KEY}/sendMessage", f"tgram://123456789:AA{KEY}/12345"),
    ("https://ntfy.sh/case-topic", "ntfys://case-topic"),
    (f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}", f"wecombot://{KEY}"),
    (f"https://open.feishu.cn/open-apis/bot/v2/hook/{KEY}", f"feishu://{KEY}"),
    (f"https://open.larksuite.com/open-apis/bot/v2/hook/{KEY}", f"lark://{KEY}"),
    (f"https://oapi.dingtalk.com/robot/send?access_token={KEY}", f"dingtalk://{KEY}"),
]
natives = pytest.mark.parametrize(("native", "channel"), PAIRS)


@natives
def test_the_hint_names_a_channel_that_is_accepted_and_quotes_no_key(native: str, channel: str) -> None:
    fault = native_chat_hint(native)
    assert fault is not None
    assert channel.partition("://")[0] + "://" in fault
    assert apprise_plugin(channel) is not None
    assert KEY not in fault


@natives
def test_however_it_is_written(native: str, channel: str) -> None:
    scheme, _, rest = native.partition("://")
    host, slash, path = rest.partition("/")
    for spelling in (host.upper(), f"{host}:443", f"{host}.", f"user:pass@{host}"):
        assert native_chat_hint(f"{scheme}://{spelling}{slash}{path}") is not None, spelling


@natives
def test_its_keys_are_masked(native: str, channel: str) -> None:
    assert KEY not in shown_url(native)
    assert KEY not in shown_url(channel)


@given(
    st.sampled_from(
        ["discord.com/api/webhooks/1/", "hooks.slack.com/services/T0/B0/", "webexapis.com/v1/webhooks/incoming/"]
    ),
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=40),
)
def test_a_key_that_looks_like_a_word_is_masked_all_the_same(prefix: str, key: str) -> None:
    assert not re.search(rf"[/=]{key}\b", shown_url(f"https://{prefix}{key}"))


def test_every_service_of_the_list_is_tried() -> None:
    assert all(any(chat.name in str(native_chat_hint(native)) for native, _ in PAIRS) for chat in NATIVE_CHATS)


@pytest.mark.parametrize(
    "url",
    [
        "https://subscriber.example/api/webhooks/1/x",
        "https://discord.com.example.org/api/webhooks/1/x",
        "https://notdiscord.com/api/webhooks/1/x",
        "https://discord.com/developers",
        "https://hooks.slack.com/triggers/T0/1/x",
        "https://prod-12.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=x",
        "https://ntfy.example.org/topic",
        "https://ntfy.sh/",
        "https://hooks.zapier.com/hooks/catch/1/x",
    ],
)
def test_addresses_that_take_any_json_are_accepted(url: str) -> None:
    assert native_chat_hint(url) is None


def test_the_api_refuses_it_and_a_stored_one_may_be_changed_otherwise(
    store_url: str, tmp_path: Path, client: Client
) -> None:
    web_client = WebClient(store_url, tmp_path)
    refused = web_client.api("POST", "/subscribers", {"url": PAIRS[0][0]})
    assert refused.status_code == 422
    assert "write discord://" in refused.json["errors"]["url"][0]
    subscriber = web_client.api("POST", "/subscribers", {"url": "https://subscriber.example/in"}).json
    store = subscribers_of(client)
    store.put(replace(present(store.get(subscriber["id"])), url=PAIRS[0][0], shown_url=shown_url(PAIRS[0][0])))
    changed = web_client.api("PATCH", f"/subscribers/{subscriber['id']}", {"url": shown_url(PAIRS[0][0]), "name": "tv"})
    assert (changed.status_code, changed.json["name"]) == (200, "tv")
