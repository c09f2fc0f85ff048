"""What every REST call passes on its way in and out: the log, the errors, the token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.auth import check_token
from sandbox.records import RefusedError
from sandbox.runtime import STAGE, Stage

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ITEM: web.RequestKey[dict[str, Any]] = web.RequestKey("item", dict)  # the call's, in the log


@web.middleware
async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Each call under /v2 is in the log from its arrival; its answer waits for the pace's `answer_s`."""
    if not request.path.startswith("/v2"):
        return await handler(request)
    stage = request.app[STAGE]
    item = stage.log.add(
        "call",
        stage.now(),
        method=request.method,
        path=request.path_qs,
        room=_room_of(request, stage, await request.read()),
        status=None,
        fault=None,
    )
    request[ITEM] = item
    response = await handler(request)
    if request.transport is not None and not request.transport.is_closing():
        item["status"] = response.status
        await asyncio.sleep(stage.answer_s)
    return response


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal is JSON with a message. A wrong method is a wrong path, as it is with VideoSDK."""
    try:
        return await handler(request)
    except RefusedError as refused:
        return _refusal(refused)
    except web.HTTPMethodNotAllowed as error:
        status = 404 if request.path.startswith("/v2") else error.status
        return web.json_response({"message": f"{request.method} {request.path} is not known"}, status=status)
    except web.HTTPException as error:
        return web.json_response({"message": error.reason}, status=error.status)


@web.middleware
async def authorise(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path.startswith("/v2") and request.match_info.route.name != "public-key":
        stage = request.app[STAGE]
        header = request.headers.get("Authorization", "")
        check_token(header, api_key=stage.api_key, secret=stage.secret)
    return await handler(request)


def _room_of(request: web.Request, stage: Stage, body: bytes) -> str | None:
    room = request.match_info.get("room_id") or request.query.get("roomId")
    if (named := request.match_info.get("id")) is not None:
        about = stage.world.sessions.get(named) or stage.world.streams.get(named)
        return None if about is None else about.room_id
    if room is None and body:
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError):
            return None
        room = sent.get("roomId") if isinstance(sent, dict) else None
    return room if isinstance(room, str) else None


def _refusal(refused: RefusedError) -> web.Response:
    body: dict[str, object] = {"message": refused.message}
    if refused.code is not None:
        body["code"] = refused.code
    return web.json_response(body, status=refused.status)
