"""Check that a subscriber's URL can be delivered to at all."""

import socket
from urllib.parse import urlsplit

from webhook_app.domain.delivery.subscriber import is_http
from webhook_app.outbound.addresses import Network, refused
from webhook_app.outbound.channel_urls import apprise_plugin
from webhook_app.outbound.native_chats import native_chat_hint
from webhook_app.outbound.url_checks import UNREADABLE, url_fault
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
    if not is_http(url) and "://" not in url:
        return UNREADABLE
    if is_http(url):
        fault = url_fault(url) or native_chat_hint(url)
        if fault is not None:
            return fault
        if sandbox_url is not None and url.startswith(sandbox_url + "/"):
            return None
        host = urlsplit(url).hostname
    else:
        try:
            plugin = apprise_plugin(url)
        except ValueError as error:
            return str(error)
        host = getattr(plugin, "smtp_host", None) or getattr(plugin, "host", None)
    return _host_fault(str(host or ""), allowed)


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
