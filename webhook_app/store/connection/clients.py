"""Creates the clients of the store. Composition roots call this; nothing connects at import."""

from collections.abc import Mapping
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.connection import parse_url as parse_async_url
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from webhook_app.config.sentinel_url import Login, SentinelUrl, is_sentinel_url
from webhook_app.config.sentinel_url import parse as parse_sentinel_url
from webhook_app.store.connection import reconnecting
from webhook_app.store.connection.reconnecting import Generation
from webhook_app.store.connection.sentinels import AsyncPool, AsyncSentinels, Pool, Sentinels

# redis-py types every answer as a union over clients that decode and clients that do not. Ours never decode:
# answers are bytes, and this alias keeps that knowledge in one place.
Client = Any

CONNECT_TIMEOUT_S = 2.0
SOCKET_TIMEOUT_S = 5.0  # longer than any blocking read waits
APPEND_TIMEOUT_S = 3.0  # somebody waits for the answer to a webhook; longer than the store waits for its replicas
PROBE_TIMEOUT_S = 1.0
CONNECTIONS_MAX = 1_000  # the library's own limit of 100 is less than a web process has threads
NO_LOGIN = Login()

_CONNECTIONS = {
    "redis": reconnecting.TcpConnection,
    "rediss": reconnecting.TlsConnection,
    "unix": reconnecting.UnixConnection,
}
_ASYNC_CONNECTIONS = {
    "redis": reconnecting.AsyncTcpConnection,
    "rediss": reconnecting.AsyncTlsConnection,
    "unix": reconnecting.AsyncUnixConnection,
}


class StoreUnavailableError(Exception):
    """The store can neither be written nor read now."""


class StoreSilentError(StoreUnavailableError):
    """The store did not answer in time: whether it executed the command is unknown."""


# What callers catch that go on without the store: the client's own errors, and ours.
STORE_ERRORS = (redis.RedisError, StoreUnavailableError)


def connect(
    url: str,
    *,
    sentinel_login: Login = NO_LOGIN,
    timeout_s: float = SOCKET_TIMEOUT_S,
    max_connections: int = CONNECTIONS_MAX,
    generation: Generation | None = None,
) -> Client:
    """Create a client that never repeats a command by itself: a lost reply to an append must not become two entries.

    `timeout_s` limits each wait for an answer. `sentinel_login` is for the sentinels; the store's own login is a part
    of `url`. Clients of one process share a `generation`: when one of them finds the store silent or demoted,
    the connections of the others are replaced too.
    """
    options = _options(timeout_s, max_connections, generation) | {"retry": Retry(NoBackoff(), 0)}
    if is_sentinel_url(url):
        sentinel_url = parse_sentinel_url(url)
        kind = reconnecting.TlsPrimaryConnection if sentinel_url.tls else reconnecting.PrimaryConnection
        sentinels = Sentinels(sentinel_url, sentinel_login)
        through_sentinels: Client = sentinels.master_for(  # type: ignore[no-untyped-call]
            sentinel_url.service,
            connection_pool_class=Pool,
            connection_class=kind,
            **_store_options(sentinel_url, options),
        )
        return through_sentinels
    client: Client = redis.Redis.from_url(url, connection_class=_kind(_CONNECTIONS, url, options), **options)
    return client


def connect_async(
    url: str,
    *,
    sentinel_login: Login = NO_LOGIN,
    timeout_s: float = SOCKET_TIMEOUT_S,
    generation: Generation | None = None,
) -> Client:
    """Create a client for an event loop; otherwise as `connect`."""
    options = _options(timeout_s, CONNECTIONS_MAX, generation) | {"retry": AsyncRetry(NoBackoff(), 0)}
    if is_sentinel_url(url):
        sentinel_url = parse_sentinel_url(url)
        kind = reconnecting.AsyncTlsPrimaryConnection if sentinel_url.tls else reconnecting.AsyncPrimaryConnection
        sentinels = AsyncSentinels(sentinel_url, sentinel_login)
        through_sentinels: Client = sentinels.master_for(
            sentinel_url.service,
            connection_pool_class=AsyncPool,
            connection_class=kind,
            **_store_options(sentinel_url, options),
        )
        return through_sentinels
    # Unlike the other client's, this library's from_url lets the address choose the class of connections.
    kind_of_url = _kind(_ASYNC_CONNECTIONS, url, options)
    options |= {**parse_async_url(url), "connection_class": kind_of_url}
    client: Client = redis.asyncio.Redis.from_pool(redis.asyncio.ConnectionPool(**options))
    return client


def _options(timeout_s: float, max_connections: int, generation: Generation | None) -> dict[str, Any]:
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": min(CONNECT_TIMEOUT_S, timeout_s),
        "socket_keepalive": True,
        "health_check_interval": 0,
        "max_connections": max_connections,
        "generation": generation or Generation(),
    }


def _store_options(url: SentinelUrl, options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, "db": url.db, "username": url.login.username, "password": url.login.password}


def _kind(kinds: Mapping[str, type], url: str, options: dict[str, Any]) -> type:
    """The class of connections for the address; a Unix socket has no options of TCP."""
    scheme = url.partition("://")[0]
    if scheme == "unix":
        for name in ("socket_connect_timeout", "socket_keepalive"):
            options.pop(name)
    return kinds[scheme]
