"""Dialling: from an endpoint to a connection with an address that is outside, checked as the socket is made."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection

from webhook_app.addresses import Network, refused
from workers.endpoint import Endpoint
from workers.resolving import Resolver
from workers.wire import Wire

CONNECT_TIMEOUT_S = 5.0
NEXT_ADDRESS_S = 0.25  # the connection attempt delay of RFC 8305


class BlockedAddressError(OSError):
    """The endpoint's address is inside, and no setting allows it."""


class Dialler:
    """Connects to what may be reached; the sandbox's own port always may."""

    def __init__(self, *, allowed: Sequence[Network], exempt_url: str | None) -> None:
        self._allowed = tuple(allowed)
        self._exempt = _port_of(exempt_url)
        self._resolver = Resolver()
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["http/1.1"])

    async def dial(self, to: Endpoint, wire: Callable[[], Wire]) -> Wire:
        """Connect. socket.gaierror, BlockedAddressError, TimeoutError, ssl.SSLError or another OSError."""
        addresses = await self._resolver.addresses(to.host, to.port)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            connected = await start_connection(
                addresses, happy_eyeballs_delay=NEXT_ADDRESS_S, socket_factory=self._socket
            )
            more: dict[str, Any] = {"ssl": self._tls, "server_hostname": to.host} if to.tls else {}
            _, made = await asyncio.get_running_loop().create_connection(wire, sock=connected, **more)
        return made

    async def close(self) -> None:
        """Ask for no further names."""
        await self._resolver.close()

    def _socket(self, info: Any) -> socket.socket:
        family, kind, proto, _, address = info
        if refused(address[0], self._allowed) and self._exempt != (address[0], address[1]):
            # Where a name has several addresses, and each is refused in the same words, this very error comes out.
            raise BlockedAddressError("the address is not outside")
        return socket.socket(family=family, type=kind, proto=proto)


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
