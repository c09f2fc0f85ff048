"""What a proxy says of a request: scheme and prefix, from proxies that are trusted only."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.web_client import WebClient
from webhook_app.config.loading import SettingError, load
from webhook_app.config.path_prefix import OWN_SEGMENTS, is_prefix
from webhook_app.config.values import LOOPBACK_NETWORKS
from webhook_app.server.forwarding import Forwarding

PUBLIC = "https://tally.example/tally"


def request(
    path: str, public_url: str | None = PUBLIC, peer: str = "127.0.0.1", **headers: str
) -> tuple[str, str, str]:
    """The scheme, prefix and path of a request that the web process gets."""
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "client": (peer, 1),
        "headers": named,
        "root_path": "",
    }
    applied = Forwarding(public_url, LOOPBACK_NETWORKS).applied(scope)
    assert applied["raw_path"].decode() == applied["path"]
    return applied["scheme"], applied["root_path"], applied["path"]


PROXIED = {"x_forwarded_for": "198.51.100.7"}


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        # the proxy strips the prefix and passes the host
        ("/rooms", {"host": "tally.example"}, ("http", "/tally", "/rooms")),
        ("/rooms", {"host": "tally.example:443"}, ("http", "/tally", "/rooms")),
        ("/rooms", {"host": "TALLY.example", **PROXIED}, ("https", "/tally", "/rooms")),
        ("/rooms", {"host": "10.0.0.1:8000", "x_forwarded_host": "tally.example"}, ("https", "/tally", "/rooms")),
        # it names the prefix
        ("/rooms", {"host": "10.0.0.1:8000", "x_forwarded_prefix": "/tally"}, ("http", "/tally", "/rooms")),
        ("/rooms", {"host": "other.example", "x_forwarded_prefix": "/on/air/"}, ("http", "/on/air", "/rooms")),
        ("/rooms", {"host": "tally.example", "x_forwarded_prefix": "/"}, ("https", "", "/rooms")),
        # it does not strip it
        ("/tally/rooms", {"host": "10.0.0.1:8000"}, ("http", "/tally", "/rooms")),
        ("/tally/webhooks/videosdk/t", {"host": "x"}, ("http", "/tally", "/webhooks/videosdk/t")),
        ("/tally", {"host": "x"}, ("http", "/tally", "/")),
        ("/on/air/", {"host": "x", "x_forwarded_prefix": "/on/air"}, ("http", "/on/air", "/")),
        # direct access
        ("/rooms", {"host": "127.0.0.1:8000"}, ("http", "", "/rooms")),
        ("/rooms", {}, ("http", "", "/rooms")),
        ("/rooms", {"host": "tally.example:8000"}, ("http", "", "/rooms")),
        ("/tallyho", {"host": "x"}, ("http", "", "/tallyho")),
        # the scheme
        ("/", {"host": "tally.example", "x_forwarded_proto": "http"}, ("http", "/tally", "/")),
        ("/", {"host": "hall.lan", "x_forwarded_proto": "https, http"}, ("https", "", "/")),
        ("/", {"host": "hall.lan", "x_forwarded_proto": "gopher"}, ("http", "", "/")),
        ("/", {"host": "hall.lan", **PROXIED}, ("http", "", "/")),
        # what no proxy sends is passed over
        ("/rooms", {"host": "x", "x_forwarded_prefix": "//evil.example"}, ("http", "", "/rooms")),
        ("/rooms", {"host": "x", "x_forwarded_prefix": '/"><script>'}, ("http", "", "/rooms")),
        ("/rooms", {"host": "x", "x_forwarded_prefix": "/../x"}, ("http", "", "/rooms")),
        ("/rooms", {"host": "x", "x_forwarded_prefix": "/rooms"}, ("http", "", "/rooms")),
    ],
)
def test_a_request_is_read_as_the_browser_sent_it(
    path: str, headers: dict[str, str], expected: tuple[str, str, str]
) -> None:
    assert request(path, **headers) == expected


def test_forwarded_headers_of_an_untrusted_peer_are_ignored() -> None:
    headers = {
        "host": "h",
        "x_forwarded_proto": "https",
        "x_forwarded_prefix": "/x",
        "x_forwarded_host": "tally.example",
    }
    assert request("/rooms", peer="198.51.100.7", **headers) == ("http", "", "/rooms")
    assert request("/rooms", peer="::ffff:127.0.0.1", **headers) == ("https", "/x", "/rooms")
    assert request("/rooms", peer="", **headers) == ("http", "", "/rooms")


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_nothing_a_client_writes_raises_or_makes_another_host_of_a_path(prefix: str, host: str, proto: str) -> None:
    headers = {"x_forwarded_prefix": prefix, "host": host, "x_forwarded_proto": proto}
    scheme, root, _ = request("/rooms", **headers)
    assert scheme in ("http", "https")
    assert not root.startswith("//")
    assert "\\" not in root


def test_no_prefix_is_a_page_of_ours(store_url: str, tmp_path: Any) -> None:
    web_client = WebClient(store_url, tmp_path, live_links=True)
    rules = [rule.rule for rule in web_client.web.app.url_map.iter_rules()]
    missing = {rule.split("/")[1] for rule in rules if rule != "/"} - OWN_SEGMENTS
    assert not missing, "add these to OWN_SEGMENTS in webhook_app/config/path_prefix.py"
    for segment in OWN_SEGMENTS:
        assert not is_prefix(f"/{segment}")
        with pytest.raises(SettingError, match=r"PUBLIC_URL.*is used by Tallylight itself"):
            load({"PUBLIC_URL": f"https://h.example/{segment}/x"}, dotenv=None)


@pytest.mark.parametrize("path", ["/a b", "/ä", "/a//b", "/..", "/x/./y", "/a%2Fb", "/" + "x" * 1_001])
def test_a_path_that_cannot_be_a_prefix_is_refused_at_start(path: str) -> None:
    with pytest.raises(SettingError, match="PUBLIC_URL"):
        load({"PUBLIC_URL": f"https://h.example{path}"}, dotenv=None)
