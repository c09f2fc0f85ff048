"""Read addresses of the form `redis+sentinel://user:password@host:port,host:port/service/db`."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

SCHEMES = ("redis+sentinel", "rediss+sentinel")
PORT = 26379
SHAPE = "redis+sentinel://host:port,host:port/service/db"
_URL = re.compile(r"(?P<scheme>rediss?\+sentinel)://(?:(?P<login>[^/]*)@)?(?P<hosts>[^/?#]*)(?P<path>/[^?#]*)?")
_HOST = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<name>[^\s:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")


class SentinelUrlError(ValueError):
    """An address that cannot be used; its text says what would be right."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user and password; both None when no login is needed."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """The sentinels, the name under which they know the store, and how to log in to the store itself."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    db: int = 0
    login: Login = Login()
    tls: bool = False


def is_sentinel_url(url: str) -> bool:
    """Whether the address names sentinels rather than a store."""
    return url.partition("://")[0] in SCHEMES


def parse(url: str) -> SentinelUrl:
    """Parse an address; SentinelUrlError when a part of it is wrong."""
    match = _URL.fullmatch(url)
    if match is None:
        raise SentinelUrlError(f"be {SHAPE}, without a query")
    service, _, db = (match["path"] or "").strip("/").partition("/")
    if not service:
        raise SentinelUrlError(f"name the service that the sentinels monitor, as {SHAPE}")
    if not re.fullmatch(r"[0-9]{0,4}", db):
        raise SentinelUrlError(f"end in the number of a database, as {SHAPE}")
    return SentinelUrl(
        tuple(_host(part.strip()) for part in match["hosts"].split(",")),
        unquote(service),
        int(db or 0),
        _login(match["login"]),
        tls=match["scheme"] == "rediss+sentinel",
    )


def _host(text: str) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    if match is None:
        if text.count(":") > 1 and "[" not in text:
            raise SentinelUrlError("have IPv6 addresses in brackets, as [::1]:26379")
        raise SentinelUrlError(f"name each sentinel as host, host:port or [IPv6]:port, separated by commas: {SHAPE}")
    port = int(match["port"] or PORT)
    if not 1 <= port <= 65535:
        raise SentinelUrlError(f"have ports from 1 to 65535, as {SHAPE}")
    return match["ipv6"] or match["name"], port


def _login(text: str | None) -> Login:
    if not text:
        return Login()
    username, _, password = text.partition(":")
    return Login(unquote(username) or None, unquote(password) or None)
