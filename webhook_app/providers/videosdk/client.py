"""HTTP client of VideoSDK's REST API: starts, ends, captures, probes, and creates rooms."""

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from time import monotonic, time
from typing import Any
from urllib.parse import quote

import jwt
import requests
import urllib3

from webhook_app.domain.outputs import Output
from webhook_app.outbound.blocking import make_session
from webhook_app.outbound.failures import failure_text
from webhook_app.outbound.proxies import DIRECT, Proxies
from webhook_app.providers.videosdk.answers import MESSAGE_MAX_CHARS
from webhook_app.providers.videosdk.answers import ApiAnswer as ApiAnswer
from webhook_app.providers.videosdk.output_bodies import PATHS, TAKES_WEBHOOK_URL
from webhook_app.text.lenient_json import decode_leniently

TOKEN_LIFE_S = 600
TOKEN_RENEW_S = 60
CONNECT_TIMEOUT_S = 3.0
ANSWER_MAX_BYTES = 1024 * 1024
POOL_SIZE = 160
RETRY_AFTER_MAX_S = 3600.0
ENDLESS = "the answer did not end"


class Token:
    """The server's token: a raw HS256 JWT, renewed a minute before it expires."""

    def __init__(self, api_key: str, secret: str, *, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._api_key = api_key
        self._secret = secret
        self._token = ""
        self._expires = 0.0

    def header(self) -> str:
        """The value of `Authorization`: no `Bearer`."""
        now = self._clock()
        if now > self._expires - TOKEN_RENEW_S:
            claims = {
                "apikey": self._api_key,
                "permissions": ["allow_join"],
                "version": 2,
                "roles": ["crawler"],
                "iat": int(now),
                "exp": int(now) + TOKEN_LIFE_S,
            }
            self._token = jwt.encode(claims, self._secret, algorithm="HS256")
            self._expires = now + TOKEN_LIFE_S
        return self._token


class VideoSDK:
    """Sends requests, each within its own deadline. Retries nothing."""

    def __init__(self, api_url: str, token: Token, proxies: Proxies = DIRECT) -> None:
        self._base = api_url.rstrip("/") + "/v2"
        self._token = token
        self._session = make_session(proxies, pool_size=POOL_SIZE)

    def start(
        self,
        room_id: str,
        output: Output,
        body: Mapping[str, Any],
        *,
        webhook_url: str | None = None,
        deadline: float,
    ) -> ApiAnswer:
        """`POST /v2/hls/start`, `/v2/recordings/start`, `/v2/livestreams/start`: not idempotent.

        `webhook_url` is used unless the body names one, where VideoSDK documents that a start takes one.
        """
        takes_url = webhook_url is not None and output in TAKES_WEBHOOK_URL
        options = {"webhookUrl": webhook_url, **body} if takes_url else body
        return self._request("POST", f"{PATHS[output]}/start", {**options, "roomId": room_id}, deadline=deadline)

    def end(self, room_id: str, output: Output, videosdk_id: str | None, *, deadline: float) -> ApiAnswer:
        """`POST /v2/hls/end` and the same of the other outputs, naming the stream when its id is known."""
        body = {"roomId": room_id} | ({"id": videosdk_id} if videosdk_id else {})
        return self._request("POST", f"{PATHS[output]}/end", body, deadline=deadline)

    def capture(self, room_id: str, *, deadline: float) -> ApiAnswer:
        """`POST /v2/hls/capture`: a thumbnail of what is on air."""
        return self._request("POST", "/hls/capture", {"roomId": room_id}, deadline=deadline)

    def transcode(self, body: Mapping[str, Any], *, deadline: float) -> ApiAnswer:
        """`POST /v2/transcodings/hls-to-mp4`; never to be repeated blindly."""
        return self._request("POST", "/transcodings/hls-to-mp4", body, deadline=deadline)

    def transcodings(self, params: Mapping[str, str], *, deadline: float) -> ApiAnswer:
        """`GET /v2/transcodings`: a page of those of a stream or a session."""
        return self._request("GET", "/transcodings", None, deadline=deadline, params=params)

    def transcoding(self, transcoding_id: str, *, deadline: float) -> ApiAnswer:
        """`GET /v2/transcodings/{id}`."""
        return self._request("GET", f"/transcodings/{_segment(transcoding_id)}", None, deadline=deadline)

    def active(self, room_id: str, *, deadline: float) -> ApiAnswer:
        """`GET /v2/hls/{roomId}/active`."""
        return self._request("GET", f"/hls/{_segment(room_id)}/active", None, deadline=deadline)

    def stream(self, videosdk_id: str, *, deadline: float) -> ApiAnswer:
        """`GET /v2/hls/{id}`."""
        return self._request("GET", f"/hls/{_segment(videosdk_id)}", None, deadline=deadline)

    def streams(
        self,
        *,
        deadline: float,
        page: int = 1,
        per_page: int = 20,
        room_id: str | None = None,
        session_id: str | None = None,
        output: Output = Output.HLS,
    ) -> ApiAnswer:
        """`GET /v2/hls` and the same of the other outputs: a page, of one room or of all; it may want the room."""
        params = {"page": str(page), "perPage": str(per_page)}
        params |= {"roomId": room_id} if room_id else {}
        params |= {"sessionId": session_id} if session_id else {}
        return self._request("GET", PATHS[output], None, deadline=deadline, params=params)

    def ongoing_session(self, room_id: str, *, deadline: float) -> ApiAnswer:
        """`GET /v2/sessions/?roomId&status=ongoing`."""
        params = {"roomId": room_id, "status": "ongoing"}
        return self._request("GET", "/sessions/", None, deadline=deadline, params=params)

    def session(self, session_id: str, *, deadline: float) -> ApiAnswer:
        """`GET /v2/sessions/{id}`, with its participants."""
        return self._request("GET", f"/sessions/{_segment(session_id)}", None, deadline=deadline)

    def end_session(self, room_id: str, *, deadline: float) -> ApiAnswer:
        """`POST /v2/sessions/end`: everybody is disconnected."""
        return self._request("POST", "/sessions/end", {"roomId": room_id}, deadline=deadline)

    def active_participants(self, session_id: str, *, deadline: float, page: int, per_page: int | None) -> ApiAnswer:
        """`GET /v2/sessions/{id}/participants/active`: a page of those who are there."""
        params = {"page": str(page)} | ({"perPage": str(per_page)} if per_page else {})
        path = f"/sessions/{_segment(session_id)}/participants/active"
        return self._request("GET", path, None, deadline=deadline, params=params)

    def create_room(self, body: Mapping[str, Any], *, deadline: float) -> ApiAnswer:
        """`POST /v2/rooms`, the one place where a room's webhooks can be registered."""
        return self._request("POST", "/rooms", body, deadline=deadline)

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        deadline: float,
        params: Mapping[str, str] | None = None,
    ) -> ApiAnswer:
        left = deadline - monotonic()
        if left <= 0:
            return ApiAnswer(None, None, "no time left")
        try:
            answer = self._session.request(
                method,
                self._base + path,
                json=body,
                params=params,
                headers={"Authorization": self._token.header()},
                timeout=(min(CONNECT_TIMEOUT_S, left), left),
                allow_redirects=False,
                stream=True,
            )
            with answer:
                raw = _read(answer, deadline)
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            return ApiAnswer(None, None, "timed out")
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            return ApiAnswer(None, None, failure_text(error))
        if raw is None:
            return ApiAnswer(answer.status_code if answer.status_code >= 400 else None, None, ENDLESS)
        wait = _seconds(answer.headers.get("Retry-After"))
        return ApiAnswer(answer.status_code, _decoded(raw), None, wait)


def _decoded(raw: bytes) -> Any:
    """The JSON of a body; the beginning of its text when it is not JSON, or is nested too deeply."""
    try:
        return decode_leniently(raw) if raw else None
    except (ValueError, RecursionError):
        return raw[: 4 * MESSAGE_MAX_CHARS].decode("utf-8", "replace")[:MESSAGE_MAX_CHARS]


def _read(answer: requests.Response, deadline: float) -> bytes | None:
    # requests bounds each read, not all of them together: the deadline is kept here, after whatever has come.
    raw = b""
    while chunk := answer.raw.read1(16_384, decode_content=True):
        raw += chunk
        if len(raw) > ANSWER_MAX_BYTES or monotonic() > deadline:
            return None
    return raw


def _seconds(retry_after: str | None) -> float | None:
    """How long `Retry-After` asks to wait, written in seconds or as a date; None when it says nothing readable."""
    if not retry_after:
        return None
    try:
        wait = (
            float(retry_after)
            if retry_after.strip().isdigit()
            else parsedate_to_datetime(retry_after).timestamp() - time()
        )
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, wait), RETRY_AFTER_MAX_S)


def _segment(text: str) -> str:
    return quote(text, safe="")
