"""Check that a subscriber's URL can be delivered to at all."""

import socket

from webhook_app.outbound.addresses import Network, refused
from webhook_app.outbound.channel_kinds import channel_kind_of
from webhook_app.outbound.url_checks import UNREADABLE
from webhook_app.usecases.errors import InvalidInputError


def check_url(url: str, allowed: tuple[Network, ...], sandbox_url: str | None) -> None:
    """Raise InvalidInputError for a URL that could never be delivered to.

    `allowed` are the private networks that deliveries may reach; URLs of the sandbox are always allowed.
    """
    fault = _fault(url, allowed, sandbox_url)
    if fault is not None:
        raise InvalidInputError("The URL cannot be used.", errors={"url": [fault]})


def _fault(url: str, allowed: tuple[Network, ...], sandbox_url: str | None) -> str | None:
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        return "must not contain spaces or control characters"
    if "://" not in url:
        return UNREADABLE
    try:
        host = channel_kind_of(url).urls.host(url)
    except ValueError as error:
        return str(error)
    if sandbox_url is not None and url.startswith(sandbox_url + "/"):
        return None
    return _host_fault(host, allowed)


def _host_fault(host: str, allowed: tuple[Network, ...]) -> str | None:
    address = _as_address(host)
    if address is not None and refused(address, allowed):
        return f"{host} is a private, loopback or reserved address; ALLOW_NETWORKS can allow its network"
    if (host == "localhost" or host.endswith(".localhost")) and refused("127.0.0.1", allowed):
        return f"{host} is a loopback address; ALLOW_NETWORKS can allow 127.0.0.0/8"
    return None


def _as_address(host: str) -> str | None:
    """The IP address that a host is, if any; also when written as one number, in octal, hexadecimal or shortened."""
    if ":" in host:
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host)) if host and host[0].isdigit() else None
    except OSError:
        return host if host.replace(".", "").isdecimal() else None
