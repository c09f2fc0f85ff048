"""Middleware of REST calls: the call log, errors as JSON, and the token check."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from sandbox.auth import check_token
from sandbox.entities import RefusedError, SandboxState
from sandbox.runtime import RUNTIME, SandboxRuntime

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ITEM: web.RequestKey[dict[str, Any]] = web.RequestKey("item", dict)  # the call's, in the log


@web.middleware
async def log_call(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log each call under /v2 when it arrives, and delay its answer by the pace's `answer_s`."""
    if not request.path.startswith("/v2"):
        return await handler(request)
    runtime = request.app[RUNTIME]
    item = runtime.log.add(
        "call",
        runtime.now(),
        method=request.method,
        path=request.path_qs,
        room=_room_of(request, runtime, await request.read()),
        status=None,
        fault=None,
    )
    request[ITEM] = item
    response = await handler(request)
    if request.transport is not None and not request.transport.is_closing():
        item["status"] = response.status
        await asyncio.sleep(runtime.answer_s)
    return response


@web.middleware
async def render_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals into JSON with a message. An unsupported method is 404, as it is with VideoSDK."""
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
    """Require a valid token under /v2, except for the public key."""
    if request.path.startswith("/v2") and request.match_info.route.name != "public-key":
        runtime = request.app[RUNTIME]
        header = request.headers.get("Authorization", "")
        check_token(header, api_key=runtime.api_key, secret=runtime.secret)
    return await handler(request)


def _room_of(request: web.Request, runtime: SandboxRuntime, body: bytes) -> str | None:
    """The room that a call names: by its id, or by that of a session, a stream or a transcoding."""
    named = request.match_info.get("id")
    if named is not None:
        return _room_of_id(runtime.state, named)
    fields: Mapping[str, object] = {**request.query, **request.match_info}
    room = fields.get("room_id") or fields.get("roomId")
    if room is None and body:
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError):
            return None
        fields = sent if isinstance(sent, dict) else {}
        room = fields.get("roomId")
    if isinstance(room, str):
        return room
    ids = (fields.get(name) for name in ("hlsId", "sessionId"))
    return next((_room_of_id(runtime.state, named) for named in ids if isinstance(named, str)), None)


def _room_of_id(state: SandboxState, named: str) -> str | None:
    about = state.sessions.get(named) or state.streams.get(named) or state.transcodings.get(named)
    return None if about is None else about.room_id


def _refusal(refused: RefusedError) -> web.Response:
    body: dict[str, object] = {"message": refused.message}
    if refused.code is not None:
        body["code"] = refused.code
    return web.json_response(body, status=refused.status)
