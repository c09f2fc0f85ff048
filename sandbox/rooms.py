"""Rooms of the pure model: how they come to be and how they are found."""

from __future__ import annotations

from sandbox.entities import ROOMS_MAX, RefusedError, Room, SandboxState, Session, Stream


def create_room(
    world: SandboxState,
    now_ms: int,
    *,
    custom_id: str | None = None,
    end_point: str | None = None,
    events: tuple[str, ...] = (),
    auto_hls: bool = False,
) -> Room:
    """A new room, or the one that already has this custom id."""
    if custom_id is not None and custom_id in world.custom:
        return world.rooms[world.custom[custom_id]]
    if world.forms.https_only and end_point is not None and not end_point.startswith("https://"):
        raise RefusedError(400, "webhook.endPoint must be an https URL")
    room = add_room(world, Room(_room_id(world), now_ms, custom_id, end_point, events, auto_hls=auto_hls))
    if custom_id is not None:
        world.custom[custom_id] = room.id
    return room


def add_room(world: SandboxState, room: Room) -> Room:
    if len(world.rooms) >= ROOMS_MAX:
        raise RefusedError(400, f"the sandbox holds {ROOMS_MAX} rooms")
    world.rooms[room.id] = room
    return room


def lookup_room(world: SandboxState, room_id: str) -> Room | None:
    """By its id or its custom id."""
    return world.rooms.get(world.custom.get(room_id, room_id))


def get_or_create_room(world: SandboxState, now_ms: int, room_id: str) -> Room:
    """By its id or its custom id; made when there is none."""
    return lookup_room(world, room_id) or add_room(world, Room(room_id, now_ms))


def find_room(world: SandboxState, room_id: str) -> Room:
    room = lookup_room(world, room_id)
    if room is None:
        raise RefusedError(404, "Room not found")
    return room


def running_session(world: SandboxState, room: Room) -> Session | None:
    return None if room.session_id is None else world.sessions[room.session_id]


def running_stream(world: SandboxState, room: Room) -> Stream | None:
    """The room's stream that is not over: starting, started, playable or stopping."""
    return None if room.stream_id is None else world.streams[room.stream_id]


def _room_id(world: SandboxState) -> str:
    number = int(world.next_digits(), 16)
    letters = "".join(chr(ord("a") + number // 26**place % 26) for place in range(12))
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"
