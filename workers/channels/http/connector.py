"""Connects to a request target, only to those of its addresses that deliveries may reach."""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection

from webhook_app.outbound.addresses import Network, refused
from webhook_app.outbound.tls import tls_context
from workers.channels.blocked import BlockedAddressError, blocked_message
from workers.channels.http.connection import HttpConnection
from workers.channels.http.limits import HttpLimits
from workers.channels.http.resolver import Resolver
from workers.channels.http.target import RequestTarget


class Connector:
    """Resolves, checks every address, and connects (RFC 8305). The sandbox's own address and port are exempt."""

    def __init__(
        self,
        *,
        allowed: Sequence[Network],
        exempt_url: str | None,
        limits: HttpLimits = HttpLimits(),  # noqa: B008 - frozen
        resolver: Resolver | None = None,
    ) -> None:
        self._allowed = tuple(allowed)
        self._exempt = _address_of(exempt_url)
        self._limits = limits
        self._resolver = resolver or Resolver()

    async def connect(self, target: RequestTarget, new_connection: Callable[[], HttpConnection]) -> HttpConnection:
        """Connect to a target.

        socket.gaierror, BlockedAddressError, TimeoutError, ssl.SSLError or another OSError.
        """
        resolved = await self._resolver.addresses(target.host, target.port)
        addresses = [info for info in resolved if self._may_reach(info[4])]
        if not addresses:
            raise BlockedAddressError(blocked_message([info[4][0] for info in resolved]))
        async with asyncio.timeout(self._limits.connect_timeout_s):
            # The name is not resolved again: only the checked addresses are connected to.
            connected = await start_connection(addresses, happy_eyeballs_delay=self._limits.next_address_delay_s)
            options: dict[str, Any] = {"ssl": tls_context(), "server_hostname": target.host} if target.tls else {}
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(new_connection, sock=connected, **options)
        return connection

    async def close(self) -> None:
        """Stop resolving names."""
        await self._resolver.close()

    def _may_reach(self, address: tuple[Any, ...]) -> bool:
        return not refused(address[0], self._allowed) or self._exempt == (address[0], address[1])


def _address_of(url: str | None) -> tuple[str, int] | None:
    """The address and port that a URL names by number; None for a name."""
    if url is None:
        return None
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return host, parts.port or 80
