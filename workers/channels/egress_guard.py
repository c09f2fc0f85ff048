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

import requests
from requests.adapters import HTTPAdapter

from webhook_app.outbound.addresses import Network, refused
from workers.channels.blocked import BlockedAddressError, blocked_message

ANSWER_MAX_BYTES = 1_048_576
NO_IP = "Not sent: a channel may connect to addresses outside only, by IP."
ANSWER_PIECE_BYTES = 16_384

_resolve = socket.getaddrinfo
_connect = socket.socket.connect
_send = HTTPAdapter.send
_here = threading.local()


class EgressGuard:
    """What the guard saw while a channel was told, and the means to end that from another thread."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self.allowed = tuple(allowed)
        self.blocked: str | None = None
        self.unknown = False
        self._lock = threading.Lock()
        self._over = False
        self._lines: list[socket.socket] = []

    def hold(self, line: socket.socket) -> None:
        """Remember a connection that is being made; OSError when the time is over."""
        with self._lock:
            if self._over:
                raise TimeoutError("the time for this is over")
            # A line of its own to the same connection: what TLS wraps is not the socket that was opened.
            self._lines.append(socket.socket(fileno=os.dup(line.fileno())))

    def end(self) -> None:
        """Break off what is under way: whoever waits for an answer gets an error, and nothing is connected any more."""
        with self._lock:
            self._over = True
            for line in self._lines:
                try:
                    line.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it is not connected any more, or not yet
                line.close()
            self._lines = []


def install() -> None:
    """Put the guard in place for this process; proxies named by the environment are forgotten."""
    socket.getaddrinfo = _guarded
    socket.socket.connect = _guarded_connect  # type: ignore[method-assign, assignment]
    HTTPAdapter.send = _guarded_send  # type: ignore[method-assign]
    for name in list(os.environ):
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
            del os.environ[name]


@contextmanager
def guarding(watch: EgressGuard) -> Iterator[EgressGuard]:
    """While the body runs, this thread reaches no address inside."""
    _here.watch = watch
    try:
        yield watch
    finally:
        del _here.watch
        watch.end()


def _guarded_connect(self: socket.socket, address: Any) -> None:
    watch: EgressGuard | None = getattr(_here, "watch", None)
    if watch is not None:
        is_ip = self.family in (socket.AF_INET, socket.AF_INET6)
        if not is_ip or refused(str(address[0]), watch.allowed):
            watch.blocked = blocked_message([str(address[0])]) if is_ip else NO_IP
            raise BlockedAddressError(watch.blocked)
        watch.hold(self)
    _connect(self, address)


def _guarded_send(self: HTTPAdapter, request: Any, *more: Any, **options: Any) -> requests.Response:
    answer = _send(self, request, *more, **options)
    if getattr(_here, "watch", None) is not None:
        _bound(answer)
    return answer


def _bound(answer: requests.Response) -> None:
    """Read an answer here, so that one that never ends does not fill the memory."""
    body = bytearray()
    for piece in answer.iter_content(ANSWER_PIECE_BYTES):
        body += piece
        if len(body) > ANSWER_MAX_BYTES:
            answer.close()
            raise requests.exceptions.ContentDecodingError("the answer is too long")
    answer._content = bytes(body)  # where the library itself keeps it once it is read


def _guarded(host: Any, port: Any, *more: Any, **options: Any) -> Any:
    watch: EgressGuard | None = getattr(_here, "watch", None)
    if watch is None:
        return _resolve(host, port, *more, **options)
    try:
        found = _resolve(host, port, *more, **options)
    except socket.gaierror:
        watch.unknown = True
        raise
    outside = [one for one in found if not refused(str(one[4][0]), watch.allowed)]
    if not outside:
        watch.blocked = blocked_message([str(one[4][0]) for one in found])
        raise BlockedAddressError(watch.blocked)
    return outside
