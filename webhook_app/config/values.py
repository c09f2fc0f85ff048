"""Parse the values of settings. Each reader returns a value or raises InvalidValueError, which says what is valid."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from webhook_app.config.path_prefix import OWN_SEGMENTS, is_prefix
from webhook_app.config.sentinel_url import SentinelUrlError, is_sentinel_url
from webhook_app.config.sentinel_url import parse as parse_sentinel_url
from webhook_app.domain.globs import check_glob
from webhook_app.domain.times import format_duration, parse_duration
from webhook_app.outbound.addresses import Network
from webhook_app.outbound.url_checks import url_fault

LOOPBACK_NETWORKS: tuple[Network, ...] = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))

TOKEN_MIN_CHARS = 16
_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*")

_NUMBER = r"[0-9]+(\.[0-9]+)?"
_STORE_OPTIONS = {  # of an address of a store, by name: the form of their values
    "db": r"[0-9]{1,4}",
    "username": r".+",
    "password": r".+",
    "client_name": r"[\x21-\x7e]+",
    "socket_timeout": _NUMBER,
    "socket_connect_timeout": _NUMBER,
    "socket_keepalive": r"(?i:true|false|yes|no)",
    "max_connections": r"[1-9][0-9]{0,6}",
}


class InvalidValueError(ValueError):
    """An invalid value; the message says what would be right."""


def integer(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers from `low` to `high`, both included."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not low <= int(text) <= high:
            raise _should(f"be an integer from {low} to {high}")
        return int(text)

    return read


def duration(low_s: int, high_s: int) -> Callable[[str], int]:
    """Parse a duration as rules write it, to seconds."""

    def read(text: str) -> int:
        try:
            seconds = parse_duration(text)
        except ValueError:
            seconds = -1
        if not low_s <= seconds <= high_s:
            raise _should(f"be a duration from {format_duration(low_s)} to {format_duration(high_s)}, such as 2h")
        return seconds

    return read


def choice(*names: str) -> Callable[[str], str]:
    """A reader that accepts exactly one of these names."""

    def read(text: str) -> str:
        if text not in names:
            raise _should("be " + " or ".join(names))
        return text

    return read


def boolean(text: str) -> bool:
    """Read `1`, `true`, `yes`, `on` or their opposites. Raises `InvalidValueError`."""
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise _should("be 1 (on) or 0 (off)")


def host(text: str) -> str:
    """Read a host name or IP address to listen on. Raises `InvalidValueError`."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        looks_like_an_address = re.fullmatch(r"[0-9.]+", text)
        if looks_like_an_address or not _HOST_NAME.fullmatch(text):
            raise _should("be an address or a host name, such as 127.0.0.1, 0.0.0.0 or localhost") from None
        return text


def url(text: str) -> str:
    """Parse a base URL: without query, user, or trailing slash."""
    if "?" in text or "#" in text or "@" in _parts(text)[1]:
        raise _should("be http:// or https:// with host and path only")
    return text.rstrip("/")


def public_url(text: str) -> str:
    """Parse a base URL, with a path if the host serves other things too."""
    base = url(text)
    path = urlsplit(base).path
    if not is_prefix(path):
        first = path.split("/")[1]
        if first in OWN_SEGMENTS:
            raise _should(f"have another path, such as /tally: /{first} is used by Tallylight itself")
        raise _should("have a path of letters, digits and - . _ ~ only, such as https://example.org/tally")
    return base


def api_url(text: str) -> str:
    """Read the base URL of VideoSDK's API. Raises `InvalidValueError`."""
    base = url(text)
    if re.search(r"/v\d+$", base):
        raise _should("be the URL without /v2 at the end")
    return base


def fetched_url(text: str) -> str:
    """Parse a URL that is fetched unchanged; push monitors put parameters into its query."""
    _parts(text)
    return text


def redis_url(text: str) -> str:
    """Parse a URL that `redis.from_url` accepts, or `redis+sentinel://host:port,host:port/service/db`."""
    scheme = text.partition("://")[0]
    if is_sentinel_url(text):
        try:
            parse_sentinel_url(text)
        except SentinelUrlError as error:
            raise _should(str(error)) from None
        return text
    try:
        parts = urlsplit(text)
        usable = scheme == "unix" and parts.path.startswith("/")
        if scheme in ("redis", "rediss") and parts.hostname and re.fullmatch(r"(/\d*)?", parts.path):
            usable = parts.port is None or parts.port > 0
    except ValueError:
        usable = False
    if usable:
        _check_store_options(parts.query)
        return text
    fault = url_fault(text) if scheme in ("redis", "rediss") else None
    if fault is not None and "write" in fault and "%" in fault:
        raise _should(f"be redis://user:password@host:port/db ({fault})")
    if scheme in ("redis", "rediss") and re.search(r":[0-9A-Fa-f]*:", text.rpartition("@")[2]) and "[" not in text:
        raise _should("have its IPv6 address in brackets, such as redis://[::1]:6379/0")
    raise _should("be redis://host:port/db, rediss://…, unix:///path/of.sock or redis+sentinel://…")


