"""The sandbox's own endpoints under /sandbox: participants, faults, pace, the log and a notice inbox."""

from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web

from sandbox import model
from sandbox.entities import PARTICIPANTS_MAX, Pace, RefusedError
from sandbox.faults import PaceBody, RoomFaults, Seconds, read_faults, read_pace, read_room_faults
from sandbox.json_views import iso
from sandbox.outputs import Output
from sandbox.request_bodies import OUTPUTS_MAX, read_form
from sandbox.runtime import RUNTIME, SandboxRuntime

INBOX_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
Mode = Literal["CONFERENCE", "VIEWER", "SIGNALLING_ONLY", "SEND_AND_RECV", "RECV_ONLY"]
KINDS = ("call", "webhook", "run", "inbox")

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class JoinForm(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Body of a join; `count` joins that many participants at once."""

    participant_id: Name | None = None
    name: Name = "Guest"
    mode: Mode = "CONFERENCE"
    count: Annotated[int, msgspec.Meta(ge=1, le=PARTICIPANTS_MAX)] = 1


class LeaveForm(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Body of a leave; `keep` keeps the session open after the last participant has left."""

    participant_id: Name
    keep: bool = False


class AgeForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body that makes a stream older."""

    by_s: Seconds
    output: Output = Output.HLS


class FailForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body that makes a stream fail; `destinations` are patterns of the RTMP URLs at which it fails."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)] | None = None
    output: Output = Output.HLS
    destinations: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=OUTPUTS_MAX)] = ("*",)


async def join(request: web.Request) -> web.Response:
    """Join one or more participants; the room and its session are created if needed."""
    runtime = request.app[RUNTIME]
    form = read_form(await request.read() or b"{}", JoinForm)
    for number in range(1, form.count + 1):
        session, participant, outcome = model.join(
            runtime.state,
            runtime.now_ms(),
            _room_id(request),
            participant_id=_numbered(form, number),
            name=form.name,
            mode=form.mode,
        )
        runtime.play(outcome)
    return web.json_response({"roomId": session.room_id, "sessionId": session.id, "participantId": participant.id})


def _numbered(form: JoinForm, number: int) -> str | None:
    """Return the participant id of the nth participant: numbered when several join at once."""
    return form.participant_id if form.count == 1 or form.participant_id is None else f"{form.participant_id}-{number}"


async def leave(request: web.Request) -> web.Response:
    """Let one participant leave; the session ends with the last one unless it is kept."""
    runtime = request.app[RUNTIME]
    form = read_form(await request.read(), LeaveForm)
    session, outcome = model.leave(
        runtime.state, runtime.now_ms(), _room_id(request), form.participant_id, keep=form.keep
    )
    runtime.play(outcome)
    ended = session.end_ms is not None
    return web.json_response({"roomId": session.room_id, "sessionId": session.id, "sessionEnded": ended})


async def end_session(request: web.Request) -> web.Response:
    """End the room's session: all participants leave and its streams stop."""
    runtime = request.app[RUNTIME]
    session, outcome = model.end_session(runtime.state, runtime.now_ms(), _room_id(request))
    runtime.play(outcome)
    return web.json_response({"roomId": session.room_id, "sessionId": session.id, "sessionEnded": True})


async def fail(request: web.Request) -> web.Response:
    """Make the room's stream of an output fail."""
    runtime = request.app[RUNTIME]
    form = read_form(await request.read() or b"{}", FailForm)
    stream, outcome = model.fail(
        runtime.state,
        runtime.now_ms(),
        _room_id(request),
        output=form.output,
        reason=form.reason,
        destinations=form.destinations,
    )
    runtime.play(outcome)
    return web.json_response({"roomId": stream.room_id, "id": stream.id})


async def faults(request: web.Request) -> web.Response:
    """GET returns the current faults; PUT replaces all of them and returns the result."""
    runtime = request.app[RUNTIME]
    if request.method == "PUT":
        try:
            runtime.set_faults(read_faults(await request.read()))
        except ValueError as error:
            raise RefusedError(400, str(error)) from error
    return web.json_response(msgspec.to_builtins(runtime.faults))


async def room_faults(request: web.Request) -> web.Response:
    """GET returns the room's own faults; PUT replaces them and returns the result."""
    runtime, room_id = request.app[RUNTIME], _room_id(request)
    if request.method == "PUT":
        try:
            runtime.set_room_faults(room_id, read_room_faults(await request.read()))
        except ValueError as error:
            raise RefusedError(400, str(error)) from error
    return web.json_response(msgspec.to_builtins(runtime.room_faults.get(room_id, RoomFaults())))


async def room_pace(request: web.Request) -> web.Response:
    """Change the room's own pace; the room is created if needed. Steps already scheduled keep their time."""
    runtime = request.app[RUNTIME]
    try:
        body = read_pace(await request.read())
    except ValueError as error:
        raise RefusedError(400, str(error)) from error
    if body.answer_s is not None:
        raise RefusedError(400, "answer_s is the sandbox's, not a room's; a slow answer is the fault `slow`")
    room = model.get_or_create_room(runtime.state, runtime.now_ms(), _room_id(request))
    room.pace = _changed(room.pace or runtime.state.pace, body)
    return web.json_response(_pace_json(room.pace))


async def age(request: web.Request) -> web.Response:
    """Move the start of the room's stream into the past."""
    runtime = request.app[RUNTIME]
    form = read_form(await request.read(), AgeForm)
    by_ms = round(form.by_s * 1000)
    stream, outcome = model.age(runtime.state, runtime.now_ms(), _room_id(request), by_ms, output=form.output)
    runtime.play(outcome)
    return web.json_response({"roomId": stream.room_id, "id": stream.id, "start": iso(stream.start_ms)})


async def pace(request: web.Request) -> web.Response:
    """GET returns the pace; PUT changes the given keys. Steps already scheduled keep their time."""
    runtime = request.app[RUNTIME]
    if request.method == "PUT":
        try:
            _set_pace(runtime, read_pace(await request.read()))
        except ValueError as error:
            raise RefusedError(400, str(error)) from error
    return web.json_response({**_pace_json(runtime.state.pace), "answer_s": runtime.answer_s})


async def log(request: web.Request) -> web.Response:
    """Return log items, filtered by kind, room and item number."""
    kind, after = request.query.get("kind"), request.query.get("after", "0")
    if kind is not None and kind not in KINDS:
        raise RefusedError(400, f"kind must be one of {', '.join(KINDS)}")
    if not (after.isascii() and after.isdigit() and len(after) < 20):
        raise RefusedError(400, "after must be the number of an item")
    items = request.app[RUNTIME].log.items(kind=kind, room=request.query.get("room"), after=int(after))
    return web.json_response({"items": items})


async def inbox(request: web.Request) -> web.Response:
    """Accept any notice and record it in the log."""
    runtime = request.app[RUNTIME]
    headers = {name: request.headers[name] for name in INBOX_HEADERS if name in request.headers}
    runtime.log.add("inbox", runtime.now(), path=request.path, headers=headers, body=await _body(request))
    return web.json_response({"received": True})


async def _body(request: web.Request) -> Any:
    """Return the body as decoded JSON, or as text if it is not JSON."""
    body = await request.read()
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


def _room_id(request: web.Request) -> str:
    room_id: str = request.match_info["room_id"]
    if len(room_id) > 128:
        raise RefusedError(400, "a room id has at most 128 characters")
    return room_id


def _set_pace(runtime: SandboxRuntime, body: PaceBody) -> None:
    runtime.state.pace = _changed(runtime.state.pace, body)
    if body.answer_s is not None:
        runtime.answer_s = body.answer_s


def _changed(pace: Pace, body: PaceBody) -> Pace:
    changes_s = {
        "started_ms": body.started_s,
        "playable_ms": body.playable_s,
        "stopped_ms": body.stopped_s,
        "max_duration_ms": body.max_duration_s,
        "transcoded_ms": body.transcoded_s,
    }
    return replace(pace, **{name: round(seconds * 1000) for name, seconds in changes_s.items() if seconds is not None})


def _pace_json(pace: Pace) -> dict[str, float]:
    return {
        "started_s": pace.started_ms / 1000,
        "playable_s": pace.playable_ms / 1000,
        "stopped_s": pace.stopped_ms / 1000,
        "max_duration_s": pace.max_duration_ms / 1000,
        "transcoded_s": pace.transcoded_ms / 1000,
    }


ROUTES = (
    web.post("/sandbox/rooms/{room_id}/join", join),
    web.post("/sandbox/rooms/{room_id}/leave", leave),
    web.post("/sandbox/rooms/{room_id}/end-session", end_session),
    web.post("/sandbox/rooms/{room_id}/fail", fail),
    web.post("/sandbox/rooms/{room_id}/age", age),
    web.get("/sandbox/rooms/{room_id}/faults", room_faults),
    web.put("/sandbox/rooms/{room_id}/faults", room_faults),
    web.put("/sandbox/rooms/{room_id}/pace", room_pace),
    web.get("/sandbox/faults", faults),
    web.put("/sandbox/faults", faults),
    web.get("/sandbox/pace", pace),
    web.put("/sandbox/pace", pace),
    web.get("/sandbox/log", log),
    web.post("/sandbox/inbox", inbox),
    web.post("/sandbox/inbox/{rest:.*}", inbox),
)
