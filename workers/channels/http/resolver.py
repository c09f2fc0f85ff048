"""Resolving: names of endpoints to addresses, on threads of its own, so that a name that hangs holds up no other.

The event loop's own threads are a handful: as many names whose servers are silent would keep everybody's waiting.
"""

import asyncio
import ipaddress
import socket
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

THREADS_FOR_KNOWN = 64
THREADS_FOR_NEW = 256
KNOWN_MAX = 10_000
SLOW_S = 2.0
FOUND_FOR_S = 30.0

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]  # as `socket.getaddrinfo` has them


class Resolver:
    """Asks the system, once for all who ask the same; an answer is good for half a minute.

    Names that were found quickly the last time do not stand in line behind the others.
    """

    def __init__(self) -> None:
        self._for_known = ThreadPoolExecutor(THREADS_FOR_KNOWN, thread_name_prefix="resolve-known")
        self._for_new = ThreadPoolExecutor(THREADS_FOR_NEW, thread_name_prefix="resolve")
        self._known: OrderedDict[str, None] = OrderedDict()
        self._found: OrderedDict[tuple[str, int], tuple[float, list[AddressInfo]]] = OrderedDict()
        self._asking: dict[tuple[str, int], asyncio.Task[list[AddressInfo]]] = {}

    async def addresses(self, host: str, port: int) -> list[AddressInfo]:
        """The addresses of a name, which may be one itself; socket.gaierror when it has none."""
        literal = _literal(host, port)
        if literal:
            return literal
        key = (host, port)
        at, found = self._found.get(key, (0.0, []))
        if found and monotonic() - at < FOUND_FOR_S:
            return found
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key))
            asking.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(asking)  # one who gives up does not take the answer from the others

    async def close(self) -> None:
        """Let the threads end."""
        for pool in (self._for_known, self._for_new):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, key: tuple[str, int]) -> list[AddressInfo]:
        host, port = key
        pool = self._for_known if host in self._known else self._for_new
        self._known.pop(host, None)
        found, quickly = await asyncio.get_running_loop().run_in_executor(pool, _system, host, port)
        if quickly:
            self._known[host] = None
            if len(self._known) > KNOWN_MAX:
                self._known.popitem(last=False)
        return found

    def _asked(self, key: tuple[str, int], done: asyncio.Task[list[AddressInfo]]) -> None:
        del self._asking[key]
        self._found.pop(key, None)
        if not done.cancelled() and done.exception() is None:
            self._found[key] = (monotonic(), done.result())
            if len(self._found) > KNOWN_MAX:
                self._found.popitem(last=False)


def _literal(host: str, port: int) -> list[AddressInfo]:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return []
    if address.version == 6:
        return [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0))]
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]


def _system(host: str, port: int) -> tuple[list[AddressInfo], bool]:
    began = monotonic()
    try:
        found: Any = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "no name can be like that") from error
    return found, monotonic() - began < SLOW_S
