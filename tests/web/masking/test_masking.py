"""No secret of an address survives where the address, or a library's error about it, is shown."""

import html
import json
import string
from typing import Any
from urllib.parse import quote, unquote

import pytest
import redis
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook_app.masking.masking import masked
from webhook_app.masking.url_masking import MASK, secret_parts, shown_url, unmasked

UUID = "0b1f7c9e-6f0a-4c39-9d55-2f6b8a1c7d3e"
CLOSED_PORT = 18699

keys_of_services = st.text(string.ascii_letters + string.digits, min_size=20, max_size=40).filter(
    lambda text: any(letter.isalpha() for letter in text)
)
short_keys = st.text(string.ascii_letters, min_size=6, max_size=10).map("Zq{}".format)
passwords = st.text(string.ascii_letters + string.digits + " %/:@#?&+'\"<é", min_size=6, max_size=20).map(
    lambda text: quote(f"Zq{text}Zq", safe="")
)
secret_names = st.sampled_from(["token", "sig", "api_key", "access-token", "password", "X-Amz-Signature", "code"])
keyed_places = st.sampled_from(
    [
        "https://hooks.slack.com/services/T0/B0/{}",
        "https://hooks.slack.com/workflows/{}",
        "https://discord.com/api/webhooks/12345/{}",
        "https://canary.discord.com/api/v10/webhooks/12345/{}",
        "https://contoso.webhook.office.com/webhookb2/{}/IncomingWebhook/x/y",
        "https://outlook.office365.com/owa/calendar/{}/calendar.ics",
        "https://hooks.zapier.com/hooks/catch/{}/x",
        "https://chat.googleapis.com/v1/spaces/{}/messages?key=k&token=t",
        "https://ntfy.sh/{}",
        "https://hc-ping.com/{}",
        "https://api.telegram.org/bot1:{}/sendMessage",
        "https://maker.ifttt.com/trigger/live/with/key/{}",
        "https://kuma.example/api/push/{}?status=up",
        "https://tally.example/webhooks/videosdk/{}",
        "https://tally.example//webhooks/videosdk//{}/",
        "https://calendar.google.com/calendar/ical/team%40example.com/private-{}/basic.ics",
        "https://example.com/with/key/{}",
    ]
)


@st.composite
def addresses(draw: st.DrawFn) -> tuple[str, list[str]]:
    """An address and the secrets in it, as they stand in it."""
    if draw(st.booleans()):
        key = draw(short_keys)
        return draw(keyed_places).format(key), [key]
    password, key, value = draw(passwords), draw(keys_of_services), draw(short_keys)
    scheme = draw(st.sampled_from(["http", "https", "webcal", "rediss"]))
    name = draw(secret_names)
    before, after = draw(st.sampled_from([("", "&a=1"), ("a=1&", ""), ("a=1;", ""), ("a=1;b;", ";c=2&d=3")]))
    url = f"{scheme}://ops:{password}@h.example:8443/in/{key}/x?{before}{name}={value}{after}"
    return url, [password, key, value]


def spelled(secret: str) -> set[str]:
    decoded = unquote(secret)
    return {secret, decoded, quote(decoded, safe=""), repr(decoded)[1:-1], json.dumps(decoded)[1:-1]}


def errors_about(address: str) -> list[str]:
    """What the libraries say about an address, in their forms."""
    rest = address.partition("://")[2]
    authority, slash, target = rest.partition("/")
    host = authority.rpartition("@")[2]
    target = slash + target
    user, _, password = authority.rpartition("@")[0].partition(":")
    return [
        f"HTTPSConnectionPool(host='{host}', port=443): Max retries exceeded with url: {target} (Caused by X)",
        f"404 Client Error: Not Found for url: {address}",
        f"Invalid URL {address!r}: No host supplied",
        f"No connection adapters were found for {address!r}",
        f"Cannot connect to host {host} ssl:default [{address}]",
        f"Failed to parse: {unquote(address)}",
        f"GET {target} HTTP/1.1, GET {unquote(target)}",
        f"RequestInfo(url=URL({address!r}), method='POST')",
        html.escape(f"<a href='{address}'>{target}</a>"),
        json.dumps({"url": address, "password": unquote(password), "user": user}),
        f"Error 111 connecting to {host}. AUTH {user} {unquote(password)}: WRONGPASS",
        f"Connection(host={host}, username={user}, password={password!r}, path={target})",
        f"{target.rpartition('/')[2]} and {target.partition('?')[2]}",
    ]


@settings(max_examples=300, deadline=None)
@given(addresses())
def test_no_secret_of_an_address_survives_in_its_shown_form(secret_url: Any) -> None:
    address, secrets = secret_url
    shown = shown_url(address)
    host = address.partition("://")[2].partition("/")[0].rpartition("@")[2]
    assert shown.startswith(address.partition("://")[0] + "://")
    assert host in shown
    assert MASK in shown
    assert not [secret for secret in secrets for spelling in spelled(secret) if spelling in shown]
    assert shown_url(shown) == shown, "masking again changes nothing"


