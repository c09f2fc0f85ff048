"""Webhook bodies as VideoSDK sends them: complete streams with ids, and sessions with participants."""

import json
from collections.abc import Iterator
from hashlib import blake2b

STATES = ("starting", "started", "playable", "stopping", "stopped")
GUESTS = 5
PER_SESSION = 2 + 2 * (GUESTS + 1) + len(STATES)


def runs(rooms: int, cycles: int, *, first: int = 0) -> Iterator[bytes]:
    """Yield complete streams; each body changes a state, and consecutive bodies of one room are `rooms` apart."""
    for cycle in range(first, first + cycles):
        for state in STATES:
            for room in range(rooms):
                yield hls(state, room, cycle)


def sessions(rooms: int, cycles: int) -> Iterator[bytes]:
    """Yield sessions in which participants join, a stream goes through all states, and participants leave."""
    for cycle in range(cycles):
        for at in range(len(_plan(0))):
            for room in range(rooms):
                kind, data = _plan(cycle)[at]
                yield hls(kind, room, cycle) if kind in STATES else body(kind, room, cycle, **data)


def hls(state: str, room: int, cycle: int) -> bytes:
    """Return one `hls-*` webhook of a stream, about 300 bytes once its URLs are known."""
    run = _hex(f"run {room} {cycle}", 12)
    more = {"id": run}
    if state != "starting":
        folder = f"https://cdn.videosdk.live/meetings-hls/{_hex(run, 16)}"
        more |= {"playbackHlsUrl": f"{folder}/index.m3u8", "livestreamUrl": f"{folder}/live.m3u8"}
    return body(f"hls-{state}", room, cycle, **more)


def body(kind: str, room: int, cycle: int, **more: str) -> bytes:
    """Return any webhook of a room's session."""
    data = {"meetingId": room_id(room), "sessionId": _hex(f"session {room} {cycle}", 12), **more}
    return json.dumps({"webhookType": kind, "data": data}, separators=(",", ":")).encode()


def room_id(room: int) -> str:
    """Return the id of the nth room."""
    return f"room-{room:04d}-live"


def _plan(cycle: int) -> list[tuple[str, dict[str, str]]]:
    people = [("Host Ada", f"host{cycle}"), *((f"Guest {n}", f"guest{cycle}x{n}") for n in range(GUESTS))]
    people_data = [{"participantId": who, "participantName": name} for name, who in people]
    joins = [("participant-joined", participant) for participant in people_data]
    leaves = [("participant-left", participant) for participant in reversed(people_data)]
    states: list[tuple[str, dict[str, str]]] = [(state, {}) for state in STATES]
    return [
        ("session-started", {}),
        *joins[:2],
        *states[:3],
        *joins[2:],
        *leaves[:3],
        *states[3:],
        *leaves[3:],
        ("session-ended", {}),
    ]


def _hex(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()
