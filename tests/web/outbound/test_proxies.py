"""Which requests go through a proxy: HTTPS_PROXY, HTTP_PROXY and every form of NO_PROXY."""

import pytest

from webhook_app.outbound.proxies import Proxies, shown_proxy

PROXIES = Proxies(https="http://secure:1", http="http://plain:2")


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://api.videosdk.live/v2", "http://secure:1"),
        ("http://calendars.example/a.ics", "http://plain:2"),
        ("https://[2001:db8::1]/", "http://secure:1"),
        ("http://localhost:8000/", None),
        ("http://tally.localhost/", None),
        ("https://127.0.0.1:8000/", None),
        ("http://[::1]:9000/", None),
        ("http://[half", None),
    ],
)
def test_the_scheme_chooses_the_proxy_and_this_machine_has_none(url: str, proxy: str | None) -> None:
    assert PROXIES.proxy_for(url) == proxy


@pytest.mark.parametrize(
    ("entry", "direct", "proxied"),
    [
        ("*", ["https://a.example/"], []),
        ("example.org", ["https://example.org/", "https://cal.Example.org/"], ["https://myexample.org/"]),
        (".example.org", ["https://example.org/", "https://cal.example.org/"], ["https://myexample.org/"]),
        ("*.example.org", ["https://cal.example.org/"], ["https://myexample.org/"]),
        ("Example.ORG.", ["https://example.org./"], ["https://example.com/"]),
        ("example.org:8443", ["https://example.org:8443/"], ["https://example.org/"]),
        ("example.org:443", ["https://example.org/"], ["http://example.org/"]),
        ("10.0.0.0/8", ["http://10.1.2.3/", "https://10.9.9.9:8/"], ["http://11.0.0.1/", "http://a.example/"]),
        ("192.0.2.7", ["http://192.0.2.7/"], ["http://192.0.2.8/"]),
        ("192.0.2.7:8080", ["http://192.0.2.7:8080/"], ["http://192.0.2.7/"]),
        ("2001:db8::/32", ["http://[2001:db8::7]/"], ["http://[2001:db9::7]/"]),
        ("2001:db8::7", ["http://[2001:db8::7]/"], ["http://[2001:db8::8]/"]),
        ("[2001:db8::7]:81", ["http://[2001:db8::7]:81/"], ["http://[2001:db8::7]/"]),
        ("example.org:port", [], ["https://example.com/"]),
        ("[", [], ["https://a.example/"]),
        (".", [], ["https://a.example/"]),
    ],
)
def test_no_proxy_names_hosts_domains_addresses_and_networks(entry: str, direct: list[str], proxied: list[str]) -> None:
    proxies = Proxies(https="http://p:1", http="http://p:1", no_proxy=("other.example", entry))
    assert [proxies.proxy_for(url) for url in direct] == [None] * len(direct)
    assert [proxies.proxy_for(url) for url in proxied] == ["http://p:1"] * len(proxied)


def test_a_password_of_a_proxy_is_never_shown() -> None:
    assert "hidden" not in repr(Proxies(https="http://u:hidden@proxy:3128"))
    assert shown_proxy("http://u:hidden@proxy:3128") == "http://proxy:3128"
