"""Limits the total time that a response's head may take.

`http.client` reads a head line by line, and a socket's time-out starts anew with each piece: a server that sends one
byte a second is read for hours. Here the read time-out of a request bounds its whole head, status line to blank line.
The caller limits the time for the body.
"""

import http.client
import io
import socket
from time import monotonic
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class _HeadReader(io.RawIOBase):
    """Reads a socket until a deadline, then as its own time-out says."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._deadline = None if self._timeout is None else monotonic() + self._timeout

    def head_read(self) -> None:
        """Lift the deadline, since the body follows."""
        if self._deadline is not None:
            self._deadline = None
            self._sock.settimeout(self._timeout)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._deadline is not None:
            left = self._deadline - monotonic()
            if left <= 0:
                raise TimeoutError("the head of the answer took too long")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._head_reader = _HeadReader(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._head_reader)

    def begin(self) -> None:
        super().begin()
        self._head_reader.head_read()


class _Connection(HTTPConnection):
    response_class = _Response


class _TLSConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


def bound_heads(manager: urllib3.PoolManager) -> None:
    """Let all connections of a manager bound the heads of their answers."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
