"""Who gets in: tokens and their throttle, sessions from log-in to log-out, and the hosts that need no log-in."""

import ipaddress
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.values import found_group, present
from tests.support.web_client import ADMIN_TOKEN, PROBLEM, VIEWER_TOKEN, WebClient
from webhook_app.access.client_address import PROXIES_MAX, client_address, client_network
from webhook_app.access.failed_logins import FailedLogins, ThrottleLimits
from webhook_app.access.host_check import HostCheck
from webhook_app.config.values import LOOPBACK_NETWORKS
from webhook_app.store import keys
from webhook_app.store.access.login_failures import LoginFailures
from webhook_app.store.connection.clients import Client, connect

LIMITS = ThrottleLimits()
WRONG = "a-token-that-is-not-right"
SESSION = "tallylight"


@pytest.fixture
def web_client(client: Client, store_url: str, tmp_path: Path) -> Any:
    return WebClient(store_url, tmp_path)


def csrf_of(answer: Any) -> Any:
    return found_group(r'name="csrf" (?:value|content)="([^"]+)"', answer.get_data(as_text=True))


class Browser:
    """A browser at an address, behind a proxy on this machine where it names one."""

    def __init__(self, web_client: WebClient, peer: str = "127.0.0.1", forwarded: str | None = None) -> None:
        self.http = web_client.web.app.test_client()
        self.environ: dict[str, Any] = {"REMOTE_ADDR": peer}
        if forwarded is not None:
            self.environ["HTTP_X_FORWARDED_FOR"] = forwarded

    def get(self, path: Any, **more: Any) -> Any:
        return self.http.get(path, environ_overrides=self.environ, **more)

    def log_in(self, token: Any = ADMIN_TOKEN) -> Any:
        csrf = re.findall(r'name="csrf" value="([^"]+)"', self.get("/login").get_data(as_text=True))[-1]
        return self.http.post("/login", data={"token": token, "csrf": csrf}, environ_overrides=self.environ)

    def log_out(self) -> Any:
        csrf = csrf_of(self.get("/rules"))
        return self.http.post("/logout", data={"csrf": csrf}, environ_overrides=self.environ)

    def api(self, token: Any) -> Any:
        return self.get("/api/v1/rooms", headers={"Authorization": f"Bearer {token}"})

    @property
    def cookie(self) -> str:
        """The session's cookie; AssertionError when there is none."""
        return present(self.http.get_cookie(SESSION)).value

    @property
    def has_cookie(self) -> bool:
        return self.http.get_cookie(SESSION) is not None


# The client's address


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(
    lambda address: (
        not any(address in network for network in LOOPBACK_NETWORKS if network.version == address.version)
        and getattr(address, "ipv4_mapped", None) is None
    )
)
written_somehow = st.sampled_from(["{}", " {} ", "{}"])
junk = st.sampled_from(["unknown", "", "_hidden", "1.2.3", "x" * 5_000, "1.2.3.4 5.6.7.8", "<script>", "::g"])


def environ_of(peer: Any, *hops: Any) -> dict[str, str]:
    return {"REMOTE_ADDR": str(peer), "HTTP_X_FORWARDED_FOR": ",".join(map(str, hops))}


@given(addresses, st.lists(st.one_of(addresses.map(str), junk), max_size=5))
def test_forwarded_headers_from_an_untrusted_peer_are_ignored(peer: Any, hops: Any) -> None:
    assert client_address(environ_of(peer, *hops), LOOPBACK_NETWORKS) == str(peer)


@given(addresses, st.lists(st.one_of(addresses.map(str), junk), max_size=5), st.integers(0, 4))
def test_the_client_is_the_nearest_address_that_is_not_a_trusted_proxy(
    client_at: Any, invented: Any, proxies: Any
) -> None:
    chain = [*invented, client_at, *["127.0.0.1", "::1"][: proxies % 3]]
    assert client_address(environ_of("127.0.0.1", *chain), LOOPBACK_NETWORKS) == str(client_at)


@given(st.lists(st.one_of(addresses.map(str), junk), max_size=4), junk)
def test_a_proxy_that_forwards_no_address_counts_as_the_client(invented: Any, name: Any) -> None:
    assert client_address(environ_of("127.0.0.1", *invented, name), LOOPBACK_NETWORKS) == "127.0.0.1"


