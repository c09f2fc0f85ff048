"""Each request of Tallylight's client is the one that VideoSDK's own SDK sends for the same thing.

Both talk to a server that records their requests. What differs on purpose is listed in `DIFFERENCES`.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from tests.server_sdk.installation import API_KEY, SECRET, run_script
from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.client import Token, VideoSDK
from webhook_app.providers.videosdk.output_bodies import start_body
from webhook_app.providers.videosdk.public_key import fetch_from
from webhook_app.providers.videosdk.room_creation import create_room
from webhook_app.providers.videosdk.transcoding_answers import transcode_body, transcoding_params

pytestmark = pytest.mark.process

ROOM = "abcd-efgh-ijkl"
WEBHOOK_URL = "https://me.example/webhooks/videosdk"
STREAMS = [{"url": "rtmp://a.rtmp.youtube.example/live2", "stream_key": "key-of-youtube"}]
LAYOUT = {"layout": {"type": "GRID", "priority": "SPEAKER", "gridSize": 4}, "theme": "DARK", "quality": "high"}
ANSWER = {"id": "1", "roomId": ROOM, "publicKey": "-----BEGIN", "data": []}


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]

    @property
    def compared(self) -> tuple[str, str, Mapping[str, str], Any]:
        """What must be equal."""
        return self.method, self.path, self.query, self.body


class Recorder(ThreadingHTTPServer):
    """Records requests by the case that their header `x-case` names, else in the order of arrival."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RecordingHandler)
        self.requests: list[Request] = []
        self.by_case: dict[str, Request] = {}
        self.url = f"http://127.0.0.1:{self.server_port}"


class RecordingHandler(BaseHTTPRequestHandler):
    server: Recorder

    def _record(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(content) if content else None
        request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), body, headers)
        if (case := headers.get("x-case")) is None:
            self.server.requests.append(request)
        else:
            self.server.by_case[case] = request
        answer = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        self._record()

    def do_POST(self) -> None:
        self._record()

    def log_message(self, *_: Any) -> None:
        """Logs nothing."""


@pytest.fixture(scope="module")
def recorder(server_sdk: Path) -> Iterator[Recorder]:
    """A server that has recorded the SDK's requests."""
    with Recorder() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        run_script(server_sdk, "requests.mjs", server.url)
        yield server
        server.shutdown()
        thread.join()


def starts(output: Output, options: dict[str, Any], webhook_url: str | None = WEBHOOK_URL) -> Callable[..., Any]:
    """A start as the call worker makes it."""
    body = start_body(output, options)
    return lambda client, deadline: client.start(ROOM, output, body, webhook_url=webhook_url, deadline=deadline)


def ends(output: Output, provider_id: str | None = None) -> Callable[..., Any]:
    """An end as the call worker makes it."""
    return lambda client, deadline: client.end(ROOM, output, provider_id, deadline=deadline)


def lists(output: Output) -> Callable[..., Any]:
    """A page of an output's list."""
    return lambda client, deadline: client.streams(
        deadline=deadline, page=2, per_page=20, room_id=ROOM, session_id="session-1", output=output
    )


