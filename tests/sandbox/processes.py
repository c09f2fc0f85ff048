"""The sandbox as a running process, and a receiver of its webhooks."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import requests

from tests.support.polling import scaled_limit, wait_until

API_KEY = "an-api-key"
SECRET = "a-secret-of-at-least-thirty-two-bytes"
WITHIN_S = scaled_limit(5.0)


def until(condition: Any) -> Any:
    """What `condition` answers once it is true."""
    return wait_until(condition, 5)


def token(secret: Any = SECRET, **changes: Any) -> Any:
    now = int(time.time())
    claims = {"apikey": API_KEY, "permissions": ["allow_join"], "version": 2, "roles": ["crawler"]}
    return jwt.encode({**claims, "iat": now, "exp": now + 60, **changes}, secret, algorithm="HS256")


class Sandbox:
    def __init__(self, address: str, process: subprocess.Popen[str]) -> None:
        self.address = address
        self.process = process
        self.http = requests.Session()
        self.http.headers["Authorization"] = token()

    def call(self, method: Any, path: Any, body: Any = None, timeout: Any = WITHIN_S, **more: Any) -> Any:
        return self.http.request(method, self.address + path, json=body, timeout=timeout, **more)

    def put(self, path: Any, body: Any) -> None:
        answer = self.call("PUT", path, body)
        assert answer.status_code == 200, answer.text

    def join(self, room: Any, who: str = "ada") -> Any:
        answer = self.call("POST", f"/sandbox/rooms/{room}/join", {"participantId": who, "name": "Ada"})
        return answer.json()

    def start(self, room: Any, **more: Any) -> Any:
        return self.call("POST", "/v2/hls/start", {"roomId": room, **more})

    def end(self, room: Any) -> Any:
        return self.call("POST", "/v2/hls/end", {"roomId": room})

    def active(self, room: Any) -> Any:
        return self.call("GET", f"/v2/hls/{room}/active")

    def log(self, kind: Any, room: Any = None) -> Any:
        params = {"kind": kind} if room is None else {"kind": kind, "room": room}
        return self.call("GET", "/sandbox/log", params=params).json()["items"]

    def webhook_types(self, room: Any) -> Any:
        return [item["type"] for item in self.log("webhook", room)]

    def until_sent(self, room: Any, kind: Any) -> None:
        until(lambda: kind in self.webhook_types(room))


@contextmanager
def sandbox_process(*options: Any) -> Iterator[Any]:
    environment = {**os.environ, "SANDBOX_API_KEY": API_KEY, "SANDBOX_SECRET": SECRET}
    command = [sys.executable, "-W", "error", "-m", "sandbox", "--port", "0", *options]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            sandbox = Sandbox(process.stdout.readline().split()[-1], process)
            with sandbox.http:
                yield sandbox
        finally:
            process.kill()


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent; answers with the statuses it is given, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ReceiverHandler)
        self.got: list[tuple[bytes, str]] = []
        self.statuses: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"

    def types(self) -> Any:
        return [json.loads(body)["webhookType"] for body, _ in self.got]


class ReceiverHandler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((body, self.headers["videosdk-signature"]))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""
