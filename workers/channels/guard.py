"""The guard: names that a channel's library resolves are checked, so that it cannot be sent inside.

Apprise's services connect through `requests` and `smtplib`, and both ask `socket.getaddrinfo` for the very addresses
that they then connect to: what is refused here cannot be reached by another answer of the name's server later.
"""

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from webhook_app.addresses import Network, refused
from workers.post import BlockedAddressError

_resolve = socket.getaddrinfo
_here = threading.local()


class Watch:
    """What the guard saw while a channel was told."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self.allowed = tuple(allowed)
        self.blocked = False
        self.unknown = False


def install() -> None:
    """Put the guard in place for this process; proxies named by the environment are forgotten."""
    socket.getaddrinfo = _guarded
    for name in list(os.environ):
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
            del os.environ[name]


@contextmanager
def guarding(allowed: Sequence[Network]) -> Iterator[Watch]:
    """While the body runs, this thread resolves no name to an address inside."""
    _here.watch = watch = Watch(allowed)
    try:
        yield watch
    finally:
        del _here.watch


def _guarded(host: Any, port: Any, *more: Any, **options: Any) -> Any:
    watch: Watch | None = getattr(_here, "watch", None)
    if watch is None:
        return _resolve(host, port, *more, **options)
    try:
        found = _resolve(host, port, *more, **options)
    except socket.gaierror:
        watch.unknown = True
        raise
    outside = [one for one in found if not refused(str(one[4][0]), watch.allowed)]
    if not outside:
        watch.blocked = True
        raise BlockedAddressError("the address is not outside")
    return outside
