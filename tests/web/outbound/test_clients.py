"""Every outbound client trusts the same authorities, takes the same proxy, and says its own name."""

import ast
import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.certificates import certified
from tests.support.outside import outside
from tests.support.polling import scaled_limit
from tests.support.product import TREE
from webhook_app.config.values import networks
from webhook_app.domain.schedules.calendars.components import CalendarError
from webhook_app.outbound.proxies import DIRECT, Proxies
from webhook_app.providers.videosdk.client import Token, VideoSDK
from webhook_app.providers.videosdk.public_key import fetch_from
from webhook_app.store.connection.clients import Client
from workers.channels.http.client import HttpClient
from workers.channels.webhook import WebhookChannel
from workers.cli.api_client import ApiClient, ProductAddress
from workers.clock.calendar_fetch import calendar_client
from workers.clock.uptime_ping import UptimePing
from workers.doctor import reachability

HOST = "outside.example"
ANSWERS = {
    "/v2/public/rsa-public-key": (200, {}, b'{"publicKey": "a key"}'),
    "/v2/sessions/": (200, {}, b'{"data": []}'),
    "/api/v1/rooms": (200, {}, b'{"items": []}'),
    "/calendar": (302, {"Location": "/there.ics"}, b""),
}
ALLOWED = networks("127.0.0.0/8")
Reach = Callable[[str, Proxies], bool]


def reach_videosdk(url: str, proxies: Proxies) -> bool:
    return VideoSDK(url, Token("k", "s" * 32), proxies).ongoing_session("r", deadline=time.monotonic() + 30).ok


def reach_public_key(url: str, proxies: Proxies) -> bool:
    try:
        return fetch_from(url, proxies)() == "a key"
    except OSError:
        return False


def reach_calendar(url: str, proxies: Proxies) -> bool:
    async def fetch() -> bool:
        async with calendar_client(ALLOWED, proxies) as client:
            try:
                return await client.fetch(f"{url}/calendar", None) is not None
            except CalendarError:
                return False

    return asyncio.run(fetch())


def reach_heartbeat(url: str, proxies: Proxies) -> bool:
    client: Client = object()
    return UptimePing(client, f"{url}/beat", last_tick_at=time.monotonic, proxies=proxies)._fetch() is None


def reach_by_doctor(url: str, proxies: Proxies) -> bool:
    return reachability._request(proxies, "GET", f"{url}/doctor/x")[0] == 200


def reach_by_command(url: str, proxies: Proxies) -> bool:
    try:
        return ApiClient(ProductAddress(url, "token", proxies)).get("/rooms") == {"items": []}
    except Exception:
        return False


CLIENTS: dict[str, Reach] = {
    "VideoSDK": reach_videosdk,
    "public key": reach_public_key,
    "calendar": reach_calendar,
    "heartbeat": reach_heartbeat,
    "doctor": reach_by_doctor,
    "command": reach_by_command,
}
every_client = pytest.mark.parametrize("name", CLIENTS)


def both_proxies(url: str) -> Proxies:
    """One proxy for addresses of both schemes."""
    return Proxies(url, url)


