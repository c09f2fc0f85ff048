"""Rejects addresses that can never be connected to, and says what to write instead."""

import re
from urllib.parse import urlsplit

HOST_MAX_CHARS = 253
LABEL_MAX_CHARS = 63
UNREADABLE = "not a URL; write https://host/path"
_HOST_CHARS = re.compile(r"[A-Za-z0-9_.-]+")


def url_fault(url: str) -> str | None:
    """What is wrong with a URL that has a host; None when it may work. The text quotes no secret of it."""
    cut_off_by = _authority_cut_off_by(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _escape_hint(cut_off_by) if cut_off_by else UNREADABLE
    if cut_off_by == "#":
        return _escape_hint(cut_off_by)
    if not parts.scheme or "://" not in url:
        return UNREADABLE
    if not host:
        return "the URL has no host; write https://host/path"
    if port == 0:
        return "port 0 is not a valid port"
    return host_fault(host)


def host_fault(host: str) -> str | None:
    """Why a host name is invalid; None for addresses and for names that may exist."""
    if ":" in host:
        return None
    labels = host.rstrip(".").split(".")
    try:
        ascii_labels = [label if label.isascii() else label.encode("idna").decode() for label in labels]
    except UnicodeError:
        return "not a valid host name: it cannot be encoded for DNS"
    if not all(ascii_labels):
        return "not a valid host name: there is nothing between two of its dots"
    if not _HOST_CHARS.fullmatch("".join(ascii_labels)):
        return "not a valid host name: it contains a character other than letters, digits, - and ."
    if max(map(len, ascii_labels)) > LABEL_MAX_CHARS or len(".".join(ascii_labels)) > HOST_MAX_CHARS:
        return f"not a valid host name: a part has at most {LABEL_MAX_CHARS} characters, the whole {HOST_MAX_CHARS}"
    return None


def _authority_cut_off_by(url: str) -> str | None:
    """The unescaped character that ends user and password before their `@`; None when there is none."""
    rest = url.partition("://")[2]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    end, after = rest[len(authority) : len(authority) + 1], rest[len(authority) + 1 :]
    return end if end and "@" in after and "@" not in authority and ":" in authority else None


def _escape_hint(character: str) -> str:
    return f"a {character} ends the user and password: write {character} as %{ord(character):02X}"
