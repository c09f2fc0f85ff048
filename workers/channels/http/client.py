"""POSTs over kept connections: takes an idle one or connects, within one total time limit."""

import asyncio
from collections.abc import Mapping, Sequence
from time import perf_counter

from webhook_app.outbound.addresses import Network
from workers.channels.http.connection import HttpConnection, HttpResponse, UnansweredError
from workers.channels.http.connector import Connector
from workers.channels.http.limits import HttpLimits
from workers.channels.http.pool import ConnectionPool
from workers.channels.http.resolver import Resolver
from workers.channels.http.target import parse_target


class HttpClient:
    """One per event loop."""

    def __init__(
        self,
        *,
        allowed: Sequence[Network],
        exempt_url: str | None = None,
        limits: HttpLimits = HttpLimits(),  # noqa: B008 - frozen
        resolver: Resolver | None = None,
        connector: Connector | None = None,
    ) -> None:
        self._limits = limits
        self._connector = connector or Connector(
            allowed=allowed, exempt_url=exempt_url, limits=limits, resolver=resolver
        )
        self._pool = ConnectionPool(limits)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """POST once and return the response as soon as its status settles it.

        ValueError for a URL or header that cannot be sent; TimeoutError; BlockedAddressError, socket.gaierror,
        ssl.SSLError, NotHttpError, UnansweredError or another OSError.
        """
        give_up_at = perf_counter() + self._limits.total_timeout_s
        target = parse_target(url)
        request = target.request(headers, body)
        connection = self._pool.take(target)
        if connection is not None:
            try:
                return await self._pool.request(target, connection, request, give_up_at)
            except UnansweredError:
                pass  # closed while idle; a receiver that did see the request recognises the repeat by its webhook-id
        async with asyncio.timeout(give_up_at - perf_counter()):
            connection = await self._connector.connect(target, self._new_connection)
        return await self._pool.request(target, connection, request, give_up_at)

    async def close(self) -> None:
        """Close the idle connections and stop resolving names."""
        self._pool.close()
        await self._connector.close()

    def _new_connection(self) -> HttpConnection:
        return HttpConnection(kept_bytes=self._limits.body_kept_bytes, body_timeout_s=self._limits.body_timeout_s)