@every_client
def test_an_authority_of_ssl_cert_file_is_trusted_and_no_other(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, bundle = certified(tmp_path)
    with outside(tls) as (server, _):
        server.answers.update(ANSWERS)
        url = f"https://127.0.0.1:{server.port}"
        assert not CLIENTS[name](url, DIRECT)
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        assert CLIENTS[name](url, DIRECT)


def test_deliveries_trust_the_same_authorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, bundle = certified(tmp_path)

    async def post(url: str) -> str | None:
        webhook_channel = WebhookChannel(HttpClient(allowed=ALLOWED))
        try:
            return (await webhook_channel.post(url, b"{}", {})).error
        finally:
            await webhook_channel.close()

    with outside(tls) as (server, _):
        url = f"https://127.0.0.1:{server.port}/"
        assert asyncio.run(post(url)) == "tls"
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        assert asyncio.run(post(url)) is None


@every_client
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_proxy_is_used_with_its_password_and_no_proxy_is_honoured(
    name: str, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, bundle = certified(tmp_path, HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with outside(tls if scheme == "https" else None) as (server, proxy):
        server.answers.update(ANSWERS)
        through = both_proxies(f"http://user:pass@{proxy.address}")
        url = f"{scheme}://{HOST}:{server.port}"
        assert CLIENTS[name](url, through)
        assert set(proxy.targets) == {f"{HOST}:{server.port}"}
        assert set(proxy.credentials) == {"Basic dXNlcjpwYXNz"}
        assert all(headers["User-Agent"].startswith("Tallylight/") for _, _, headers in server.requests)
        assert not any("Proxy-Authorization" in headers for _, _, headers in server.requests) or scheme == "http"
        target_count = len(proxy.targets)
        assert not CLIENTS[name](url, Proxies(through.https, through.http, no_proxy=(HOST,)))
        assert len(proxy.targets) == target_count


@every_client
def test_the_environment_alone_sends_nothing_through_a_proxy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with outside() as (server, proxy):
        server.answers.update(ANSWERS)
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://{proxy.address}")
        assert CLIENTS[name](f"http://127.0.0.1:{server.port}", DIRECT)
        assert proxy.targets == []


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://10.0.0.7/a.ics", "10.0.0.7 is private, loopback or reserved; ALLOW_NETWORKS can allow it"),
        ("https://[fd00::7]/a.ics", "fd00::7 is private, loopback or reserved; ALLOW_NETWORKS can allow it"),
        ("http://169.254.169.254/latest", "169.254.169.254 is private"),
        ("http://127.0.0.1:9/a.ics", "127.0.0.1 is private"),
    ],
)
def test_a_proxy_does_not_open_the_inside_to_calendars(address: str, reason: str) -> None:
    with outside() as (_, proxy):
        refusal = calendar_refusal(address, both_proxies(f"http://{proxy.address}"), allowed=())
        assert reason in refusal
        assert proxy.targets == []


def test_a_redirect_to_the_inside_is_refused_behind_a_proxy_too() -> None:
    with outside() as (server, proxy):
        server.answers["/a.ics"] = (302, {"Location": "http://10.0.0.7/metadata"}, b"")
        refusal = calendar_refusal(f"http://{HOST}/a.ics", Proxies(http=f"http://{proxy.address}"), allowed=())
        assert "10.0.0.7 is private" in refusal
        assert proxy.targets == [HOST]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_calendar_says_that_the_proxy_refused_it(scheme: str) -> None:
    with outside() as (_, proxy):
        proxy.refuse_with = 407
        refusal = calendar_refusal(f"{scheme}://{HOST}/a.ics", both_proxies(f"http://{proxy.address}"), allowed=())
        assert "407" in refusal


def test_a_calendar_says_that_the_proxy_is_not_there() -> None:
    refusal = calendar_refusal(f"https://{HOST}/a.ics", Proxies("http://127.0.0.1:9"), allowed=())
    assert "the connection to the proxy could not be made" in refusal


def calendar_refusal(address: str, proxies: Proxies, *, allowed: tuple[()]) -> str:
    async def fetch() -> str:
        async with calendar_client(allowed, proxies) as client:
            with pytest.raises(CalendarError) as refusal:
                await client.fetch(address, None)
            return str(refusal.value)

    return asyncio.run(fetch())


CONSTRUCTORS = {
    "aiohttp": {"ClientSession", "TCPConnector", "request"},
    "requests": {"Session", "session", "request", "get", "post", "put", "head", "delete"},
    "ssl": {"create_default_context", "SSLContext"},
    "urllib3": {"PoolManager", "ProxyManager", "request"},
}
OTHER_USES = {"webhook_app/config/values.py": {"ssl.SSLContext"}}  # reads a bundle to check it


def test_http_clients_and_tls_contexts_are_made_in_one_place() -> None:
    for package in ("webhook_app", "workers"):
        for path in sorted((TREE / package).rglob("*.py")):
            name = path.relative_to(TREE).as_posix()
            if not name.startswith("webhook_app/outbound/"):
                assert constructed(path) <= OTHER_USES.get(name, set()), f"{name}: use webhook_app/outbound"


def constructed(path: Path) -> set[str]:
    """The clients and contexts that a file makes, or imports to make."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)):
                if name in CONSTRUCTORS.get(module, ()):
                    names.add(f"{module}.{name}")
            case ast.ImportFrom(module=str(module), names=aliases):
                names |= {f"{module}.{alias.name}" for alias in aliases if alias.name in CONSTRUCTORS.get(module, ())}
    return names


class Dripping:
    """A server that sends the head of an answer byte by byte, faster than any time-out, until it is closed."""

    def __init__(self, begin: bytes) -> None:
        self._begin = begin
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with self._listener, contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                connection.sendall(self._begin)
                while not self._closed.wait(0.02):
                    connection.sendall(b"x")

    def close(self) -> None:
        self._closed.set()


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: y\r\nZ: "])
def test_a_head_that_never_ends_is_not_read_beyond_the_deadline(begin: bytes) -> None:
    server = Dripping(begin)
    try:
        with ThreadPoolExecutor(1) as pool:
            videosdk = VideoSDK(server.url, Token("k", "s" * 32))
            asking = pool.submit(videosdk.active, "r", deadline=time.monotonic() + 0.3)
            try:
                answer = asking.result(timeout=scaled_limit(10))
            finally:
                server.close()
        assert (answer.status, answer.error) == (None, "timed out")
    finally:
        server.close()
