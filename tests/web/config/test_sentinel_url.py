"""Addresses of sentinels: hosts in every form, logins, and what is wrong with the others."""

from collections.abc import Callable

import pytest
from redis.asyncio.connection import SSLConnection as AsyncSSLConnection
from redis.connection import SSLConnection

from webhook_app.config.sentinel_url import Login, SentinelUrl, SentinelUrlError, is_sentinel_url, parse
from webhook_app.store.connection.clients import Client, connect, connect_async

HOSTS = {
    "a": ("a", 26379),
    "a.example.com:1": ("a.example.com", 1),
    "10.0.0.1:65535": ("10.0.0.1", 65535),
    "[::1]": ("::1", 26379),
    "[::1]:5000": ("::1", 5000),
    "[2001:db8::7]:26380": ("2001:db8::7", 26380),
    "[::ffff:10.0.0.1]:1": ("::ffff:10.0.0.1", 1),
    "[fe80::1%eth0]:1": ("fe80::1%eth0", 1),
}


@pytest.mark.parametrize("scheme", ["redis+sentinel", "rediss+sentinel"])
@pytest.mark.parametrize("first", HOSTS)
@pytest.mark.parametrize("second", HOSTS)
def test_hosts_are_read_in_every_form_and_mixture(scheme: str, first: str, second: str) -> None:
    url = f"{scheme}://{first}, {second}/tally/3"
    assert is_sentinel_url(url)
    hosts = (HOSTS[first], HOSTS[second])
    assert parse(url) == SentinelUrl(hosts, "tally", 3, tls=scheme == "rediss+sentinel")


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        ("", Login()),
        (":@", Login()),
        (":secret@", Login(None, "secret")),
        ("user:secret@", Login("user", "secret")),
        ("user:a%3Ab%2Fc%40d@", Login("user", "a:b/c@d")),
        ("user:a@b@", Login("user", "a@b")),
    ],
)
def test_the_stores_login_is_read(login: str, expected: Login) -> None:
    assert parse(f"redis+sentinel://{login}[::1]:1/tally").login == expected


@pytest.mark.parametrize(
    "host", ["", ":1", "a:", "a:b", "a:0", "a:65536", "a:999999", "::1", "::1:26379", "[]", "[::1"]
)
@pytest.mark.parametrize("beside", ["", "b,", "[::1]:1,"])
def test_what_is_no_host_is_refused(host: str, beside: str) -> None:
    with pytest.raises(SentinelUrlError):
        parse(f"redis+sentinel://{beside}{host}/tally")


@pytest.mark.parametrize("path", ["", "/", "/tally/x", "/tally/0/1", "/tally/-1", "/tally?x", "/tally#x"])
def test_what_is_no_service_is_refused(path: str) -> None:
    with pytest.raises(SentinelUrlError):
        parse(f"redis+sentinel://a{path}")


def test_a_login_is_not_shown() -> None:
    assert "secret" not in repr(parse("redis+sentinel://user:secret@a/tally"))


@pytest.mark.parametrize("make", [connect, connect_async])
@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("redis://h:1/2", False),
        ("redis://[::1]", False),
        ("rediss://user:pw@h/0?ssl_cert_reqs=none", True),
        ("unix:///run/s?db=1", False),
        ("redis+sentinel://a,b/tally", False),
        ("rediss+sentinel://:pw@a,[::1]:1/tally/1", True),
    ],
)
def test_clients_of_every_kind_of_address_can_be_made(make: Callable[[str], Client], url: str, tls: bool) -> None:
    client = make(url)
    connection = client.connection_pool.make_connection()
    assert isinstance(connection, (SSLConnection, AsyncSSLConnection)) == tls
    if is_sentinel_url(url):
        sentinels = client.connection_pool.sentinel_manager.sentinels
        connections = [sentinel.connection_pool.make_connection() for sentinel in sentinels]
        assert len(connections) == 2
        assert all(isinstance(connection, (SSLConnection, AsyncSSLConnection)) == tls for connection in connections)