@pytest.mark.parametrize(
    ("hop", "address"),
    [
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_addresses_are_read_in_every_form_that_proxies_write(hop: str, address: str) -> None:
    assert client_address(environ_of("::ffff:127.0.0.1", hop), LOOPBACK_NETWORKS) == address


def test_other_networks_can_be_trusted_and_the_number_of_hops_is_bounded() -> None:
    trusted = (ipaddress.ip_network("10.0.0.0/8"),)
    assert client_address(environ_of("10.0.0.1", "192.0.2.1", "198.51.100.7", "10.0.0.2"), trusted) == "198.51.100.7"
    assert client_address(environ_of("127.0.0.1", "198.51.100.7"), trusted) == "127.0.0.1"
    assert client_address(environ_of("10.0.0.1", *["10.9.9.9"] * 100_000), trusted) == "10.9.9.9"
    assert PROXIES_MAX < 100
    assert client_address({}, trusted) == "unknown"


def test_an_ipv6_network_counts_as_one_client() -> None:
    assert client_network("2001:db8:1:2::1") == client_network("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert client_network("2001:db8:1:3::1") != client_network("2001:db8:1:2::1")
    assert client_network("::ffff:192.0.2.7") == client_network("192.0.2.7") == "192.0.2.7"


# The throttle


def throttle_of(store_url: str, clock: Any = lambda: 0.0, networks_max: Any = LIMITS.networks) -> Any:
    shared = LoginFailures(connect(store_url), networks_max=networks_max, window_ms=round(LIMITS.window_s * 1000))
    return FailedLogins(shared, clock=clock)


@pytest.mark.parametrize("surface", ["console", "api", "both"])
def test_a_valid_token_is_accepted_after_any_number_of_failures(web_client: WebClient, surface: str) -> None:
    stranger = Browser(web_client, forwarded="198.51.100.7")
    surfaces: dict[str, list[Callable[[str], Any]]] = {
        "console": [stranger.log_in],
        "api": [stranger.api],
        "both": [stranger.log_in, stranger.api],
    }
    tries = surfaces[surface]
    answers = [tries[at % len(tries)](WRONG) for at in range(LIMITS.failures + 5)]
    assert {answer.status_code for answer in answers[: LIMITS.failures]} <= {401, 403}
    assert {answer.status_code for answer in answers[LIMITS.failures :]} == {429}
    assert all(0 < int(answer.headers["Retry-After"]) <= LIMITS.window_s for answer in answers[LIMITS.failures :])
    assert stranger.api(ADMIN_TOKEN).status_code == stranger.api(VIEWER_TOKEN).status_code == 200
    assert stranger.log_in(ADMIN_TOKEN).status_code == 303
    assert stranger.get("/").status_code == 200
    other_browser = Browser(web_client, forwarded="203.0.113.9")
    assert other_browser.api(WRONG).status_code == 401
    assert other_browser.log_in(WRONG).status_code == 403


def test_a_throttled_api_client_gets_the_reason_and_the_wait(web_client: WebClient) -> None:
    stranger = Browser(web_client, peer="198.51.100.7")
    for _ in range(LIMITS.failures):
        assert stranger.api(WRONG).status_code == 401
    answer = stranger.api(WRONG)
    assert (answer.status_code, answer.content_type) == (429, PROBLEM)
    assert "wrong tokens" in answer.json["detail"]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic b3BzOmh1bnRlcjI=", "Digest x"])
def test_a_request_without_a_token_does_not_count_as_a_failure(web_client: WebClient, header: str | None) -> None:
    stranger = Browser(web_client, peer="198.51.100.7")
    headers = {} if header is None else {"Authorization": header}
    for _ in range(LIMITS.failures + 3):
        assert stranger.get("/api/v1/rooms", headers=headers).status_code == 401


def test_failures_are_counted_across_processes(client: Client, store_url: str, tmp_path: Path) -> None:
    first, second = WebClient(store_url, tmp_path), WebClient(store_url, tmp_path)
    for at in range(LIMITS.failures):
        assert Browser((first, second)[at % 2], peer="198.51.100.7").api(WRONG).status_code == 401
    assert Browser(first, peer="198.51.100.7").api(WRONG).status_code == 429
    assert Browser(second, peer="198.51.100.7").api(WRONG).status_code == 429


def test_a_throttled_network_may_try_again_after_the_window(client: Client, store_url: str) -> None:
    now = [0.0]
    throttle = throttle_of(store_url, clock=lambda: now[0])
    waits = [throttle.failed("2001:db8:1:2::1") for _ in range(LIMITS.failures + 1)]
    assert waits[:-1] == [0] * LIMITS.failures
    assert 0 < waits[-1] <= LIMITS.window_s
    assert throttle.failed("2001:db8:1:2:ffff::1") > 0
    assert throttle.failed("2001:db8:1:3::1") == 0
    assert 0 < client.pttl(keys.LOGIN_FAILURES) <= LIMITS.window_s * 1000
    client.delete(keys.LOGIN_FAILURES)  # as its expiry does
    now[0] += LIMITS.window_s + 1
    assert throttle.failed("2001:db8:1:2::1") == 0


def test_many_addresses_are_throttled_without_filling_the_store(client: Client, store_url: str) -> None:
    throttle = throttle_of(store_url, networks_max=100)
    waits = [throttle.failed(f"198.51.{at // 250}.{at % 250}") for at in range(500)]
    assert client.hlen(keys.LOGIN_FAILURES) <= 101
    assert waits[:100] == [0] * 100
    assert all(wait > 0 for wait in waits[100 + LIMITS.failures :])


def test_each_process_counts_failures_by_itself_while_the_store_is_away() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        throttle = throttle_of(f"redis://127.0.0.1:{closed.getsockname()[1]}/0")
        waits = [throttle.failed("198.51.100.7") for _ in range(LIMITS.failures + 1)]
    assert [wait > 0 for wait in waits] == [False] * LIMITS.failures + [True]


def test_a_hanging_store_delays_one_request_only() -> None:
    now = [0.0]
    with socket.create_server(("127.0.0.1", 0)) as hung:
        hung.settimeout(0)
        port = hung.getsockname()[1]
        shared = LoginFailures(connect(f"redis://127.0.0.1:{port}/0", timeout_s=0.05), networks_max=10, window_ms=1_000)
        throttle = FailedLogins(shared, clock=lambda: now[0])
        for _ in range(LIMITS.failures + 1):
            wait_s = throttle.failed("198.51.100.7")
        assert wait_s > 0
        assert accepted(hung) == 1
        now[0] += LIMITS.store_pause_s
        throttle.failed("203.0.113.9")
        assert accepted(hung) == 1


def accepted(server: Any) -> Any:
    count = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


# Sessions


def test_logging_out_ends_the_session_in_every_copy_of_its_cookie(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    web_client, another_process = WebClient(store_url, tmp_path), WebClient(store_url, tmp_path)
    browser, another = Browser(web_client), Browser(web_client)
    assert browser.log_in().status_code == another.log_in().status_code == 303
    copy = browser.cookie
    assert browser.log_out().headers["Location"] == "/login"
    for place in (web_client, another_process):
        thief = Browser(place)
        thief.http.set_cookie(SESSION, copy)
        assert thief.get("/").status_code == 302
        assert thief.get("/api/v1/events/stream?limit=1").status_code == 401
        assert thief.http.post("/rules/x/pause", data={"csrf": "x"}).status_code == 302
    assert browser.get("/").status_code == 302
    assert another.get("/").status_code == 200
    assert client.zcard(keys.SESSIONS_ENDED) == 1


def test_ended_sessions_are_forgotten_after_their_lifetime(client: Client, web_client: WebClient) -> None:
    client.zadd(keys.SESSIONS_ENDED, {"long-ago": 1})
    browser = Browser(web_client)
    browser.log_in()
    browser.log_out()
    assert client.zscore(keys.SESSIONS_ENDED, "long-ago") is None
    assert client.zcard(keys.SESSIONS_ENDED) == 1


def test_each_log_in_starts_a_new_session(client: Client, web_client: WebClient) -> None:
    browser = Browser(web_client)
    browser.log_in(VIEWER_TOKEN)
    planted = browser.cookie
    csrf = csrf_of(browser.get("/rules"))
    browser.log_in(ADMIN_TOKEN)
    assert csrf_of(browser.get("/rules")) != csrf
    thief = Browser(web_client)
    thief.http.set_cookie(SESSION, planted)
    assert thief.get("/").status_code == 302, "what was known before the log-in is worth nothing"


def test_pages_without_a_session_set_no_session_cookie(client: Client, web_client: WebClient) -> None:
    stranger = Browser(web_client)
    for path in ("/login", "/", "/rules?q=a"):
        answer = stranger.get(path)
        assert not [cookie for cookie in answer.headers.getlist("Set-Cookie") if cookie.startswith(f"{SESSION}=")]
    first = csrf_of(stranger.get("/login"))
    assert csrf_of(stranger.get("/login")) == first, "a second tab leaves the first one's form good"
    assert not stranger.has_cookie
    assert stranger.log_in(WRONG).status_code == 403
    assert not stranger.has_cookie


@pytest.mark.parametrize("csrf", ["", "x", "x" * 32])
def test_a_cross_site_login_starts_no_session(client: Client, web_client: WebClient, csrf: str) -> None:
    browser = Browser(web_client)
    browser.get("/login")
    answer = browser.http.post("/login", data={"token": ADMIN_TOKEN, "csrf": csrf})
    assert answer.status_code == 403
    assert not browser.has_cookie
    stranger = Browser(web_client)
    assert stranger.http.post("/login", data={"token": ADMIN_TOKEN, "csrf": csrf}).status_code == 403


def test_no_session_is_accepted_while_the_store_is_away(client: Client, store_url: str, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = WebClient(f"redis://127.0.0.1:{closed.getsockname()[1]}/0", tmp_path)
        browser = Browser(WebClient(store_url, tmp_path))
        browser.log_in()
        csrf = csrf_of(browser.get("/rules"))
        lost = Browser(away)
        lost.http.set_cookie(SESSION, browser.cookie)
        page = lost.get("/")
        assert (page.status_code, "store" in page.get_data(as_text=True)) == (503, True)
        assert lost.http.post("/logout", data={"csrf": csrf}).status_code == 503
        assert lost.cookie == browser.cookie, "a log-out that could not be recorded is not one"
        assert lost.get("/api/v1/events/stream").status_code == 503
        stranger = Browser(away)
        assert stranger.log_in(WRONG).status_code == 403
        assert stranger.log_in(ADMIN_TOKEN).status_code == 303


# Hosts

OPEN_PATHS = ["/", "/rules", "/page/live", "/metrics"]
OURS = ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.8.9.10:1", "[::1]", "[::1]:8000", "tally.example.org:444"]
NOT_OURS = [
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "tally.example.org.evil.example",
    "localhost@evil.example",
    "evil.example#localhost",
    "127.0.0.1:8000@evil.example",
    "[::2]",
    "[::1",
    "0.0.0.0",
    "192.168.1.5:8000",
    "127.1",
    "0x7f.1",
    "local host",
    "localhost, evil.example",
    "ｌocalhost",
]


@pytest.fixture(scope="module")
def anonymous_client(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return WebClient(
        store_url,
        tmp_path_factory.mktemp("open"),
        sandbox_url="http://127.0.0.1:8001",
        public_url="https://tally.example.org",
    )


@pytest.mark.parametrize("host", OURS)
def test_public_pages_are_open_under_our_own_host_names(client: Client, anonymous_client: Any, host: Any) -> None:
    for path in OPEN_PATHS:
        assert anonymous_client.http.get(path, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", NOT_OURS)
def test_public_pages_are_refused_under_a_foreign_host_name(client: Client, anonymous_client: Any, host: Any) -> None:
    for path in OPEN_PATHS:
        answer = anonymous_client.http.get(
            path, environ_overrides={"HTTP_HOST": host, "HTTP_X_FORWARDED_HOST": "localhost"}
        )
        assert answer.status_code == 403
        page = answer.get_data(as_text=True)
        assert ("PUBLIC_URL" in page) if path == "/metrics" else ("http://localhost:8000" in page)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example"])
def test_the_events_stream_is_refused_under_a_foreign_host_name(
    client: Client, anonymous_client: Any, host: str
) -> None:
    answer = anonymous_client.http.get("/api/v1/events/stream", headers={"Host": host})
    assert answer.status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "abc.trycloudflare.com"])
def test_webhooks_and_health_checks_are_accepted_under_any_host_name(
    client: Client, anonymous_client: Any, host: str
) -> None:
    headers = {"Host": host}
    assert anonymous_client.http.get("/healthz", headers=headers).status_code == 200
    assert anonymous_client.http.get("/readyz", headers=headers).status_code in (200, 503)
    assert anonymous_client.http.post("/webhooks/videosdk", data=b"{}", headers=headers).status_code == 401
    token = {"Authorization": f"Bearer {VIEWER_TOKEN}"} | headers
    assert anonymous_client.http.get("/metrics", headers=token).status_code == 200
    assert anonymous_client.http.get("/api/v1/rooms", headers=token).status_code == 200


def test_logging_in_works_under_another_host_name(client: Client, anonymous_client: Any) -> None:
    browser = Browser(anonymous_client)
    browser.environ["HTTP_HOST"] = "tally.lan:8000"
    assert browser.get("/").status_code == 403
    assert browser.log_in().status_code == 303
    assert browser.get("/").status_code == 200


@settings(max_examples=300)
@given(st.text(max_size=40))
def test_a_host_is_accepted_only_if_it_is_one_of_our_names(text: Any) -> None:
    read = re.fullmatch(r"(localhost|tally\.example\.org|127\.\d+\.\d+\.\d+|\[::1\])?(:\d*)?", text, re.ASCII | re.I)
    if read is None:
        assert not HostCheck("https://tally.example.org/x").is_ours(text)
