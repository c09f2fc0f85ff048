"""Keeps idle connections for the next request to the same host, and ends requests that take too long."""

import asyncio
from collections import OrderedDict
from time import perf_counter

from workers.channels.http.connection import HttpConnection, HttpResponse
from workers.channels.http.limits import HttpLimits
from workers.channels.http.target import RequestTarget

_Key = tuple[str, int, bool]


class ConnectionPool:
    """The connections of one event loop. One timer watches all of them: a timer per request would cost more."""

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._busy: set[HttpConnection] = set()
        self._idle: dict[_Key, list[HttpConnection]] = {}
        self._by_age: OrderedDict[HttpConnection, _Key] = OrderedDict()
        self._sweep_timer: asyncio.TimerHandle | None = None

    def take(self, target: RequestTarget) -> HttpConnection | None:
        """The most recently used idle connection to a target, if one is still usable."""
        key = (target.host, target.port, target.tls)
        while connections := self._idle.get(key):
            connection = connections.pop()
            if not connections:
                del self._idle[key]
            del self._by_age[connection]
            if connection.is_usable and perf_counter() - connection.idle_since < self._limits.keep_alive_s:
                return connection
            connection.abort()
        return None

    async def request(
        self, target: RequestTarget, connection: HttpConnection, request: bytes, give_up_at: float
    ) -> HttpResponse:
        """Send a request on a connection, and keep the connection if its response allows that."""
        self._busy.add(connection)
        if self._sweep_timer is None:
            self._schedule_sweep()
        try:
            response = await connection.request(request, give_up_at=give_up_at)
        finally:
            self._busy.discard(connection)
        if connection.is_usable:
            self._keep((target.host, target.port, target.tls), connection)
        return response

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._by_age:
            connection.abort()
        self._idle, self._by_age = {}, OrderedDict()
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()

    def _keep(self, key: _Key, connection: HttpConnection) -> None:
        connection.idle_since = perf_counter()
        self._idle.setdefault(key, []).append(connection)
        self._by_age[connection] = key
        if len(self._by_age) > self._limits.idle_connections_max:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        connection, key = self._by_age.popitem(last=False)
        connections = self._idle[key]
        connections.remove(connection)
        if not connections:
            del self._idle[key]
        connection.abort()

    def _schedule_sweep(self) -> None:
        self._sweep_timer = asyncio.get_running_loop().call_later(self._limits.sweep_every_s, self._sweep)

    def _sweep(self) -> None:
        now = perf_counter()
        for connection in list(self._busy):
            connection.expire(now)
        while self._by_age and now - next(iter(self._by_age)).idle_since >= self._limits.keep_alive_s:
            self._drop_oldest()
        self._sweep_timer = None
        if self._busy or self._by_age:
            self._schedule_sweep()
