"""REST endpoints under /v2/hls: start, end and read streams."""

from aiohttp import web

from sandbox import model
from sandbox.answer_forms import none_active, start_answer, success_response
from sandbox.entities import RefusedError, StreamState
from sandbox.json_views import iso, old_detail_json, started_json, stream_detail_json, stream_json
from sandbox.paging import paged
from sandbox.request_bodies import CaptureForm, EndForm, StartForm, read_config, read_form
from sandbox.runtime import RUNTIME

THUMBNAIL_BYTES = 48_213


async def start(request: web.Request) -> web.Response:
    """`POST /v2/hls/start`."""
    runtime = request.app[RUNTIME]
    form = read_form(await request.read(), StartForm)
    config = read_config(form.config)
    stream, outcome = model.start(
        runtime.state,
        runtime.now_ms(),
        form.room_id,
        mode=config.mode if config else "video-and-audio",
        quality=config.quality if config else "med",
        webhook_url=form.webhook_url,
    )
    runtime.play(outcome)
    forms = runtime.state.forms_of(stream.room_id)
    return success_response(forms.start_status, start_answer(forms, started_json(stream, str(request.url.origin()))))


async def end(request: web.Request) -> web.Response:
    """`POST /v2/hls/end`."""
    runtime = request.app[RUNTIME]
    form = read_form(await request.read(), EndForm)
    stream, outcome = model.end(runtime.state, runtime.now_ms(), form.room_id, stream_id=form.id)
    runtime.play(outcome)
    return success_response(runtime.state.forms_of(stream.room_id).end_status, "HLS ended successfully")


async def active(request: web.Request) -> web.Response:
    """`GET /v2/hls/{roomId}/active`: a stream is active until it has ended, including while it stops."""
    state = request.app[RUNTIME].state
    room_id = request.match_info["room_id"]
    room = model.lookup_room(state, room_id)
    stream = None if room is None else model.running_stream(state, room)
    forms = state.forms_of(room_id)
    if stream is None:
        return none_active(forms, room_id)
    document = stream_json(stream, str(request.url.origin()))
    document = {forms.room_key if key == "roomId" else key: value for key, value in document.items()}
    return web.json_response({"code": 200, "data": document})


async def listed(request: web.Request) -> web.Response:
    """`GET /v2/hls`: newest first."""
    if request.app[RUNTIME].state.forms.list_needs_room and not request.query.get("roomId"):
        raise RefusedError(400, "roomId is required")
    room_id, session_id = request.query.get("roomId"), request.query.get("sessionId")
    streams = [
        stream
        for stream in reversed(request.app[RUNTIME].state.streams.values())
        if room_id in (None, stream.room_id) and session_id in (None, stream.session_id)
    ]
    return paged(request, streams, stream_json)


async def get(request: web.Request) -> web.Response:
    """`GET /v2/hls/{id}`."""
    state = request.app[RUNTIME].state
    stream = model.find_stream(state, request.match_info["id"])
    show = stream_detail_json if state.forms_of(stream.room_id).detail == "new" else old_detail_json
    return web.json_response(show(stream, str(request.url.origin())))


async def delete(request: web.Request) -> web.Response:
    """`DELETE /v2/hls/{id}`."""
    model.delete_stream(request.app[RUNTIME].state, request.match_info["id"])
    return web.json_response("HLS deleted successfully")


async def capture(request: web.Request) -> web.Response:
    """`POST /v2/hls/capture`: describe the thumbnail; no image exists behind the path."""
    runtime = request.app[RUNTIME]
    form = read_form(await request.read(), CaptureForm)
    stream = model.running_stream(runtime.state, model.find_room(runtime.state, form.room_id))
    if stream is None or stream.state is not StreamState.PLAYABLE:
        raise RefusedError(404, "No active HLS found")
    name = f"{runtime.now_ms()}.{form.format}"
    return web.json_response(
        {
            "message": "Thumbnail captured successfully",
            "roomId": stream.room_id,
            "meta": {
                "createdAt": iso(runtime.now_ms()),
                "width": form.width,
                "height": form.height,
                "format": form.format,
            },
            "filePath": f"{stream.cdn}/{stream.folder}/{name}",
            "fileSize": THUMBNAIL_BYTES,
            "fileName": name,
        }
    )


ROUTES = (
    web.post("/v2/hls/start", start, name="start"),
    web.post("/v2/hls/end", end, name="end"),
    web.post("/v2/hls/capture", capture, name="capture"),
    web.get("/v2/hls", listed, name="list"),
    web.get("/v2/hls/{room_id}/active", active, name="active"),
    web.get("/v2/hls/{id}", get, name="get"),
    web.delete("/v2/hls/{id}", delete, name="delete"),
)
