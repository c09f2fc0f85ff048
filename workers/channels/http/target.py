"""An endpoint's URL, read once: where to connect, and how every request to it begins."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from yarl import URL

from webhook_app.outbound.agent import USER_AGENT

DELIVERY_AGENT = f"{USER_AGENT} (Standard Webhooks)"
PORTS = {"http": 80, "https": 443}
URLS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """`line` and what follows it are the head of a POST, up to the fields of the one request."""

    host: str
    port: int
    tls: bool
    head: str

    def request(self, fields: Mapping[str, str], body: bytes) -> bytes:
        """A POST as it goes out. ValueError when a field would end its line."""
        lines = [self.head]
        for name, value in fields.items():
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"the field {name} is not one line of ASCII")
            lines.append(f"{name}: {value}\r\n")
        lines.append(f"content-length: {len(body)}\r\n\r\n")
        return "".join(lines).encode() + body


@lru_cache(maxsize=URLS_KEPT)
def parse_target(url: str) -> RequestTarget:
    """Read an http(s) URL. ValueError when it is none.

    It is sent as it was given: what a URL's escapes mean is its owner's business.
    """
    parsed = URL(url, encoded=url.isascii())
    host, port = parsed.raw_host, parsed.port
    if parsed.scheme not in PORTS or not host or not port:
        raise ValueError("it is no http(s) URL")
    host = host.rstrip(".")
    named = f"[{host}]" if ":" in host else host
    if port != PORTS[parsed.scheme]:
        named += f":{port}"
    lines = [
        f"POST {parsed.raw_path_qs or '/'} HTTP/1.1",
        f"host: {named}",
        f"user-agent: {DELIVERY_AGENT}",
        "accept: */*",
        "accept-encoding: identity",
    ]
    if parsed.user is not None or parsed.password is not None:
        user = f"{parsed.user or ''}:{parsed.password or ''}".encode()
        lines.append(f"authorization: Basic {base64.b64encode(user).decode()}")
    if " " in host + parsed.raw_path_qs or not all(line.isascii() and line.isprintable() for line in lines):
        raise ValueError("it holds what no URL may hold unescaped")
    return RequestTarget(host, port, parsed.scheme == "https", "\r\n".join(lines) + "\r\n")
