"""The demo: a room that a host and a guest enter and leave, over and over."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from sandbox import model
from sandbox.records import Outcome, RefusedError, World
from sandbox.runtime import Stage

HOST, HOST_NAME = "demo-host", "Host Ada"
GUEST, GUEST_NAME = "demo-guest", "Grace"


class Act(StrEnum):
    HOST_JOINS = "host-joins"
    GUEST_JOINS = "guest-joins"
    GUEST_LEAVES = "guest-leaves"
    HOST_LEAVES = "host-leaves"
    SESSION_ENDS = "session-ends"
    REST = "rest"


# Seconds to wait, then the act. After the host has left, the empty session stays open long enough for
# somebody to end the stream; if nobody does, the end of the session ends it.
SCRIPT = (
    (3.0, Act.HOST_JOINS),
    (2.0, Act.GUEST_JOINS),
    (30.0, Act.GUEST_LEAVES),
    (1.0, Act.HOST_LEAVES),
    (12.0, Act.SESSION_ENDS),
    (5.0, Act.REST),
)


async def play(stage: Stage, room_id: str, *, factor: float = 1.0) -> None:
    """Until cancelled. An act that others have made impossible is left out."""
    while not stage.closing:
        for wait_s, act in SCRIPT:
            await asyncio.sleep(wait_s * factor)
            try:
                stage.play(perform(stage.world, stage.now_ms(), room_id, act))
            except RefusedError:
                continue


def perform(world: World, now_ms: int, room_id: str, act: Act) -> Outcome:
    match act:
        case Act.HOST_JOINS:
            return model.join(world, now_ms, room_id, participant_id=HOST, name=HOST_NAME)[-1]
        case Act.GUEST_JOINS:
            return model.join(world, now_ms, room_id, participant_id=GUEST, name=GUEST_NAME)[-1]
        case Act.GUEST_LEAVES:
            return model.leave(world, now_ms, room_id, GUEST, keep=True)[-1]
        case Act.HOST_LEAVES:
            return model.leave(world, now_ms, room_id, HOST, keep=True)[-1]
        case Act.SESSION_ENDS:
            return model.end_session(world, now_ms, room_id)[-1]
        case Act.REST:
            return Outcome()
