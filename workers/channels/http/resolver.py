"""Resolves host names on separate threads, with a short cache, so that a slow name server delays no other host.

The event loop's default executor has only a few threads: as many unresponsive name servers would block every delivery.
"""

import asyncio
import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]  # as `socket.getaddrinfo` returns them
Lookup = Callable[[str, int], list[AddressInfo]]


@dataclass(frozen=True, slots=True)
class ResolverLimits:
    """`fast_threads` serve hosts whose last lookup took less than `slow_s`; `threads` serve all others."""

    fast_threads: int = 64
    threads: int = 256
    hosts_max: int = 10_000
    slow_s: float = 2.0
    cache_s: float = 30.0


class Resolver:
    """Resolves through the system, once for all concurrent callers; results are cached for `cache_s`.

    Hosts that resolved quickly the last time do not queue behind the others.
    """

    def __init__(
        self,
        *,
        lookup: Lookup | None = None,
        limits: ResolverLimits = ResolverLimits(),
    ) -> None:
        self._lookup = lookup or system_lookup
        self._limits = limits
        self._fast_pool = ThreadPoolExecutor(limits.fast_threads, thread_name_prefix="resolve-fast")
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="resolve")
        self._fast_hosts: OrderedDict[str, None] = OrderedDict()
        self._cache: OrderedDict[tuple[str, int], tuple[float, list[AddressInfo]]] = OrderedDict()
        self._lookups: dict[tuple[str, int], asyncio.Task[list[AddressInfo]]] = {}

    async def addresses(self, host: str, port: int) -> list[AddressInfo]:
        """The addresses of a host, which may be an address itself; socket.gaierror when it has none."""
        literal = _literal(host, port)
        if literal:
            return literal
        key = (host, port)
        cached_at, addresses = self._cache.get(key, (0.0, []))
        if addresses and monotonic() - cached_at < self._limits.cache_s:
            return addresses
        task = self._lookups.get(key)
        if task is None:
            task = self._lookups[key] = asyncio.create_task(self._resolve(host, port))
            task.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(task)  # a caller that times out does not cancel the lookup for the others

    async def close(self) -> None:
        """Let the threads end."""
        for pool in (self._fast_pool, self._pool):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _resolve(self, host: str, port: int) -> list[AddressInfo]:
        pool = self._fast_pool if host in self._fast_hosts else self._pool
        self._fast_hosts.pop(host, None)
        addresses, took_s = await asyncio.get_running_loop().run_in_executor(pool, self._timed_lookup, host, port)
        if took_s < self._limits.slow_s:
            self._fast_hosts[host] = None
            if len(self._fast_hosts) > self._limits.hosts_max:
                self._fast_hosts.popitem(last=False)
        return addresses

    def _timed_lookup(self, host: str, port: int) -> tuple[list[AddressInfo], float]:
        started = monotonic()
        return self._lookup(host, port), monotonic() - started

    def _keep(self, key: tuple[str, int], done: asyncio.Task[list[AddressInfo]]) -> None:
        del self._lookups[key]
        self._cache.pop(key, None)
        if not done.cancelled() and done.exception() is None:
            self._cache[key] = (monotonic(), done.result())
            if len(self._cache) > self._limits.hosts_max:
                self._cache.popitem(last=False)


def system_lookup(host: str, port: int) -> list[AddressInfo]:
    """The addresses of a host according to the system; socket.gaierror when it has none."""
    try:
        addresses: Any = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "not a valid host name") from error
    return list(addresses)


def _literal(host: str, port: int) -> list[AddressInfo]:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return []
    if address.version == 6:
        return [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0))]
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]