CALLS: dict[str, Any] = {  # of a client and a deadline
    "hls start": starts(Output.HLS, {}),
    "hls start with options": starts(
        Output.HLS, {"config": LAYOUT, "transcription": {"enabled": True}, "recording": {"enabled": True}}
    ),
    "hls start with a template": starts(Output.HLS, {"templateUrl": "https://template.example/"}, None),
    "hls end": ends(Output.HLS),
    "hls end by id": ends(Output.HLS, "stream-1"),
    "hls active": lambda client, deadline: client.active(ROOM, deadline=deadline),
    "hls by id": lambda client, deadline: client.stream("stream-1", deadline=deadline),
    "hls list": lists(Output.HLS),
    "hls capture": lambda client, deadline: client.capture(ROOM, deadline=deadline),
    "recording start": starts(Output.RECORDING, {}),
    "recording start with options": starts(
        Output.RECORDING,
        {
            "config": LAYOUT,
            "awsDirPath": "sunday",
            "fileFormat": "webm",
            "onFailure": {"action": "close-room", "waitTime": 60},
        },
    ),
    "recording end": ends(Output.RECORDING),
    "recording end by id": ends(Output.RECORDING, "stream-1"),
    "recording list": lists(Output.RECORDING),
    "rtmp start": starts(Output.RTMP, {"streams": STREAMS}),
    "rtmp start with options": starts(Output.RTMP, {"streams": STREAMS, "config": LAYOUT}),
    "rtmp end": ends(Output.RTMP),
    "rtmp list": lists(Output.RTMP),
    "ongoing session": lambda client, deadline: client.ongoing_session(ROOM, deadline=deadline),
    "session": lambda client, deadline: client.session("session-1", deadline=deadline),
    "session end": lambda client, deadline: client.end_session(ROOM, deadline=deadline),
    "active participants": lambda client, deadline: client.active_participants(
        "session-1", deadline=deadline, page=2, per_page=100
    ),
    "hls to mp4": lambda client, deadline: client.transcode(
        transcode_body("stream-1", "session-1", WEBHOOK_URL), deadline=deadline
    ),
    "hls to mp4 by session": lambda client, deadline: client.transcode(
        transcode_body(None, "session-1", None), deadline=deadline
    ),
    "transcodings list": lambda client, deadline: client.transcodings(
        transcoding_params("stream-1", "session-1"), deadline=deadline
    ),
    "transcoding": lambda client, deadline: client.transcoding("job-1", deadline=deadline),
    "room create": lambda client, deadline: create_room(client, WEBHOOK_URL, "sunday", deadline=deadline),
}

# Requests in which Tallylight follows VideoSDK's reference, not its SDK: what the SDK sends, and what Tallylight does.
DIFFERENCES = {"ongoing session": ("/v2/sessions", "/v2/sessions/")}


@pytest.mark.parametrize("case", CALLS)
def test_a_request_is_the_one_that_the_sdk_sends(recorder: Recorder, case: str) -> None:
    client = VideoSDK(recorder.url, Token(API_KEY, SECRET))
    recorder.requests.clear()
    CALLS[case](client, time.monotonic() + 60)
    [ours], theirs = recorder.requests, recorder.by_case[case]
    if case in DIFFERENCES:
        assert (theirs.path, ours.path) == DIFFERENCES[case]
        assert (ours.method, ours.query, ours.body) == (theirs.method, theirs.query, theirs.body)
    else:
        assert ours.compared == theirs.compared
    assert ours.headers.get("content-type") == theirs.headers.get("content-type")


def test_every_request_of_the_client_is_compared() -> None:
    methods = {name for name in vars(VideoSDK) if not name.startswith("_")}
    used = {name for call in CALLS.values() for name in call.__code__.co_names}
    assert methods <= used


def test_rtmp_is_sent_no_webhook_url_as_videosdk_documents_none(recorder: Recorder) -> None:
    assert "webhookUrl" in recorder.by_case["recording start"].body
    assert "webhookUrl" not in recorder.by_case["rtmp start"].body


def test_the_public_key_is_fetched_where_the_sdk_fetches_it(recorder: Recorder) -> None:
    recorder.requests.clear()
    assert fetch_from(recorder.url)() == ANSWER["publicKey"]
    [ours], theirs = recorder.requests, recorder.by_case["public key"]
    assert ours.compared == theirs.compared


def test_the_token_is_raw_and_has_the_claims_of_the_sdks_token(recorder: Recorder) -> None:
    recorder.requests.clear()
    VideoSDK(recorder.url, Token(API_KEY, SECRET)).active(ROOM, deadline=time.monotonic() + 60)
    [request] = recorder.requests
    ours, theirs = (
        jwt.decode(sent.headers["authorization"], SECRET, algorithms=["HS256"])
        for sent in (request, recorder.by_case["hls active"])
    )
    assert ours.keys() == theirs.keys()
    for claim in ("apikey", "version", "roles"):
        assert ours[claim] == theirs[claim], claim
    # The SDK asks for allow_mod too, which moderates participants: no call of ours needs it.
    assert (ours["permissions"], theirs["permissions"]) == (["allow_join"], ["allow_join", "allow_mod"])
