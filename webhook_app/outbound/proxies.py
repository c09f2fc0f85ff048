"""Which proxy a request goes through: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, read alike by every outbound client."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from webhook_app.outbound.addresses import is_loopback, is_within

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of the settings. `no_proxy` lists the targets that are connected to directly."""

    https: str | None = None
    http: str | None = None
    no_proxy: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Show which are set and no more: their addresses may hold a password."""
        return f"Proxies(https={'set' if self.https else None}, http={'set' if self.http else None})"

    def proxy_for(self, url: str) -> str | None:
        """The proxy for a request to `url`; None for a direct connection.

        Requests to this machine never use a proxy, whatever NO_PROXY says.
        """
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS.get(parts.scheme)
        except ValueError:
            return None
        proxy = {"https": self.https, "http": self.http}.get(parts.scheme)
        if proxy is None or _is_this_machine(host) or any(_matches(entry, host, port) for entry in self.no_proxy):
            return None
        return proxy

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that are set, for messages."""
        variables = (("HTTPS_PROXY", self.https), ("HTTP_PROXY", self.http))
        return tuple(name for name, value in variables if value is not None)


DIRECT = Proxies()


def shown_proxy(proxy: str) -> str:
    """A proxy's address without its user and password."""
    parts: SplitResult = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _is_this_machine(host: str) -> bool:
    return is_loopback(host) or host.endswith(".localhost")


def _matches(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY names this target.

    1. `*` names everything.
    2. A network or an address names addresses; with a port (`10.0.0.1:8080`) only that port.
    3. A domain names itself and every name below it, with or without a leading `.` or `*.`.
    """
    if entry == "*":
        return True
    name, entry_port = _split_port(entry.lower())
    if entry_port is not None and entry_port != port:
        return False
    try:
        network = ipaddress.ip_network(name, strict=False)
    except ValueError:
        domain = name.removeprefix("*").strip(".")
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))
    try:
        return is_within(ipaddress.ip_address(host), (network,))
    except ValueError:
        return False


def _split_port(entry: str) -> tuple[str, int | None]:
    """The name and the port of an entry; the colons of a bare IPv6 address separate no port."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        name, _, port = entry.partition(":")
    else:
        return entry, None
    return name, int(port) if port.isdecimal() and len(port) <= 5 else None
