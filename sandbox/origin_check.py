"""Protect the sandbox's page and controls from other web sites; its own page and programs may use them."""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from aiohttp import web

from sandbox.entities import RefusedError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# VideoSDK's own paths require a token in a header, and players on any site may fetch a stream.
OPEN_PREFIXES = ("/v2", "/meetings-hls/")
READING = frozenset({"GET", "HEAD"})
SAME_SITE = frozenset({"same-origin", "none"})
HEADERS = {
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,253}))(?::\d{0,5})?")


@web.middleware
async def refuse_other_sites(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests from pages of other sites, and forbid framing."""
    if request.path.startswith(OPEN_PREFIXES):
        return await handler(request)
    reason = refusal(request.method, request.path, request.headers)
    if reason is not None:
        raise RefusedError(403, reason)
    response = await handler(request)
    response.headers.update(HEADERS)
    return response


def refusal(method: str, path: str, headers: Mapping[str, str]) -> str | None:
    """Return why a request is refused, or None if it is allowed.

    1. Its Host must be an IP address or a name without a dot: a public name may resolve to this machine.
    2. Browsers send where a request comes from. Programs do not, and are allowed.
    3. Any site may link to the page at `/`, which changes nothing.
    """
    host = headers.get("Host", "")
    if host and not _is_local(host):
        return "open the sandbox by its IP address, such as http://127.0.0.1:8001"
    if path == "/" and method in READING:
        return None
    origin, fetched_from = headers.get("Origin"), headers.get("Sec-Fetch-Site", "none")
    if fetched_from not in SAME_SITE or (origin is not None and not _is_same_host(origin, host)):
        return "other sites may not use the sandbox's controls"
    return None


def _is_local(host: str) -> bool:
    read = _HOST.fullmatch(host)
    if read is None:
        return False
    name = read["v6"] or read["name"]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return read["v6"] is None and "." not in name
    return True


def _is_same_host(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
