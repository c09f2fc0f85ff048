"""Rooms of the model: create and look up."""

from sandbox.entities import ROOMS_MAX, RefusedError, Room, SandboxState, Session, Stream
from sandbox.outputs import Output


def create_room(
    state: SandboxState,
    now_ms: int,
    *,
    custom_id: str | None = None,
    end_point: str | None = None,
    events: tuple[str, ...] = (),
    auto_start: tuple[Output, ...] = (),
) -> Room:
    """Create a room, or return the one that already has this custom id."""
    if custom_id is not None and custom_id in state.custom:
        return state.rooms[state.custom[custom_id]]
    if state.forms.https_only and end_point is not None and not end_point.startswith("https://"):
        raise RefusedError(400, "webhook.endPoint must be an https URL")
    room = add_room(state, Room(_room_id(state), now_ms, custom_id, end_point, events, auto_start=auto_start))
    if custom_id is not None:
        state.custom[custom_id] = room.id
    return room


def add_room(state: SandboxState, room: Room) -> Room:
    """Add a room. Raises `RefusedError` 400 at the limit."""
    if len(state.rooms) >= ROOMS_MAX:
        raise RefusedError(400, f"the sandbox holds {ROOMS_MAX} rooms")
    state.rooms[room.id] = room
    return room


def lookup_room(state: SandboxState, room_id: str) -> Room | None:
    """Return the room with this id or custom id, or None."""
    return state.rooms.get(state.custom.get(room_id, room_id))


def get_or_create_room(state: SandboxState, now_ms: int, room_id: str) -> Room:
    """Return the room with this id or custom id, creating it if needed."""
    return lookup_room(state, room_id) or add_room(state, Room(room_id, now_ms))


def find_room(state: SandboxState, room_id: str) -> Room:
    """Return the room with this id or custom id. Raises `RefusedError` 404 if there is none."""
    room = lookup_room(state, room_id)
    if room is None:
        raise RefusedError(404, "Room not found")
    return room


def find_by_room_id(state: SandboxState, room_id: str) -> Room:
    """Return the room with this id, which must not be a custom one. Raises `RefusedError` 402 if there is none."""
    room = state.rooms.get(room_id)
    if room is None:
        raise RefusedError(402, "Room not found")
    return room


def running_session(state: SandboxState, room: Room) -> Session | None:
    """Return the room's running session, or None."""
    return None if room.session_id is None else state.sessions[room.session_id]


def running_stream(state: SandboxState, room: Room, output: Output = Output.HLS) -> Stream | None:
    """Return the room's stream of an output that has not ended: starting, started, playable or stopping."""
    stream_id = room.stream_ids.get(output)
    return None if stream_id is None else state.streams[stream_id]


def _room_id(state: SandboxState) -> str:
    number = int(state.next_digits(), 16)
    letters = "".join(chr(ord("a") + number // 26**place % 26) for place in range(12))
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"
