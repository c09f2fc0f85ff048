"""A request target parsed from a URL: where to connect, and how every request to it begins."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from yarl import URL

from webhook_app.outbound.agent import USER_AGENT

DELIVERY_AGENT = f"{USER_AGENT} (Standard Webhooks)"
PORTS = {"http": 80, "https": 443}
TARGETS_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """`head` holds the request line and the headers that all requests to this URL share."""

    host: str
    port: int
    tls: bool
    head: str

    def request(self, headers: Mapping[str, str], body: bytes) -> bytes:
        """A whole POST request. ValueError when a header's value is not one line of ASCII."""
        lines = [self.head]
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"the header {name} is not one line of ASCII")
            lines.append(f"{name}: {value}\r\n")
        lines.append(f"content-length: {len(body)}\r\n\r\n")
        return "".join(lines).encode() + body


@lru_cache(maxsize=TARGETS_CACHED)
def parse_target(url: str) -> RequestTarget:
    """Parse an http(s) URL; ValueError for any other.

    The path and query are sent as they were given: what escapes mean is up to the endpoint.
    """
    parsed = URL(url, encoded=url.isascii())
    host, port = parsed.raw_host, parsed.port
    if parsed.scheme not in PORTS or not host or not port:
        raise ValueError("not an http(s) URL")
    host = host.rstrip(".")
    authority = f"[{host}]" if ":" in host else host
    if port != PORTS[parsed.scheme]:
        authority += f":{port}"
    lines = [
        f"POST {parsed.raw_path_qs or '/'} HTTP/1.1",
        f"host: {authority}",
        f"user-agent: {DELIVERY_AGENT}",
        "accept: */*",
        "accept-encoding: identity",
    ]
    if parsed.user is not None or parsed.password is not None:
        credentials = f"{parsed.user or ''}:{parsed.password or ''}".encode()
        lines.append(f"authorization: Basic {base64.b64encode(credentials).decode()}")
    if " " in host + parsed.raw_path_qs or not all(line.isascii() and line.isprintable() for line in lines):
        raise ValueError("the URL contains characters that must be percent-encoded")
    return RequestTarget(host, port, parsed.scheme == "https", "\r\n".join(lines) + "\r\n")