@settings(max_examples=150, deadline=None)
@given(addresses())
def test_no_secret_of_an_address_survives_in_an_error_that_quotes_it(secret_url: Any) -> None:
    address, secrets = secret_url
    for error in errors_about(address):
        text = masked(error, address)
        assert not [secret for secret in secrets for spelling in spelled(secret) if spelling in text], (error, text)


@pytest.mark.parametrize(
    "address",
    [
        f"http://ops:s3cret%2Fpw@127.0.0.1:{CLOSED_PORT}/cal/private-abcdefghij/basic.ics?token=opensesame",
        f"http://127.0.0.1:{CLOSED_PORT}/in/AbCdEf0123456789XyZ?sig=a%2Fb%2bc%3d%3d&x=1",
        f"http://127.0.0.1:{CLOSED_PORT}/a/../in/{UUID}/./x y/é?token=opensesame",
    ],
)
def test_the_real_errors_of_the_http_library_keep_no_secret(address: str) -> None:
    with pytest.raises(requests.RequestException) as caught:
        requests.get(address, timeout=5)
    text = masked(str(caught.value), address)
    assert "127.0.0.1" in text, "what is not secret stays"
    for secret in ("s3cret", "abcdefghij", "opensesame", "AbCdEf0123456789XyZ", "a%2Fb", "a/b+c", UUID):
        assert secret not in text
    for part in secret_parts(address):
        assert part not in text


def test_the_real_errors_of_the_stores_library_keep_no_password() -> None:
    url = f"redis://ops:hunter2-hunter2@127.0.0.1:{CLOSED_PORT}/0"
    refused = redis.Redis.from_url(url)
    with pytest.raises(redis.RedisError) as caught:
        refused.ping()
    for text in (str(caught.value), repr(refused), repr(refused.connection_pool.connection_kwargs), url):
        assert "hunter2" not in masked(text, url)
    assert str(CLOSED_PORT) in masked(str(caught.value), url)


def test_a_text_without_any_address_named_keeps_no_secret_of_the_ones_it_quotes() -> None:
    text = (
        "PUT https://ops:hunter2@h.example/x failed; retry rediss://:hunter2@h:1/0, then "
        "slack://TokenA/TokenB/TokenC. with url: /services/hook?token=hunter2 "
        "Authorization: Bearer hunter2hunter2 and basic b3BzOmh1bnRlcjI="
    )
    shown = masked(text)
    for secret in ("hunter2", "TokenB", "b3BzOmh1bnRlcjI"):
        assert secret not in shown
    assert "h.example/x failed; retry" in shown


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/rooms/2026-sunday-service-in-the-main-hall",
        "https://example.com/notifications_of_the_broadcasts/v2?room=a",
        "https://example.com:8443/1234567890123456789/x",
        "http://127.0.0.1:8001/sandbox/inbox/tv",
        "https://calendar.example/holidays/united-kingdom.ics",
        "redis://127.0.0.1:6379/0",
        "unix:///run/valkey.sock",
        "webcal://example.com/public/basic.ics",
        "holidays.ics",
        "/etc/tallylight/holidays.ics",
        "",
    ],
)
def test_an_address_without_secrets_is_shown_as_it_is(url: str) -> None:
    assert shown_url(url) == url
    assert masked(f"cannot fetch {url}: timeout", url) == f"cannot fetch {url}: timeout"


@pytest.mark.parametrize("url", ["https://[bad", "https://[::1", "nonsense://secret-thing", "slack://only"])
def test_what_cannot_be_read_as_an_address_is_masked_whole(url: str) -> None:
    assert shown_url(url) == f"{url.partition(':')[0]}://{MASK}"
    assert url.partition("//")[2] not in masked(f"not a URL: {url}", url)


def test_a_channels_secrets_do_not_survive_in_the_errors_of_the_service_behind_it() -> None:
    address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops"
    text = masked("with url: /services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ (Caused by X)", address)
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in text
    assert "A1BRTD4JD" not in text


@settings(max_examples=100, deadline=None)
@given(addresses())
def test_a_masked_address_that_is_sent_back_means_the_stored_one(secret_url: Any) -> None:
    address, _ = secret_url
    assert unmasked(shown_url(address), ["https://other.example/x", address]) == address
    assert unmasked("https://new.example/****", [address]) == "https://new.example/****"
    assert unmasked("https://new.example/x", [address]) == "https://new.example/x"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_can_be_masked(url: Any, text: Any) -> None:
    assert isinstance(shown_url(url), str)
    assert isinstance(masked(text + url, url), str)
