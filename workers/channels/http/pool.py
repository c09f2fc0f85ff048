"""Wires: connections that are kept for the next request to the same endpoint, and the watch over those in use."""

import asyncio
from collections import OrderedDict
from time import perf_counter

from workers.channels.http.connection import HttpConnection, HttpResponse
from workers.channels.http.target import RequestTarget

KEEP_ALIVE_S = 30.0
IDLE_MAX = 2_048
SWEEP_S = 0.1

_Key = tuple[str, int, bool]


class ConnectionPool:
    """All of one event loop. One timer watches over everything: a timer for each request would cost more."""

    def __init__(self) -> None:
        self._busy: set[HttpConnection] = set()
        self._idle: dict[_Key, list[HttpConnection]] = {}
        self._by_age: OrderedDict[HttpConnection, _Key] = OrderedDict()
        self._sweeping: asyncio.TimerHandle | None = None

    def take(self, to: RequestTarget) -> HttpConnection | None:
        """The connection to an endpoint that was used last, if there is one that may be used."""
        key = (to.host, to.port, to.tls)
        while waiting := self._idle.get(key):
            wire = waiting.pop()
            if not waiting:
                del self._idle[key]
            del self._by_age[wire]
            if wire.usable and perf_counter() - wire.idle_since < KEEP_ALIVE_S:
                return wire
            wire.cut()
        return None

    async def ask(self, to: RequestTarget, wire: HttpConnection, request: bytes, by: float) -> HttpResponse:
        """Send a request on a connection, and keep that for the next if its answer allows it."""
        self._busy.add(wire)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
        try:
            answer = await wire.ask(request, by=by)
        finally:
            self._busy.discard(wire)
        if wire.usable:
            self._keep((to.host, to.port, to.tls), wire)
        return answer

    def close(self) -> None:
        """Cut all that are idle."""
        for wire in self._by_age:
            wire.cut()
        self._idle, self._by_age = {}, OrderedDict()
        if self._sweeping is not None:
            self._sweeping.cancel()

    def _keep(self, key: _Key, wire: HttpConnection) -> None:
        wire.idle_since = perf_counter()
        self._idle.setdefault(key, []).append(wire)
        self._by_age[wire] = key
        if len(self._by_age) > IDLE_MAX:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        wire, key = self._by_age.popitem(last=False)
        waiting = self._idle[key]
        waiting.remove(wire)
        if not waiting:
            del self._idle[key]
        wire.cut()

    def _sweep(self) -> None:
        now = perf_counter()
        for wire in list(self._busy):
            wire.sweep(now)
        while self._by_age and now - next(iter(self._by_age)).idle_since >= KEEP_ALIVE_S:
            self._drop_oldest()
        self._sweeping = None
        if self._busy or self._by_age:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
