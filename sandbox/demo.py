"""The demo: a room that a host and a guest enter and leave, over and over."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from sandbox import model
from sandbox.entities import Outcome, RefusedError, SandboxState
from sandbox.runtime import SandboxRuntime

HOST, HOST_NAME = "demo-host", "Host Ada"
GUEST, GUEST_NAME = "demo-guest", "Grace"


class DemoStep(StrEnum):
    HOST_JOINS = "host-joins"
    GUEST_JOINS = "guest-joins"
    GUEST_LEAVES = "guest-leaves"
    HOST_LEAVES = "host-leaves"
    SESSION_ENDS = "session-ends"
    REST = "rest"


# Seconds to wait, then the act. After the host has left, the empty session stays open long enough for
# somebody to end the stream; if nobody does, the end of the session ends it.
SCRIPT = (
    (3.0, DemoStep.HOST_JOINS),
    (2.0, DemoStep.GUEST_JOINS),
    (30.0, DemoStep.GUEST_LEAVES),
    (1.0, DemoStep.HOST_LEAVES),
    (12.0, DemoStep.SESSION_ENDS),
    (5.0, DemoStep.REST),
)


async def play(runtime: SandboxRuntime, room_id: str, *, factor: float = 1.0) -> None:
    """Until cancelled. An act that others have made impossible is left out."""
    while not runtime.closing:
        for wait_s, act in SCRIPT:
            await asyncio.sleep(wait_s * factor)
            try:
                runtime.play(perform(runtime.world, runtime.now_ms(), room_id, act))
            except RefusedError:
                continue


def perform(world: SandboxState, now_ms: int, room_id: str, act: DemoStep) -> Outcome:
    match act:
        case DemoStep.HOST_JOINS:
            return model.join(world, now_ms, room_id, participant_id=HOST, name=HOST_NAME)[-1]
        case DemoStep.GUEST_JOINS:
            return model.join(world, now_ms, room_id, participant_id=GUEST, name=GUEST_NAME)[-1]
        case DemoStep.GUEST_LEAVES:
            return model.leave(world, now_ms, room_id, GUEST, keep=True)[-1]
        case DemoStep.HOST_LEAVES:
            return model.leave(world, now_ms, room_id, HOST, keep=True)[-1]
        case DemoStep.SESSION_ENDS:
            return model.end_session(world, now_ms, room_id)[-1]
        case DemoStep.REST:
            return Outcome()
