"""REST endpoints of rooms and sessions, and the public key."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from sandbox import model
from sandbox.entities import Participant, RefusedError, Session
from sandbox.json_views import participant_json, room_json, session_json, without_modes
from sandbox.open_points import Forms
from sandbox.outputs import Output
from sandbox.paging import paged
from sandbox.request_bodies import AutoStart, EndForm, RoomForm, read_form
from sandbox.runtime import RUNTIME

STATUSES = ("ongoing", "ended")


async def create_room(request: web.Request) -> web.Response:
    """`POST /v2/rooms`."""
    runtime = request.app[RUNTIME]
    form = read_form(await request.read() or b"{}", RoomForm)
    room = model.create_room(
        runtime.state,
        runtime.now_ms(),
        custom_id=form.custom_room_id,
        end_point=form.webhook.end_point if form.webhook else None,
        events=form.webhook.events if form.webhook else (),
        auto_start=_auto_start(form.auto_start_config),
    )
    return web.json_response(room_json(room, str(request.url.origin())))


def _auto_start(config: AutoStart | None) -> tuple[Output, ...]:
    if config is None:
        return ()
    settings = {Output.HLS: config.hls, Output.RECORDING: config.recording}
    return tuple(output for output, value in settings.items() if value not in (None, False))


async def rooms(request: web.Request) -> web.Response:
    """`GET /v2/rooms`: newest first; `query` is an id or a custom id."""
    query = request.query.get("query")
    matching = [
        room for room in reversed(request.app[RUNTIME].state.rooms.values()) if query in (None, room.id, room.custom_id)
    ]
    return paged(request, matching, room_json)


async def deactivate_room(request: web.Request) -> web.Response:
    """`POST /v2/rooms/deactivate`: answers with the room, now disabled; a custom id is not found."""
    runtime = request.app[RUNTIME]
    form = read_form(await request.read(), EndForm)
    room, outcome = model.deactivate(runtime.state, runtime.now_ms(), form.room_id)
    runtime.play(outcome)
    return web.json_response(room_json(room, str(request.url.origin())))


async def get_room(request: web.Request) -> web.Response:
    """`GET /v2/rooms/{roomId}`, `GET /v2/rooms/validate/{roomId}`."""
    room = model.find_room(request.app[RUNTIME].state, request.match_info["room_id"])
    return web.json_response(room_json(room, str(request.url.origin())))


async def sessions(request: web.Request) -> web.Response:
    """`GET /v2/sessions`: newest first."""
    room_id, status = request.query.get("roomId"), request.query.get("status")
    if status is not None and status not in STATUSES:
        raise RefusedError(400, f"status must be one of {', '.join(STATUSES)}")
    matching = [
        session
        for session in reversed(request.app[RUNTIME].state.sessions.values())
        if room_id in (None, session.room_id) and status in (None, "ongoing" if session.end_ms is None else "ended")
    ]
    return paged(request, matching, session_json)


async def get_session(request: web.Request) -> web.Response:
    """`GET /v2/sessions/{id}`."""
    session = model.find_session(request.app[RUNTIME].state, request.match_info["id"])
    return web.json_response(session_json(session, str(request.url.origin())))


async def participants(request: web.Request) -> web.Response:
    """`GET /v2/sessions/{id}/participants`: everyone who has been in the session, in the order of joining."""
    state = request.app[RUNTIME].state
    session = model.find_session(state, request.match_info["id"])
    return _participants(request, session, list(session.participants.values()), state.forms_of(session.room_id))


async def active_participants(request: web.Request) -> web.Response:
    """`GET /v2/sessions/{id}/participants/active`: current participants."""
    state = request.app[RUNTIME].state
    session = model.find_session(state, request.match_info["id"])
    forms = state.forms_of(session.room_id)
    if forms.participants == "404":
        raise RefusedError(404, f"Cannot GET {request.path}")
    present = [participant for participant in session.participants.values() if participant.present]
    return _participants(request, session, present, forms)


async def get_participant(request: web.Request) -> web.Response:
    """`GET /v2/sessions/{id}/participants/{participantId}`."""
    state = request.app[RUNTIME].state
    session = model.find_session(state, request.match_info["id"])
    participant = session.participants.get(request.match_info["participant_id"])
    if participant is None:
        raise RefusedError(404, "Participant not found")
    return web.json_response(participant_json(participant, str(request.url.origin())))


def _participants(request: web.Request, session: Session, listed: Sequence[Participant], forms: Forms) -> web.Response:
    def show(participant: Participant, base: str) -> dict[str, Any]:
        document = participant_json(participant, base)
        return document if forms.participant_modes else without_modes(document)

    def in_session(rows: list[dict[str, Any]], base: str) -> list[dict[str, Any]]:
        return [{**session_json(session, base), "participants": rows}]

    return paged(request, listed, show, wrap=in_session if forms.participants == "session" else None)


async def end_session(request: web.Request) -> web.Response:
    """`POST /v2/sessions/end`: answers with the session, now ended."""
    runtime = request.app[RUNTIME]
    form = read_form(await request.read(), EndForm)
    session, outcome = model.end_session(runtime.state, runtime.now_ms(), form.room_id)
    runtime.play(outcome)
    return web.json_response(session_json(session, str(request.url.origin())))


async def public_key(request: web.Request) -> web.Response:
    """`GET /v2/public/rsa-public-key`; needs no token."""
    return web.json_response({"publicKey": request.app[RUNTIME].public_key})


ROUTES = (
    web.post("/v2/rooms", create_room, name="rooms"),
    web.get("/v2/rooms", rooms, name="list-rooms"),
    web.post("/v2/rooms/deactivate", deactivate_room, name="deactivate-room"),
    web.get("/v2/rooms/validate/{room_id}", get_room, name="validate-room"),
    web.get("/v2/rooms/{room_id}", get_room, name="room"),
    web.get("/v2/sessions{slash:/?}", sessions, name="sessions"),
    web.get("/v2/sessions/{id}", get_session, name="session"),
    web.get("/v2/sessions/{id}/participants", participants, name="all-participants"),
    web.get("/v2/sessions/{id}/participants/active", active_participants, name="participants"),
    web.get("/v2/sessions/{id}/participants/{participant_id}", get_participant, name="participant"),
    web.post("/v2/sessions/end", end_session, name="end-session"),
    web.get("/v2/public/rsa-public-key", public_key, name="public-key"),
)
