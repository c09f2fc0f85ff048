"""Answers of REST in the forms that VideoSDK's documentation leaves open."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.open_points import Forms

NO_CONTENT = 204
NOTHING = "No active HLS found"


def succeeded(status: int, body: Any) -> web.Response:
    """A success with this status; 204 has no body."""
    return web.Response(status=status) if status == NO_CONTENT else web.json_response(body, status=status)


def start_answer(forms: Forms, started: dict[str, Any]) -> Any:
    """What a start is answered with."""
    match forms.start_answer:
        case "object":
            return started
        case "string":
            return "HLS started successfully"
        case "empty":
            return {}
        case key:
            return {(key if name == "id" else name): value for name, value in started.items()}


def none_active(forms: Forms, room_id: str) -> web.Response:
    """What the question for the active stream is answered with when there is none."""
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
