"""An address that can never be connected to is refused where it is saved, with what to write instead."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.web_client import WebClient
from webhook_app.config.loading import SettingError, load
from webhook_app.outbound.calendar_address import fetch_urls
from webhook_app.outbound.url_checks import host_fault, url_fault

# An address without its scheme, and the words of the refusal.
IMPOSSIBLE = [
    ("ops:4rji5g#5g5@host.example/in", "write # as %23"),
    ("ops:12345#5@host.example/in", "write # as %23"),
    ("ops:4rji5g/5g5@host.example/in", "write / as %2F"),
    ("ops:4rji5g?5g5@host.example/in", "write ? as %3F"),
    ("ops:pass:word/x@host.example/in", "write / as %2F"),
    ("host.example:0/in", "port 0"),
    ("host..example/in", "nothing between two of its dots"),
    (".example/in", "nothing between two of its dots"),
    ("ho*st.example/in", "a character other than"),
    ("host%20name.example/in", "a character other than"),
    ("host,example.org/in", "a character other than"),
    (f"{'a' * 64}.example/in", "at most 63 characters"),
    (".".join(["a" * 60] * 5) + "/in", "the whole 253"),
]
POSSIBLE = [
    "ops%40x.example:p%40ss%23w%3Ard%25@host.example/in",
    "ops:4rji5g&%25g55%235g5@host.example/in",
    ":token@host.example/in",
    "ops@host.example/in",
    "us%C3%A9r:p%C3%A4ss@host.example/in",
    "host.example:8443/a@b",
    "host.example/in?to=a@b.example",
    "host.example/in#part",
    "host.example./in",
    "n8n:5678/webhook/x",
    "my_host/in",
    "münchen.example/in",
    "xn--mnchen-3ya.example/in",
    "[2001:db8::1]:8443/in",
    "192.0.2.1/in",
    "host.example:8443?x=a@b",
]


@pytest.mark.parametrize(("rest", "words"), IMPOSSIBLE)
def test_it_is_refused_with_what_is_wrong(rest: str, words: str) -> None:
    for scheme in ("https", "http"):
        assert words in str(url_fault(f"{scheme}://{rest}"))
    fault = str(url_fault(f"https://{rest}"))
    assert "4rji5g" not in fault
    assert "5g5" not in fault


@pytest.mark.parametrize("rest", POSSIBLE)
def test_what_may_work_is_accepted(rest: str) -> None:
    assert url_fault(f"https://{rest}") is None


@pytest.mark.parametrize(("rest", "words"), IMPOSSIBLE)
def test_subscribers_calendars_and_settings_say_the_same(rest: str, words: str, store_url: str, tmp_path: Path) -> None:
    refused = WebClient(store_url, tmp_path).api("POST", "/subscribers", {"url": f"https://{rest}"})
    assert refused.status_code == 422
    assert words in refused.json["errors"]["url"][0]
    for scheme in ("https", "WEBCAL"):
        with pytest.raises(ValueError) as wrong:
            fetch_urls(f"{scheme}://{rest}")
        assert words in str(wrong.value)
    with pytest.raises(SettingError) as heartbeat:
        load({"HEARTBEAT_URL": f"https://{rest}"}, dotenv=None)
    assert words in str(heartbeat.value)


@pytest.mark.parametrize(
    "url", ["redis://:pa#ss@host:6379/0", "rediss://user:pa/ss@host:6379/0", "redis://:p?ss@host/0"]
)
def test_a_password_of_the_store_that_is_not_escaped_is_recognised(url: str) -> None:
    with pytest.raises(SettingError, match=r"REDIS_URL.*write . as %") as wrong:
        load({"REDIS_URL": url}, dotenv=None)
    assert "ss@" not in str(wrong.value)


@given(st.text(max_size=80))
def test_no_text_makes_it_raise(text: str) -> None:
    assert url_fault(text) is None or url_fault(text)
    assert host_fault(text) is None or host_fault(text)
