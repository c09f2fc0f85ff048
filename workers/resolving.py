"""Resolving: names of endpoints to addresses, on threads of its own, so that a name that hangs holds up no other.

The event loop's own threads are a handful: as many names whose servers are silent would keep everybody's waiting.
"""

import asyncio
import socket
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS_FOR_KNOWN = 64
THREADS_FOR_NEW = 256
KNOWN_MAX = 10_000
SLOW_S = 2.0


class Resolver(AbstractResolver):
    """Asks the system; names that were found quickly the last time do not stand in line behind the others."""

    def __init__(self) -> None:
        self._for_known = ThreadPoolExecutor(THREADS_FOR_KNOWN, thread_name_prefix="resolve-known")
        self._for_new = ThreadPoolExecutor(THREADS_FOR_NEW, thread_name_prefix="resolve")
        self._known: OrderedDict[str, None] = OrderedDict()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name; OSError when it has none."""
        pool = self._for_known if host in self._known else self._for_new
        self._known.pop(host, None)
        found, quickly = await asyncio.get_running_loop().run_in_executor(pool, _asked, host, port, family)
        if quickly:
            self._known[host] = None
            if len(self._known) > KNOWN_MAX:
                self._known.popitem(last=False)
        return found

    async def close(self) -> None:
        """Let the threads end."""
        for pool in (self._for_known, self._for_new):
            pool.shutdown(wait=False, cancel_futures=True)


def _asked(host: str, port: int, family: socket.AddressFamily) -> tuple[list[ResolveResult], bool]:
    began = monotonic()
    found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    addresses = [
        ResolveResult(
            hostname=host, host=str(at[0]), port=int(at[1]), family=kind, proto=proto, flags=socket.AI_NUMERICHOST
        )
        for kind, _, proto, _, at in found
    ]
    return addresses, monotonic() - began < SLOW_S
