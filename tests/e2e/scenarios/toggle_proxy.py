"""A gate on the way to VideoSDK: passes each call on, until it is shut and nobody can even connect."""

import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

ANSWER_LIMIT_S = 20.0
QUEUE_FILLED_BY = 2  # a listener with no queue still takes one


class ToggleProxy:
    """Every call is a connection of its own, so that behind a shut gate a caller waits before it can send a byte."""

    def __init__(self) -> None:
        self.behind = ""  # where calls are passed on to
        self._open = threading.Event()
        self._open.set()
        self._shut_after: str | None = None
        self._waiting: list[socket.socket] = []
        proxy = self

        class ConsoleAuth(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._pass_on(None)

            def do_POST(self) -> None:
                self._pass_on(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

            def _pass_on(self, body: bytes | None) -> None:
                line = http.client.HTTPConnection(urlsplit(proxy.behind).netloc, timeout=ANSWER_LIMIT_S)
                line.request(self.command, self.path, body, dict(self.headers))
                answer = line.getresponse()
                body = answer.read()
                line.close()
                proxy.passed(self.path)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.getheader("Content-Type", "application/json"))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 0

            def get_request(self) -> Any:
                proxy.wait()
                return super().get_request()

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # whoever called was killed meanwhile

        self._server = Server(("127.0.0.1", 0), ConsoleAuth)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="gate", daemon=True)
        self._thread.start()

    def shut_after(self, path: str) -> None:
        """Shut as soon as a call to this path has been answered, before its answer goes out."""
        self._shut_after = path

    def passed(self, path: str) -> None:
        """A call has been answered: shut now, if that was the one."""
        if self._shut_after is None or not path.partition("?")[0].endswith(self._shut_after):
            return
        self._shut_after = None
        self._open.clear()
        for _ in range(QUEUE_FILLED_BY):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(self._server.server_address)
            self._waiting.append(client)

    def open(self) -> None:
        for waiting in self._waiting:
            waiting.close()
        self._waiting.clear()
        self._open.set()

    def wait(self) -> None:
        self._open.wait()

    def stop(self) -> None:
        self.open()
        self._server.shutdown()
        self._thread.join(ANSWER_LIMIT_S)
        self._server.server_close()
