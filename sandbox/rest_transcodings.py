"""REST endpoints under /v2/transcodings: make an MP4 of an HLS stream, and read how far it is."""

from typing import Any

from aiohttp import web

from sandbox import model
from sandbox.entities import Transcoding
from sandbox.json_views import transcoding_json
from sandbox.paging import paged
from sandbox.request_bodies import TranscodeForm, read_form
from sandbox.runtime import RUNTIME


async def hls_to_mp4(request: web.Request) -> web.Response:
    """`POST /v2/transcodings/hls-to-mp4`. `webhookUrl` is accepted; which webhooks follow is not documented: none."""
    runtime = request.app[RUNTIME]
    form = read_form(await request.read(), TranscodeForm)
    transcoding = model.transcode(
        runtime.state,
        runtime.now_ms(),
        room_id=form.room_id,
        session_id=form.session_id,
        hls_id=form.hls_id,
        directory=form.storage.dir_path if form.storage else None,
        own_storage=form.storage is not None,
    )
    return web.json_response(transcoding_json(transcoding, runtime.now_ms()))


async def listed(request: web.Request) -> web.Response:
    """`GET /v2/transcodings`: newest first."""
    runtime, query = request.app[RUNTIME], request.query
    now_ms = runtime.now_ms()

    def show(transcoding: Transcoding, _: str) -> dict[str, Any]:
        return transcoding_json(transcoding, now_ms)

    matching = [
        transcoding
        for transcoding in reversed(runtime.state.transcodings.values())
        if query.get("roomId") in (None, transcoding.room_id)
        and query.get("sessionId") in (None, transcoding.session_id)
        and query.get("hlsId") in (None, transcoding.hls_id)
        and query.get("status") in (None, transcoding.status(now_ms).value)
    ]
    return paged(request, matching, show)


async def get(request: web.Request) -> web.Response:
    """`GET /v2/transcodings/{id}`."""
    runtime = request.app[RUNTIME]
    transcoding = model.find_transcoding(runtime.state, request.match_info["id"])
    return web.json_response(transcoding_json(transcoding, runtime.now_ms()))


async def cancel(request: web.Request) -> web.Response:
    """`POST /v2/transcodings/{id}/cancel`."""
    runtime = request.app[RUNTIME]
    transcoding = model.cancel_transcoding(runtime.state, runtime.now_ms(), request.match_info["id"])
    return web.json_response(transcoding_json(transcoding, runtime.now_ms()))


ROUTES = (
    web.post("/v2/transcodings/hls-to-mp4", hls_to_mp4, name="transcode"),
    web.get("/v2/transcodings", listed, name="transcodings"),
    web.get("/v2/transcodings/{id}", get, name="transcoding"),
    web.post("/v2/transcodings/{id}/cancel", cancel, name="cancel-transcoding"),
)
