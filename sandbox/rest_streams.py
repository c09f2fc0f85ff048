"""REST endpoints that every output has: start, end, list, get and, but for RTMP, delete."""

from typing import Any

from aiohttp import web

from sandbox import model
from sandbox.answer_forms import list_answer, start_answer, success_response
from sandbox.entities import RefusedError, SandboxState, Stream
from sandbox.json_views import old_detail_json, stream_detail_json, stream_json
from sandbox.open_points import Forms
from sandbox.outputs import OUTPUTS, Output
from sandbox.paging import page_of
from sandbox.request_bodies import EndForm, read_form, read_start
from sandbox.runtime import RUNTIME


class OutputEndpoints:
    """The endpoints of one output."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._title = OUTPUTS[output].title

    async def start(self, request: web.Request) -> web.Response:
        """`POST /v2/hls/start`, `/v2/recordings/start`, `/v2/livestreams/start`."""
        runtime = request.app[RUNTIME]
        room_id, options = read_start(await request.read(), self._output)
        stream, outcome = model.start(runtime.state, runtime.now_ms(), room_id, output=self._output, options=options)
        runtime.play(outcome)
        forms = runtime.state.forms_of(stream.room_id)
        return success_response(forms.start_status, start_answer(forms, stream, str(request.url.origin())))

    async def end(self, request: web.Request) -> web.Response:
        """`POST /v2/hls/end`, and the same of the other outputs. The answer is a string."""
        runtime = request.app[RUNTIME]
        form = read_form(await request.read(), EndForm)
        stream, outcome = model.end(
            runtime.state, runtime.now_ms(), form.room_id, output=self._output, stream_id=form.id
        )
        runtime.play(outcome)
        status = runtime.state.forms_of(stream.room_id).end_status
        return success_response(status, f"{self._title} ended successfully")

    async def listed(self, request: web.Request) -> web.Response:
        """`GET /v2/hls`, and the same of the other outputs: newest first."""
        state, room_id = request.app[RUNTIME].state, request.query.get("roomId")
        if state.forms.list_needs_room and not room_id:
            raise RefusedError(400, "roomId is required")
        forms = state.forms_of(room_id or "")
        page = page_of(request, self._matching(state, forms, room_id, request.query.get("sessionId")), stream_json)
        return list_answer("pages" if self._output is Output.HLS else forms.list_form, page)

    async def get(self, request: web.Request) -> web.Response:
        """`GET /v2/hls/{id}`, and the same of the other outputs."""
        state = request.app[RUNTIME].state
        stream = model.find_stream(state, request.match_info["id"], self._output)
        is_old = self._output is Output.HLS and state.forms_of(stream.room_id).detail == "old"
        show = old_detail_json if is_old else stream_detail_json
        return web.json_response(show(stream, str(request.url.origin())))

    async def delete(self, request: web.Request) -> web.Response:
        """`DELETE /v2/hls/{id}`, `DELETE /v2/recordings/{id}`."""
        model.delete_stream(request.app[RUNTIME].state, request.match_info["id"], self._output)
        return web.json_response(f"{self._title} deleted successfully")

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the routes; their names select them for faults."""
        path, calls = f"/v2/{OUTPUTS[self._output].path}", OUTPUTS[self._output].calls
        routes = (
            web.post(f"{path}/start", self.start, name=f"{calls}start"),
            web.post(f"{path}/end", self.end, name=f"{calls}end"),
            web.get(path, self.listed, name=f"{calls}list"),
            web.get(f"{path}/{{id}}", self.get, name=f"{calls}get"),
        )
        if self._output is Output.RTMP:
            return routes
        return (*routes, web.delete(f"{path}/{{id}}", self.delete, name=f"{calls}delete"))

    def _matching(self, state: SandboxState, forms: Forms, room_id: str | None, session_id: str | None) -> list[Stream]:
        return [
            stream
            for stream in reversed(state.streams.values())
            if stream.output is self._output
            and room_id in (None, stream.room_id)
            and session_id in (None, stream.session_id)
            and (stream.over or self._output is Output.HLS or forms.running_listed)
        ]


def _routes() -> tuple[Any, ...]:
    return tuple(route for output in Output for route in OutputEndpoints(output).routes())


ROUTES = _routes()