def _check_store_options(query: str) -> None:
    """Reject options that the client does not know, or that would make its responses unreadable."""
    for name, value in parse_qsl(query, keep_blank_values=True):
        shape = "[^\\s]+" if name.startswith("ssl_") else _STORE_OPTIONS.get(name)
        if shape is None:
            options = ", ".join((*_STORE_OPTIONS, "ssl_…"))
            raise _should(f"have no option '{name}' in its query; the options are {options}")
        if not re.fullmatch(shape, value):
            raise _should(f"have a valid value for the option '{name}' in its query")


def printable(text: str) -> str:
    """Read 1 to 512 printable characters. Raises `InvalidValueError`."""
    if not re.fullmatch(r"[^\x00-\x1f\x7f]{1,512}", text):
        raise _should("be 1 to 512 characters without control characters")
    return text


def token(text: str) -> str:
    """Read an access token: 16 to 512 visible ASCII characters. Raises `InvalidValueError`."""
    if not re.fullmatch(r"[\x21-\x7e]{16,512}", text):
        raise _should(f"be {TOKEN_MIN_CHARS} to 512 printable ASCII characters without spaces")
    return text


def url_token(text: str) -> str:
    """Read a token that may stand in a URL: 8 to 128 letters, digits, `_` and `-`. Raises `InvalidValueError`."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{8,128}", text):
        raise _should("be 8 to 128 letters, digits, '-' or '_', since it is part of a URL")
    return text


def credential(text: str) -> str:
    """Read 1 to 512 visible ASCII characters. Raises `InvalidValueError`."""
    if not re.fullmatch(r"[\x21-\x7e]{1,512}", text):
        raise _should("be copied unchanged from the VideoSDK dashboard, without spaces")
    return text


def globs(text: str) -> tuple[str, ...]:
    """Read room patterns separated by commas. Raises `InvalidValueError`."""
    parts = tuple(part.strip() for part in text.split(","))
    if not all(re.fullmatch(r"[^\s\x00-\x1f/]+", part) for part in parts):
        raise _should("be comma-separated room ids or globs, such as abcd-efgh-ijkl,team-*")
    fault = next((fault for part in parts if (fault := check_glob(part)) is not None), None)
    if fault is not None:
        raise _should(f"be comma-separated room ids or globs; {fault}")
    return parts


def networks(text: str) -> tuple[Network, ...]:
    """Read networks in CIDR form separated by commas. Raises `InvalidValueError`."""
    parsed: list[Network] = []
    for part in (piece.strip() for piece in text.split(",")):
        try:
            parsed.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            raise _should("be comma-separated networks, such as 127.0.0.0/8,10.1.0.0/16") from None
        if "/" in part and parsed[-1].network_address != ipaddress.ip_address(part.split("/")[0]):
            raise _should(f"be {parsed[-1]} instead of {part}")
    return tuple(parsed)


def existing_file(text: str) -> Path:
    """Read the path of a file that exists. Raises `InvalidValueError`."""
    path = Path(text)
    if not path.is_file():
        raise _should("be the path of an existing file")
    return path


def ca_file(text: str) -> Path:
    """Parse the path of a PEM file with certificates; OpenSSL silently ignores others, and then trusts nothing."""
    import ssl

    path = Path(text)
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=path)
    except (OSError, ValueError):
        raise _should("be the path of a readable PEM file with certificates") from None
    return path.absolute()


def proxy(text: str) -> str:
    """Parse the URL of a proxy; without a scheme, http:// is assumed."""
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        usable = usable and parts.path in ("", "/") and not parts.query and not parts.fragment
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f]", address):
        raise _should("be an HTTP proxy, such as http://proxy.example.org:3128; SOCKS is not supported")
    return address.rstrip("/")


def no_proxy(text: str) -> tuple[str, ...]:
    """Parse hosts, domains, addresses and networks, separated by commas or spaces; invalid ones match nothing."""
    return tuple(part for part in re.split(r"[,\s]+", text) if part)


def public_key(text: str) -> str:
    """Parse an RSA public key from PEM text, or from the path of a file. `\\n` may stand for line breaks."""
    pem = text.replace("\\n", "\n") if "-----BEGIN" in text else _content(text)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        if isinstance(load_pem_public_key(pem.encode()), RSAPublicKey):
            return pem.strip() + "\n"
    except (ValueError, UnsupportedAlgorithm):
        pass
    raise _should("be an RSA public key as PEM (PKCS#1 or SPKI), or the path of its file")


def _content(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, ValueError):
        raise _should("be PEM text, or the path of a readable file") from None


def _parts(text: str) -> tuple[str, str]:
    if not re.match(r"https?://[^/?#]", text, re.IGNORECASE) or re.search(r"[\s\x00-\x1f]", text):
        raise _should("be a URL that starts with http:// or https://")
    fault = url_fault(text)
    if fault is not None:
        raise _should(f"be a URL that can be connected to, such as https://example.org ({fault})")
    parts = urlsplit(text)
    return parts.scheme, parts.netloc


def _should(what: str) -> InvalidValueError:
    return InvalidValueError(f"it should {what}")
