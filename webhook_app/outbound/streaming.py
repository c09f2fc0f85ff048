"""Makes HTTP clients for an event loop (`aiohttp`), for addresses that users give; private networks are refused."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from webhook_app.domain.explanations import explain
from webhook_app.domain.failures import Failure
from webhook_app.outbound.addresses import Network, refused
from webhook_app.outbound.agent import USER_AGENT
from webhook_app.outbound.proxies import Proxies
from webhook_app.outbound.tls import tls_context

CONNECT_TIMEOUT_S = 5.0
LOOK_UP_TIMEOUT_S = 3.0


class PrivateAddressError(OSError):
    """A host has a private address that ALLOW_NETWORKS does not allow."""

    def __init__(self, address: str) -> None:
        self.explanation = explain(Failure.PRIVATE_ADDRESS, address=address)
        super().__init__(self.explanation.text)


@dataclass(frozen=True, slots=True)
class GuardedClient:
    """Sends requests directly, or through the proxy of the settings.

    1. A direct connection is checked as it is made, with the address that it goes to.
    2. Through a proxy only the proxy knows that address: it is checked here as far as this machine can look it up, and
       the rest is the proxy's own list of what may be reached.
    """

    proxies: Proxies
    allowed: tuple[Network, ...]
    direct: aiohttp.ClientSession
    proxied: aiohttp.ClientSession

    async def get(self, url: URL, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Send a GET and return the response, even a redirect; the caller closes it. Raises PrivateAddressError."""
        proxy = self.proxies.proxy_for(str(url))
        if proxy is None:
            return await self.direct.get(url, headers=headers, allow_redirects=False)
        await self._check_name(url)
        return await self.proxied.get(url, headers=headers, allow_redirects=False, proxy=proxy)

    async def _check_name(self, url: URL) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOK_UP_TIMEOUT_S):
                addresses = await loop.getaddrinfo(url.raw_host or "", url.port or 0, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError):
            return  # where a proxy is the only way out, this machine often cannot look names up
        for *_, address in addresses:
            if refused(str(address[0]), self.allowed):
                raise PrivateAddressError(str(address[0]))


@asynccontextmanager
async def guarded_client(
    proxies: Proxies, allowed: Sequence[Network], *, headers: Mapping[str, str]
) -> AsyncIterator[GuardedClient]:
    """A client for as long as the body runs; `headers` go with every request."""
    options: dict[str, Any] = {
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
        "headers": {"User-Agent": USER_AGENT, **headers},
        "auto_decompress": False,
    }
    async with (
        aiohttp.ClientSession(
            connector=_connector(_guarded_sockets(tuple(allowed))), cookie_jar=aiohttp.DummyCookieJar(), **options
        ) as direct,
        aiohttp.ClientSession(connector=_connector(None), cookie_jar=aiohttp.DummyCookieJar(), **options) as proxied,
    ):
        yield GuardedClient(proxies, tuple(allowed), direct, proxied)


def _connector(sockets: Callable[[Any], socket.socket] | None) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(ssl=tls_context(), socket_factory=sockets, use_dns_cache=False, force_close=True)


def _guarded_sockets(allowed: tuple[Network, ...]) -> Callable[[Any], socket.socket]:
    def make(info: Any) -> socket.socket:
        family, kind, proto, _, address = info
        if refused(address[0], allowed):
            raise PrivateAddressError(address[0])
        return socket.socket(family=family, type=kind, proto=proto)

    return make
