"""Reads a reverse proxy's headers: the browser's scheme, and the path prefix under which Tallylight is served."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from webhook_app.config.path_prefix import is_prefix
from webhook_app.outbound.addresses import Network, is_within

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_HEADERS = frozenset(
    {b"x-forwarded-proto", b"x-forwarded-prefix", b"x-forwarded-host", b"x-forwarded-for", b"forwarded", b"x-real-ip"}
)


class Forwarding:
    """Restores each request's scheme and path as the browser sent them.

    1. Headers of a proxy count only when the connection comes from one of TRUSTED_PROXIES.
    2. The scheme is X-Forwarded-Proto's. A proxy that does not send it is assumed to use the scheme of PUBLIC_URL when
       the request names PUBLIC_URL's host.
    3. The prefix is X-Forwarded-Prefix, else the path of PUBLIC_URL when the request names its host (in
       X-Forwarded-Host or Host) or when the path begins with it. So `/tally/rooms` is served whether or not the proxy
       strips `/tally`, and an address without the prefix (this machine, the LAN) keeps working.
    4. A path that still begins with the prefix loses it.
    """

    def __init__(self, public_url: str | None, trusted: Iterable[Network]) -> None:
        parts = urlsplit(public_url or "")
        self._scheme = parts.scheme
        self._host = (parts.hostname or "").lower()
        self._port = str(parts.port or _DEFAULT_PORTS.get(parts.scheme, ""))
        self._prefix = parts.path.rstrip("/")
        networks = tuple(trusted)

        @lru_cache(maxsize=1_024)
        def is_trusted(peer: str) -> bool:
            try:
                address = ipaddress.ip_address(peer.partition("%")[0])
            except ValueError:
                return False
            return is_within(getattr(address, "ipv4_mapped", None) or address, networks)

        self._is_trusted = is_trusted

    def applied(self, scope: Any) -> Any:
        """The ASGI scope with the browser's scheme, `root_path` the prefix, and the path without it."""
        forwarded = {name: value for name, value in scope["headers"] if name in _HEADERS}
        if not forwarded and not self._prefix:
            return scope
        if not self._is_trusted(str((scope.get("client") or ("",))[0])):
            forwarded = {}
        names_us = self._names_us(scope, forwarded)
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        prefix = self._prefix_of(forwarded, names_us, raw_path)
        scheme = self._scheme_of(scope["scheme"], forwarded, names_us)
        applied = {**scope, "scheme": scheme, "root_path": prefix}
        if prefix and _begins_with(raw_path, prefix.encode()):
            applied["raw_path"] = raw_path[len(prefix) :] or b"/"
            applied["path"] = scope["path"][len(prefix) :] or "/"
        return applied

    def _prefix_of(self, forwarded: dict[bytes, bytes], names_us: bool, raw_path: bytes) -> str:
        header = forwarded.get(b"x-forwarded-prefix")
        if header is not None:
            prefix = header.decode("latin-1").strip().rstrip("/")
            if is_prefix(prefix):
                return prefix
        return self._prefix if names_us or _begins_with(raw_path, self._prefix.encode()) else ""

    def _scheme_of(self, scheme: str, forwarded: dict[bytes, bytes], names_us: bool) -> str:
        header = forwarded.get(b"x-forwarded-proto")
        if header is not None:
            named = header.decode("latin-1").partition(",")[0].strip().lower()
            return named if named in ("http", "https") else scheme
        return self._scheme if forwarded and names_us else scheme

    def _names_us(self, scope: Any, forwarded: dict[bytes, bytes]) -> bool:
        """Whether the request names PUBLIC_URL's host; a proxy may leave out the port."""
        if not self._host:
            return False
        header = forwarded.get(b"x-forwarded-host") or next(
            (value for name, value in scope["headers"] if name == b"host"), b""
        )
        host, port = _split_host(header.decode("latin-1").partition(",")[0].strip().lower())
        return host == self._host and port in ("", self._port)


def _begins_with(path: bytes, prefix: bytes) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/", b"?")


def _split_host(host: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal():
        return name.strip("[]"), port
    return host.strip("[]"), ""
