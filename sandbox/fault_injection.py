"""Middleware that applies the requested faults to REST calls."""

import asyncio
from typing import Any

from aiohttp import web

from sandbox.entities import RefusedError
from sandbox.faults import RestFault
from sandbox.middleware import ITEM, Handler
from sandbox.outputs import OUTPUTS, Output
from sandbox.runtime import RUNTIME

HANG_MAX_S = 600.0
HANG_LOOK_S = 0.05
LATE_MAX = 1_000  # calls that have not taken effect yet
LATE_CALLS: web.AppKey[set[asyncio.Task[None]]] = web.AppKey("late", set)

FAULT_ANSWERS: dict[str, tuple[int, dict[str, Any]]] = {
    "400": (400, {"message": "Bad request"}),
    "402": (402, {"message": "Not found"}),
    "404": (404, {"message": "Not found"}),
    "406": (406, {"message": "config.layout is required"}),
    "401": (401, {"message": "Token is invalid or expired"}),
    "403": (403, {"error": "Not permitted"}),
    "409": (409, {"message": "{title} is being processed already"}),
    "4020": (
        409,
        {"message": "The previous {title} is still being processed, try again in a few seconds", "code": 4020},
    ),
    "4021": (400, {"message": "The add-on {title} is not enabled for this account", "code": 4021}),
    "4029": (400, {"message": "The organisation quota of {title} streams is used up", "code": 4029}),
    "429": (429, {"message": "Too many requests"}),
    "500": (500, {"statusMessage": "Internal server error"}),
    "503": (503, {"msg": "Service unavailable"}),
}


@web.middleware
async def inject_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Apply the fault of this call, if there is one."""
    name = request.match_info.route.name
    if not request.path.startswith("/v2") or name is None:
        return await handler(request)
    runtime = request.app[RUNTIME]
    fault = runtime.take_fault(name, request[ITEM]["room"])
    if fault is None:
        return await handler(request)
    request[ITEM]["fault"] = fault.fault
    match fault.fault:
        case "hang":
            await _hang(request, HANG_MAX_S)
            return web.Response(status=504)
        case "answer-lost":
            await _work(request, handler)
            return _cut(request)
        case "late":
            _work_later(request, handler, fault)
            return _cut(request)
        case "slow":
            return await _answer_slowly(request, handler, fault)
        case "502":
            return web.Response(status=502, text="<h1>502 Bad Gateway</h1>", content_type="text/html")
        case "no-effect":
            return web.json_response(_success_text(name))
        case answer:
            status, body = FAULT_ANSWERS[answer]
            texts = {
                key: value.format(title=_title(name)) if isinstance(value, str) else value
                for key, value in body.items()
            }
            return web.json_response(texts, status=status)


def _title(name: str) -> str:
    """The output that messages about a call speak of; HLS where it is about none."""
    calls = {spec.calls: spec.title for spec in OUTPUTS.values() if spec.calls}
    return next((title for prefix, title in calls.items() if name.startswith(prefix)), OUTPUTS[Output.HLS].title)


def _success_text(name: str) -> str:
    return f"{_title(name)} {'ended' if name.endswith('end') else 'started'} successfully"


async def _answer_slowly(request: web.Request, handler: Handler, fault: RestFault) -> web.StreamResponse:
    """Handle the call at once, but send its answer only after `after_s`."""
    try:
        return await handler(request)
    finally:
        await _hang(request, fault.after_s)


async def _hang(request: web.Request, at_most_s: float) -> None:
    """Wait until the client disconnects, at most this long."""
    runtime = request.app[RUNTIME]
    for _ in range(int(min(at_most_s, HANG_MAX_S) / HANG_LOOK_S)):
        if runtime.closing or request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(HANG_LOOK_S)


async def _work(request: web.Request, handler: Handler) -> None:
    """Handle the call without sending its answer; the log keeps its status."""
    try:
        request[ITEM]["lost_status"] = (await handler(request)).status
    except RefusedError as refused:
        request[ITEM]["lost_status"] = refused.status


def _work_later(request: web.Request, handler: Handler, fault: RestFault) -> None:
    late_calls = request.app[LATE_CALLS]
    if len(late_calls) >= LATE_MAX:
        raise RefusedError(503, f"the sandbox keeps {LATE_MAX} late calls")

    async def work() -> None:
        await asyncio.sleep(fault.after_s)
        await _work(request, handler)

    task = asyncio.create_task(work())
    late_calls.add(task)
    task.add_done_callback(late_calls.discard)


def _cut(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
