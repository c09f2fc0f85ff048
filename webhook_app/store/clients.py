"""Clients of the store: made by the composition roots, never at import."""

from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

# redis-py types every answer as a union over clients that decode and clients that do not. Ours never decode:
# answers are bytes, and this alias keeps that knowledge in one place.
Client = Any

CONNECT_TIMEOUT_S = 3.0
SOCKET_TIMEOUT_S = 10.0
CONNECTIONS_MAX = 1_000  # the library's own limit of 100 is less than a web process has threads


class StoreUnavailable(Exception):
    """The store cannot keep or give anything now."""


def connect(url: str, *, timeout_s: float = SOCKET_TIMEOUT_S, max_connections: int = CONNECTIONS_MAX) -> Client:
    """A client that never repeats a command by itself: a lost reply to an append must not become two entries."""
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "max_connections": max_connections,
    }
    if url.startswith("redis+sentinel://"):
        return _through_sentinel(url, options)
    if url.startswith("unix://"):
        options.pop("socket_connect_timeout")
    client: Client = redis.Redis.from_url(url, **options)
    return client


def connect_async(url: str, *, timeout_s: float = SOCKET_TIMEOUT_S) -> Client:
    """The same for an event loop."""
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "retry": AsyncRetry(NoBackoff(), 0),
        "max_connections": CONNECTIONS_MAX,
    }
    if url.startswith("redis+sentinel://"):
        hosts, service, db = _sentinel_parts(url)
        sentinel: Any = AsyncSentinel(  # type: ignore[no-untyped-call]
            hosts, sentinel_kwargs={"socket_timeout": CONNECT_TIMEOUT_S}
        )
        options |= _user_of(url)
        through: Client = sentinel.master_for(service, db=db, **options)
        return through
    client: Client = redis.asyncio.Redis.from_url(url, **options)
    return client


def _through_sentinel(url: str, options: dict[str, Any]) -> Client:
    hosts, service, db = _sentinel_parts(url)
    sentinel: Any = Sentinel(  # type: ignore[no-untyped-call]
        hosts, sentinel_kwargs={"socket_timeout": CONNECT_TIMEOUT_S}
    )
    options |= _user_of(url) | {"connection_class": _MasterConnection}
    client: Client = sentinel.master_for(service, db=db, **options)
    return client


class _MasterConnection(SentinelManagedConnection):
    """Closed when reading from it is interrupted, as every other connection is.

    The library's own stays open: whoever used it next would wait for, and take, the answer to what was asked before.
    """

    def read_response(
        self, disable_decoding: bool = False, *, disconnect_on_error: bool | None = True, **more: Any
    ) -> Any:
        return super().read_response(disable_decoding, disconnect_on_error=disconnect_on_error, **more)


def _user_of(url: str) -> dict[str, str | None]:
    parts = urlsplit(url)
    return {
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
    }


def _sentinel_parts(url: str) -> tuple[list[tuple[str, int]], str, int]:
    parts = urlsplit(url)
    hosts = []
    for host in parts.netloc.rpartition("@")[2].split(","):
        name, _, port = host.rpartition(":")
        hosts.append((name or host, int(port) if name else 26379))
    path = parts.path.strip("/").split("/")
    return hosts, path[0] or "mymaster", int(path[1]) if len(path) > 1 else 0
