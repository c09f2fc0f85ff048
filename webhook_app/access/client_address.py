"""The address of the client of a request, behind trusted proxies."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from webhook_app.outbound.addresses import Address, Network, is_within

PROXIES_MAX = 16
UNKNOWN = "unknown"
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")


def client_address(environ: Mapping[str, Any], trusted: Iterable[Network]) -> str:
    """Return the nearest address that is not a trusted proxy.

    1. The peer of the connection, unless it is a trusted proxy.
    2. Then X-Forwarded-For, from the right: each proxy appends the peer that it saw itself, and anything further left
       comes from an unknown sender.
    3. The first address that is not a trusted proxy. What is not an address ends the walk: the proxy that passed it on
       stands for whoever is behind it.
    """
    networks = tuple(trusted)
    address = _address(str(environ.get("REMOTE_ADDR") or ""))
    if address is None:
        return UNKNOWN
    hops = str(environ.get("HTTP_X_FORWARDED_FOR") or "").rsplit(",", PROXIES_MAX)
    while is_within(address, networks) and hops:
        named = _address(hops.pop())
        if named is None:
            break
        address = named
    return str(address)


def client_network(address: str) -> str:
    """Return the network by which failures are counted: an IPv4 address, or the /64 of an IPv6 address."""
    parsed = _address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return UNKNOWN if parsed is None else str(parsed)


def _address(text: str) -> Address | None:
    """Parse an address, with or without port and brackets; IPv4-mapped IPv6 becomes IPv4."""
    text = text.strip()
    with_port = _WITH_PORT.fullmatch(text)
    if with_port is not None:
        text = with_port[1] or with_port[2]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, ipaddress.IPv6Address) else parsed
