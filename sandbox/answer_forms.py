"""Build REST answers in the variants that VideoSDK's documentation leaves open (see `open_points`)."""

from typing import Any

from aiohttp import web

from sandbox.entities import Stream
from sandbox.json_views import started_json
from sandbox.open_points import Forms, ListForm
from sandbox.outputs import Output

NO_CONTENT = 204
NOTHING = "No active HLS found"


def success_response(status: int, body: Any) -> web.Response:
    """Return a successful response with this status; a 204 has no body."""
    return web.Response(status=status) if status == NO_CONTENT else web.json_response(body, status=status)


def start_answer(forms: Forms, stream: Stream, base: str) -> Any:
    """Return the body that answers a start; `base` is the origin of links."""
    started = started_json(stream, base)
    match forms.start_answer if stream.output is Output.HLS else forms.other_start_answer:
        case "object":
            return started
        case "string":
            return f"{stream.spec.title} started successfully"
        case "empty":
            return {}
        case key:
            return {(key if name == "id" else name): value for name, value in started.items()}


def list_answer(form: ListForm, page: dict[str, Any]) -> web.Response:
    """Return the answer to a list of recordings or livestreams; `page` is the documented one."""
    info, rows = page["pageInfo"], page["data"]
    match form:
        case "pages":
            return web.json_response(page)
        case "array":
            return web.json_response(rows)
        case "404":
            return web.json_response(page) if rows else web.json_response({"message": "Not found"}, status=404)
        case "unknown":
            return web.json_response({"state": "idle"})
        case "pagination":
            pagination = {
                "page": info["currentPage"],
                "perPage": info["perPage"],
                "totalPages": info["lastPage"],
                "total": info["total"],
            }
            return web.json_response({"pagination": pagination, "data": rows})


def none_active(forms: Forms, room_id: str) -> web.Response:
    """Return the answer of `GET /v2/hls/{roomId}/active` when no stream is active."""
    match forms.none_active:
        case "null":
            return web.json_response({"code": 200, "data": None})
        case "absent":
            return web.json_response({"code": 200})
        case "empty":
            return web.json_response({"code": 200, "data": {}})
        case "hollow":
            return web.json_response({"code": 200, "data": {"roomId": room_id, "end": None}})
        case "bare-null":
            return web.json_response(None)
        case "204":
            return web.Response(status=NO_CONTENT)
        case "code-404" | "code-402" | "code-400":
            return web.json_response({"code": int(forms.none_active.removeprefix("code-")), "message": NOTHING})
        case "unknown":
            return web.json_response({"state": "idle"})
        case status:
            return web.json_response({"message": NOTHING, "code": int(status)}, status=int(status))
