"""What goes wrong with REST calls when it is asked to."""

from __future__ import annotations

import asyncio

from aiohttp import web

from .doors import ITEM, Handler
from .faults import RestFault
from .records import RefusedError
from .stage import STAGE, Stage

HANG_MAX_S = 600.0
HANG_LOOK_S = 0.05
LATE_MAX = 1_000  # calls whose work is still to be done
LATE: web.AppKey[set[asyncio.Task[None]]] = web.AppKey("late", set)

SPOILT = {
    "401": (401, {"message": "Token is invalid or expired"}),
    "403": (403, {"error": "Not permitted"}),
    "409": (409, {"message": "HLS is being processed already"}),
    "429": (429, {"message": "Too many requests"}),
    "500": (500, {"statusMessage": "Internal server error"}),
    "503": (503, {"msg": "Service unavailable"}),
}


@web.middleware
async def spoil(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The faults that were asked for."""
    name = request.match_info.route.name
    if not request.path.startswith("/v2") or name is None:
        return await handler(request)
    stage = request.app[STAGE]
    fault = stage.faults.take(name)
    if fault is None:
        return await handler(request)
    request[ITEM]["fault"] = fault.fault
    match fault.fault:
        case "hang":
            await _hang(request, stage)
            return web.Response(status=504)
        case "answer-lost":
            await _work(request, handler)
            return _cut(request)
        case "late":
            _work_later(request, handler, fault)
            return _cut(request)
        case "502":
            return web.Response(status=502, text="<h1>502 Bad Gateway</h1>", content_type="text/html")
        case answer:
            status, body = SPOILT[answer]
            return web.json_response(body, status=status)


async def _hang(request: web.Request, stage: Stage) -> None:
    """Until the caller leaves."""
    for _ in range(int(HANG_MAX_S / HANG_LOOK_S)):
        if stage.closing or request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(HANG_LOOK_S)


async def _work(request: web.Request, handler: Handler) -> None:
    """The call's work, whose answer nobody gets; the log keeps its status."""
    try:
        request[ITEM]["lost_status"] = (await handler(request)).status
    except RefusedError as refused:
        request[ITEM]["lost_status"] = refused.status


def _work_later(request: web.Request, handler: Handler, fault: RestFault) -> None:
    late = request.app[LATE]
    if len(late) >= LATE_MAX:
        raise RefusedError(503, f"the sandbox keeps {LATE_MAX} late calls")

    async def work() -> None:
        await asyncio.sleep(fault.after_s)
        await _work(request, handler)

    task = asyncio.create_task(work())
    late.add(task)
    task.add_done_callback(late.discard)


def _cut(request: web.Request) -> web.Response:
    """The connection closes without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
