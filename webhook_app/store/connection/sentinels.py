"""Asks sentinels for the primary, and reports why none could be found."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool

from webhook_app.config.sentinel_url import Login, SentinelUrl

ANSWER_LIMIT_S = 1.0  # a sentinel answers from memory; one that hangs must not delay the others


class SentinelFailure(StrEnum):
    """Why a sentinel did not name a primary."""

    LOGIN = "it refused the user or password"
    UNREACHABLE = "it could not be reached"
    UNKNOWN_SERVICE = "it does not know the service"
    NO_PRIMARY = "it sees no primary that works"
    REFUSED = "it refused to answer"


class NoPrimaryError(MasterNotFoundError):
    """No sentinel could name a primary; by sentinel, why."""

    def __init__(self, service: str, reasons: Mapping[str, SentinelFailure]) -> None:
        reasons_text = "; ".join(f"{address}: {reason}" for address, reason in reasons.items())
        super().__init__(f"no sentinel could name the primary of '{service}' ({reasons_text})")
        self.service = service
        self.reasons = dict(reasons)

    def has(self, reason: SentinelFailure) -> bool:
        """Whether a sentinel gave this reason."""
        return reason in self.reasons.values()


class Sentinels(Sentinel):
    """Asks the sentinels in turn, beginning with the one that answered last."""

    def __init__(self, url: SentinelUrl, login: Login) -> None:
        super().__init__(url.hosts, sentinel_kwargs=_options(url, login, Retry(NoBackoff(), 0)))  # type: ignore[no-untyped-call]

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """The host and port of the primary; NoPrimaryError when no sentinel names one."""
        reasons: dict[str, SentinelFailure] = {}
        for sentinel in tuple(self.sentinels):
            try:
                masters: Any = sentinel.sentinel_masters()
            except redis.RedisError as error:
                reasons[_address(sentinel)] = _reason_for(error)
                continue
            state = masters.get(service_name)
            if state and self.check_master_state(state, service_name):  # type: ignore[no-untyped-call]
                self.sentinels = _moved_to_front(self.sentinels, sentinel)
                return str(state["ip"]), int(state["port"])
            reasons[_address(sentinel)] = SentinelFailure.NO_PRIMARY if state else SentinelFailure.UNKNOWN_SERVICE
        raise NoPrimaryError(service_name, reasons)


class AsyncSentinels(AsyncSentinel):
    """The same for an event loop."""

    def __init__(self, url: SentinelUrl, login: Login) -> None:
        super().__init__(url.hosts, sentinel_kwargs=_options(url, login, AsyncRetry(NoBackoff(), 0)))  # type: ignore[no-untyped-call]

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """The host and port of the primary; NoPrimaryError when no sentinel names one."""
        reasons: dict[str, SentinelFailure] = {}
        for sentinel in tuple(self.sentinels):
            try:
                masters: Any = await sentinel.sentinel_masters()
            except redis.RedisError as error:
                reasons[_address(sentinel)] = _reason_for(error)
                continue
            state = masters.get(service_name)
            if state and self.check_master_state(state, service_name):
                self.sentinels = _moved_to_front(self.sentinels, sentinel)
                return str(state["ip"]), int(state["port"])
            reasons[_address(sentinel)] = SentinelFailure.NO_PRIMARY if state else SentinelFailure.UNKNOWN_SERVICE
        raise NoPrimaryError(service_name, reasons)


class Pool(SentinelConnectionPool):
    """Closes the connections to the sentinels with its own."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        """Disconnect; only what is idle when `inuse_connections` is False."""
        super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                sentinel.connection_pool.disconnect()


class AsyncPool(AsyncSentinelConnectionPool):
    """The same for an event loop."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Disconnect; only what is idle when `inuse_connections` is False."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.connection_pool.disconnect()


def _options(url: SentinelUrl, login: Login, retry: object) -> dict[str, Any]:
    return {
        "socket_timeout": ANSWER_LIMIT_S,
        "socket_connect_timeout": ANSWER_LIMIT_S,
        "retry": retry,
        "username": login.username,
        "password": login.password,
        "ssl": url.tls,
    }


def _moved_to_front(sentinels: Iterable[Any], first: Any) -> list[Any]:
    return [first, *(sentinel for sentinel in sentinels if sentinel is not first)]


def _reason_for(error: redis.RedisError) -> SentinelFailure:
    if isinstance(error, (redis.AuthenticationError, redis.exceptions.NoPermissionError)):
        return SentinelFailure.LOGIN
    if isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
        return SentinelFailure.UNREACHABLE
    return SentinelFailure.REFUSED


def _address(sentinel: Any) -> str:
    options = sentinel.connection_pool.connection_kwargs
    host = str(options["host"])
    return f"[{host}]:{options['port']}" if ":" in host else f"{host}:{options['port']}"
