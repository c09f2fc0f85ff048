"""Keeps Apprise from private addresses by checking every name it resolves and every address it connects to.

Apprise's services connect through `requests` and `smtplib`. Both connect to the addresses that `socket.getaddrinfo`
returned, so a later answer of the name server changes nothing. `install` patches the interpreter: call
it in the Apprise process only.
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

RESPONSE_MAX_BYTES = 1_048_576
READ_BYTES = 16_384
NOT_IP = "Not sent: a channel may connect only by IP, to public addresses."
PROXY_VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy"})

_getaddrinfo = socket.getaddrinfo
_connect = socket.socket.connect
_send = HTTPAdapter.send
_thread = threading.local()


class EgressGuard:
    """Which networks one attempt may reach, what it was refused, and a way to abort it from another thread.

    `blocked` says why an address was refused; `unresolved` that a name could not be resolved.
    """

    def __init__(self, allowed: Sequence[Network]) -> None:
        self.allowed = tuple(allowed)
        self.blocked: str | None = None
        self.unresolved = False
        self._lock = threading.Lock()
        self._is_over = False
        self._sockets: list[socket.socket] = []

    def watch(self, connection: socket.socket) -> None:
        """Register a socket that is about to connect; TimeoutError when the attempt was aborted."""
        with self._lock:
            if self._is_over:
                raise TimeoutError("the attempt took too long")
            # A second handle of the same connection: what TLS wraps is not the socket that was opened.
            self._sockets.append(socket.socket(fileno=os.dup(connection.fileno())))

    def end(self) -> None:
        """Abort the attempt: pending reads raise an error, and new connections are refused."""
        with self._lock:
            self._is_over = True
            for connection in self._sockets:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # not connected any more, or not yet
                connection.close()
            self._sockets = []


def install() -> None:
    """Patch this process so that `guarded` works; proxies named by the environment are removed from it."""
    socket.getaddrinfo = _guarded_getaddrinfo
    socket.socket.connect = _guarded_connect  # type: ignore[method-assign, assignment]
    HTTPAdapter.send = _guarded_send  # type: ignore[method-assign]
    for name in list(os.environ):
        if name.lower() in PROXY_VARIABLES:
            del os.environ[name]


@contextmanager
def guarded(guard: EgressGuard) -> Iterator[EgressGuard]:
    """While the body runs, this thread reaches only what the guard allows."""
    _thread.guard = guard
    try:
        yield guard
    finally:
        del _thread.guard
        guard.end()


def _current() -> EgressGuard | None:
    """The guard of this thread."""
    guard: EgressGuard | None = getattr(_thread, "guard", None)
    return guard


def _guarded_connect(self: socket.socket, address: Any) -> None:
    guard = _current()
    if guard is not None:
        is_ip = self.family in (socket.AF_INET, socket.AF_INET6)
        if not is_ip or refused(str(address[0]), guard.allowed):
            guard.blocked = blocked_message([str(address[0])]) if is_ip else NOT_IP
            raise BlockedAddressError(guard.blocked)
        guard.watch(self)
    _connect(self, address)


def _guarded_send(self: HTTPAdapter, request: Any, *positional: Any, **options: Any) -> requests.Response:
    response = _send(self, request, *positional, **options)
    if _current() is not None:
        _read_bounded(response)
    return response


def _read_bounded(response: requests.Response) -> None:
    """Read a response here, so that one that never ends does not fill the memory."""
    body = bytearray()
    for piece in response.iter_content(READ_BYTES):
        body += piece
        if len(body) > RESPONSE_MAX_BYTES:
            response.close()
            raise requests.exceptions.ContentDecodingError("the response is too long")
    response._content = bytes(body)  # where the library itself keeps it once it is read


def _guarded_getaddrinfo(host: Any, port: Any, *positional: Any, **options: Any) -> Any:
    guard = _current()
    if guard is None:
        return _getaddrinfo(host, port, *positional, **options)
    try:
        infos = _getaddrinfo(host, port, *positional, **options)
    except socket.gaierror:
        guard.unresolved = True
        raise
    public = [info for info in infos if not refused(str(info[4][0]), guard.allowed)]
    if not public:
        guard.blocked = blocked_message([str(info[4][0]) for info in infos])
        raise BlockedAddressError(guard.blocked)
    return public
