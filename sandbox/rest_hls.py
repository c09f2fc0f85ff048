"""REST endpoints that HLS alone has: the active stream, and thumbnails."""

from aiohttp import web

from sandbox import model
from sandbox.answer_forms import none_active
from sandbox.entities import RefusedError, StreamState
from sandbox.json_views import iso, stream_json
from sandbox.request_bodies import CaptureForm, read_form
from sandbox.runtime import RUNTIME

THUMBNAIL_BYTES = 48_213


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
            "filePath": f"{stream.cdn}/meetings-hls/{stream.folder}/{name}",
            "fileSize": THUMBNAIL_BYTES,
            "fileName": name,
        }
    )


ROUTES = (
    web.post("/v2/hls/capture", capture, name="capture"),
    web.get("/v2/hls/{room_id}/active", active, name="active"),
)
