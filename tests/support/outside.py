"""Servers of the outside world for tests: an HTTP(S) server under a name, and a forward proxy that leads to it."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[int, dict[str, str], bytes]


class Server:
    """Answers every request with `answers[path]`, else 200 and no body; keeps what was asked."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.answers: dict[str, Answer] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append((self.command, self.path, dict(self.headers)))
                status, headers, body = server.answers.get(self.path.partition("?")[0], (200, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class ForwardProxy:
    """A forward proxy that leads every host to one port of this machine; keeps the targets it was asked for."""

    def __init__(self, port: int) -> None:
        self.targets: list[str] = []
        self.credentials: list[str | None] = []
        self.refuse_with: int | None = None
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_CONNECT(self) -> None:
                if self._is_refused(self.path):
                    return
                with socket.create_connection(("127.0.0.1", port), timeout=5) as target:
                    self.send_response(200)
                    self.end_headers()
                    _pipe(self.connection, target)

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if self._is_refused(parts.netloc):
                    return
                path = parts.path + (f"?{parts.query}" if parts.query else "")
                length = int(self.headers.get("Content-Length") or 0)
                head = f"{self.command} {path} HTTP/1.1\r\nConnection: close\r\n"
                kept = [(name, value) for name, value in self.headers.items() if name.lower() != "connection"]
                head += "".join(f"{name}: {value}\r\n" for name, value in kept)
                with socket.create_connection(("127.0.0.1", port), timeout=5) as target:
                    target.sendall(head.encode() + b"\r\n" + self.rfile.read(length))
                    while data := target.recv(65_536):
                        self.wfile.write(data)

            do_POST = do_GET  # noqa: N815

            def _is_refused(self, target: str) -> bool:
                proxy.targets.append(target)
                proxy.credentials.append(self.headers.get("Proxy-Authorization"))
                if proxy.refuse_with is None:
                    return False
                self.send_response(proxy.refuse_with)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return True

            def log_message(self, *args: object) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def outside(tls: ssl.SSLContext | None = None) -> Iterator[tuple[Server, ForwardProxy]]:
    """A server, and a proxy that leads to it."""
    server = Server(tls)
    proxy = ForwardProxy(server.port)
    try:
        yield server, proxy
    finally:
        proxy.close()
        server.close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for the handlers, so that no connection is left open

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that refuses the certificate is expected."""


def _pipe(first: socket.socket, second: socket.socket) -> None:
    partner = {first: second, second: first}
    while True:
        readable, _, _ = select.select(list(partner), [], [], 5)
        if not readable:
            return
        for connection in readable:
            try:
                data = connection.recv(65_536)
            except OSError:
                return
            if not data:
                return
            partner[connection].sendall(data)
