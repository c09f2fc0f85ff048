"""Makes calls and probes at VideoSDK, and reads the answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from webhook_app.domain.control.call import Call, CallKind
from webhook_app.domain.outputs import Output
from webhook_app.providers.client_port import CallAnswer, CreatedRoom, RateLimitObserver
from webhook_app.providers.videosdk.answers import RATE_LIMITED, ApiAnswer
from webhook_app.providers.videosdk.call_answers import read_call_answer, read_capture_answer, read_start_check
from webhook_app.providers.videosdk.client import VideoSDK
from webhook_app.providers.videosdk.output_bodies import start_body
from webhook_app.providers.videosdk.probe_client import ProbeClient
from webhook_app.providers.videosdk.room_creation import create_room
from webhook_app.providers.videosdk.transcoding_answers import (
    read_transcode_answer,
    read_transcode_check,
    read_transcoding_answer,
    read_transcoding_list,
    transcode_body,
    transcoding_params,
)


class VideoSDKRoomClient:
    """VideoSDK's REST API as a room client."""

    def __init__(self, videosdk: VideoSDK, *, on_rate_limit: RateLimitObserver, probe_deadline_s: float) -> None:
        self._videosdk = videosdk
        self._on_rate_limit = on_rate_limit
        self._probes = ProbeClient(videosdk, observe_answer=self._observe, deadline_s=probe_deadline_s)

    def check_start(self, room_id: str, output: Output, *, deadline: float) -> CallAnswer | None:
        """Check that the output is not active before a start; None when it may be sent."""
        if output is Output.HLS:
            return read_start_check(*self._probes.active(room_id, deadline=deadline))
        return read_start_check(*self._probes.listed_as_running(room_id, output, deadline=deadline))

    def start(
        self,
        room_id: str,
        output: Output,
        options: Mapping[str, Any],
        *,
        webhook_url: str | None,
        deadline: float,
        deadline_at: int,
    ) -> CallAnswer:
        """`POST /v2/hls/start`, or the same of another output."""
        body = start_body(output, options)
        answer = self._videosdk.start(room_id, output, body, webhook_url=webhook_url, deadline=deadline)
        self._observe(answer)
        return read_call_answer(answer, CallKind.START, deadline_at=deadline_at)

    def end(
        self, room_id: str, output: Output, provider_id: str | None, *, deadline: float, deadline_at: int
    ) -> CallAnswer:
        """`POST /v2/hls/end`, or the same of another output."""
        answer = self._videosdk.end(room_id, output, provider_id, deadline=deadline)
        self._observe(answer)
        return read_call_answer(answer, CallKind.END, deadline_at=deadline_at)

    def capture(self, room_id: str, *, deadline: float) -> CallAnswer:
        """`POST /v2/hls/capture`."""
        answer = self._videosdk.capture(room_id, deadline=deadline)
        self._observe(answer)
        return read_capture_answer(answer)

    def check_transcode(self, provider_id: str | None, session_id: str | None, *, deadline: float) -> CallAnswer | None:
        """`GET /v2/transcodings`: whether an MP4 of the stream has been requested already."""
        params = transcoding_params(provider_id, session_id)
        answer = self._videosdk.transcodings(params, deadline=deadline)
        self._observe(answer)
        return read_transcode_check(answer, provider_id, session_id)

    def transcode(
        self,
        provider_id: str | None,
        session_id: str | None,
        *,
        webhook_url: str | None,
        deadline: float,
        deadline_at: int,
    ) -> CallAnswer:
        """`POST /v2/transcodings/hls-to-mp4`."""
        body = transcode_body(provider_id, session_id, webhook_url)
        answer = self._videosdk.transcode(body, deadline=deadline)
        self._observe(answer)
        return read_transcode_answer(answer, deadline_at=deadline_at)

    def check_transcoding(
        self,
        transcoding_id: str | None,
        provider_id: str | None,
        session_id: str | None,
        *,
        deadline: float,
    ) -> CallAnswer:
        """`GET /v2/transcodings/{id}`, or the list when the id is not known."""
        if transcoding_id is not None:
            answer = self._videosdk.transcoding(transcoding_id, deadline=deadline)
            self._observe(answer)
            return read_transcoding_answer(answer)
        answer = self._videosdk.transcodings(transcoding_params(provider_id, session_id), deadline=deadline)
        self._observe(answer)
        return read_transcoding_list(answer, provider_id, session_id)

    def probe(self, call: Call) -> tuple[ApiAnswer, dict[str, Any]]:
        """Probe one room: the answer to the first request, and the findings."""
        return self._probes.probe(call)

    def probe_many(self, calls: Sequence[Call]) -> tuple[ApiAnswer, dict[str, dict[str, Any]]]:
        """Probe many rooms by `GET /v2/hls`: the last page's answer, and the findings by call."""
        return self._probes.probe_many(calls)

    def create_room(self, webhook_url: str, custom_id: str | None, *, deadline: float) -> CreatedRoom:
        """`POST /v2/rooms`."""
        return create_room(self._videosdk, webhook_url, custom_id, deadline=deadline)

    def _observe(self, answer: ApiAnswer) -> None:
        if answer.code == RATE_LIMITED:
            self._on_rate_limit(answer.retry_after_s)
