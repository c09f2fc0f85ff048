"""IP addresses: which are this machine's, which lie in a network, and which deliveries may not reach."""

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
# Inside in every release of Python, whatever its own tables say.
SPECIAL: tuple[Network, ...] = tuple(
    map(ipaddress.ip_network, ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "fec0::/10"))
)


def refused(address: str, allowed: Iterable[Network]) -> bool:
    """Whether an address is inside (private, loopback, link-local, reserved …) and not allowed by a setting.

    Check it after resolution, as the connection is made. IPv4 that is mapped, translated or tunnelled into IPv6 counts
    as the IPv4 address it means.
    """
    try:
        parsed: Address = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return True
    candidates = [parsed, *_embedded(parsed)]
    networks = tuple(allowed)
    return any(_inside(candidate) and not is_within(candidate, networks) for candidate in candidates)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its address or its name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether an address lies in one of these networks."""
    return any(address.version == network.version and address in network for network in networks)


def _inside(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and list(_embedded(address)):
        return False
    return not address.is_global or address.is_multicast or address.is_reserved or is_within(address, SPECIAL)


def _embedded(address: Address) -> Iterable[Address]:
    if not isinstance(address, ipaddress.IPv6Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield address.teredo[1]
    elif address in NAT64 or address in NAT64_LOCAL:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
