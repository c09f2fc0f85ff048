"""Run the caller on the tests' store, against servers whose responses the test sets."""

import json
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.product import API_KEY, SECRET, webhook
from tests.support.web_client import ROOM, SECRETS_KEY, NullWake, append, fold_all
from webhook_app.domain.events import Source
from webhook_app.providers.videosdk.client import Token, VideoSDK
from webhook_app.providers.videosdk.room_client import VideoSDKRoomClient
from webhook_app.secrets.encryption import SecretBox
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Entry, Journal, entry
from workers.calls.caller import Caller, CallLimits, StartOptions

# Quick, and no call is too old on a slow machine.
LIMITS = CallLimits(linger_s=0.03, poll_interval_s=0.005, too_old_ms=60_000)


class Stub(ThreadingHTTPServer):
    """A VideoSDK whose responses the test sets: (status, body) by method and path. Keeps every request."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self) -> None:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = (self.command, self.path, json.loads(body) if body else None, dict(self.headers))
                stub.requests.append(request)
                response = stub.response_to(self.command, self.path)
                if callable(response):
                    response(self)
                    return
                status, content = response
                raw = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                for name, value in stub.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, format: Any, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.requests: list[tuple[str, str, Any, dict[str, str]]] = []
        self.headers: dict[str, str] = {}
        self.starts: Any = (200, {"id": "run-1", "playbackHlsUrl": "https://cdn.example/run-1/index.m3u8"})
        self.ends: Any = (200, "HLS ended successfully")
        self.active: Any = (404, {"code": 404, "message": "No active HLS found"})
        self.listed: Any = (400, {"message": "roomId is required"})
        self.room_listed: Any = None  # the list of one room; None answers as `active` does

    def response_to(self, method: Any, path: Any) -> Any:
        if path == "/v2/hls/start":
            return self.starts
        if path.startswith("/v2/hls?") and "roomId" not in path:
            return self.listed
        if path.startswith("/v2/hls?") and self.room_listed is not None:
            return self.room_listed
        return self.ends if path == "/v2/hls/end" else self.active

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the client has closed its connection

    def posts(self) -> Any:
        return [(path, body) for method, path, body, _ in self.requests if method == "POST"]


class CallHarness:
    """The caller on the tests' store, and the reducer that decides its calls."""

    def __init__(self, client: Client, url: Any, *, webhook_url: Any = None, credentials: bool = True) -> None:
        self.client = client
        self._connect = partial(VideoSDKRoomClient, VideoSDK(url, Token(API_KEY, SECRET))) if credentials else None
        self._options = StartOptions(webhook_url)
        self.limit()

    def limit(self, **changes: Any) -> None:
        """Begin anew with other limits."""
        limits = replace(LIMITS, **changes)
        self.caller = Caller(
            self.client,
            self._connect,
            NullWake(),
            options=self._options,
            secret_box=SecretBox(SECRETS_KEY),
            limits=limits,
        )

    def decided_call(
        self, room: Any = ROOM, session: str = "s1", *, run: Any = None, start: Any = None, command: str = "start"
    ) -> Any:
        """Put a participant into the room and let the operator command a start or an end. Returns the call decided."""
        entries = [entry(Source.SYSTEM, "settings", None, {"calls": True})]
        entries.append(Entry(Source.VIDEOSDK, "session-started", room, webhook("session-started", room, session)))
        if run is not None:
            url = f"https://cdn.example/{run}/index.m3u8"
            body = webhook("hls-playable", room, session, id=run, playbackHlsUrl=url)
            entries.append(Entry(Source.VIDEOSDK, "hls-playable", room, body))
        entries.append(entry(Source.OPERATOR, command, room, {} if start is None else {"start": start}))
        append(self.client, *entries)
        fold_all(self.client)
        return self.call(room, command)

    def decided_probe(self, room: Any = ROOM) -> Any:
        """Let the operator start a room that has no session, so that VideoSDK is probed. Returns the probe."""
        append(
            self.client,
            entry(Source.SYSTEM, "settings", None, {"calls": True}),
            entry(Source.OPERATOR, "start", room, {}),
        )
        fold_all(self.client)
        return self.call(room, "probe")

    def call(self, room: Any = ROOM, kind: str = "start") -> Any:
        """The newest call of this kind."""
        ids = self.client.zrevrange(keys.room_calls(room), 0, -1)
        calls = [codec.call_of(self.client.get(keys.call(call_id.decode()))) for call_id in ids]
        return next(call for call in calls if call.kind == kind)

    def work(self) -> Any:
        return self.caller.run()

    def answers(self) -> Any:
        """The events of call and probe results in the journal, oldest first."""
        return [event for event in Journal(self.client).scan() if event.source in (Source.CALL, Source.PROBE)]

    def answer(self) -> Any:
        [event] = [event for event in self.answers() if event.source is Source.CALL]
        return event.data

    def change(self, call: Any, **changes: Any) -> None:
        """Overwrite fields of the call's stored record."""
        record = json.loads(codec.encode(call)) | changes
        self.client.set(keys.call(call.call_id), json.dumps(record))


def room_of(request: Any) -> str:
    """A room of the test's own in the sandbox."""
    name: str = request.node.name
    return "room-" + name[:60].replace("[", "-").replace("]", "")


def paths(sandbox: Any, room: Any) -> Any:
    """The calls that the sandbox has received for the room: method and path."""
    return [(item["method"], item["path"].partition("?")[0]) for item in sandbox.log("call", room)]
