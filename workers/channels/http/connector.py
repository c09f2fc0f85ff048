"""Connects to an endpoint, to those of its addresses only that deliveries may reach."""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection

from webhook_app.outbound.addresses import Network, refused
from webhook_app.outbound.tls import tls_context
from workers.channels.http.connection import HttpConnection
from workers.channels.http.resolver import Resolver
from workers.channels.http.target import RequestTarget

CONNECT_TIMEOUT_S = 5.0
HINT_ADDRESSES_MAX = 4
NEXT_ADDRESS_S = 0.25  # the connection attempt delay of RFC 8305


class BlockedAddressError(OSError):
    """Every address of the endpoint is inside, and no setting allows any of them."""


class Connector:
    """Connects to what may be reached; the sandbox's own port always may."""

    def __init__(self, *, allowed: Sequence[Network], exempt_url: str | None) -> None:
        self._allowed = tuple(allowed)
        self._exempt = _port_of(exempt_url)
        self._resolver = Resolver()
        self._tls = tls_context()

    async def connect(self, to: RequestTarget, wire: Callable[[], HttpConnection]) -> HttpConnection:
        """Connect. socket.gaierror, BlockedAddressError, TimeoutError, ssl.SSLError or another OSError."""
        resolved = await self._resolver.addresses(to.host, to.port)
        addresses = [info for info in resolved if self._may_reach(info[4])]
        if not addresses:
            raise BlockedAddressError(blocked_message([info[4][0] for info in resolved]))
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            # Nothing is resolved again from here on: these very addresses are connected to.
            connected = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_S)
            more: dict[str, Any] = {"ssl": self._tls, "server_hostname": to.host} if to.tls else {}
            _, made = await asyncio.get_running_loop().create_connection(wire, sock=connected, **more)
        return made

    async def close(self) -> None:
        """Ask for no further names."""
        await self._resolver.close()

    def _may_reach(self, address: tuple[Any, ...]) -> bool:
        return not refused(address[0], self._allowed) or self._exempt == (address[0], address[1])


def blocked_message(addresses: Sequence[str]) -> str:
    """Why nothing was sent, and which setting changes that."""
    several = len(addresses) > 1
    listed = ", ".join(addresses[:HINT_ADDRESSES_MAX])
    return (
        f"Not sent: {listed} {'are' if several else 'is'} private, loopback or reserved. "
        f"ALLOW_NETWORKS can allow {'them' if several else 'it'}."
    )


def _port_of(url: str | None) -> tuple[str, int] | None:
    if url is None:
        return None
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return host, parts.port or 80
