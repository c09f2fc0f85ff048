"""The demo: a host and a guest join and leave one room in an endless loop; now and then somebody records."""

import asyncio
from enum import StrEnum
from itertools import count

from sandbox import model
from sandbox.entities import Outcome, RefusedError, SandboxState
from sandbox.outputs import Output
from sandbox.runtime import SandboxRuntime

HOST, HOST_NAME = "demo-host", "Host Ada"
GUEST, GUEST_NAME = "demo-guest", "Grace"


class DemoStep(StrEnum):
    """One step of the demo."""

    HOST_JOINS = "host-joins"
    GUEST_JOINS = "guest-joins"
    RECORDING_STARTS = "recording-starts"
    RECORDING_ENDS = "recording-ends"
    GUEST_LEAVES = "guest-leaves"
    HOST_LEAVES = "host-leaves"
    SESSION_ENDS = "session-ends"
    REST = "rest"


# Seconds to wait, then the step. After the host has left, the empty session stays open long enough for a rule to end
# the stream; otherwise the end of the session ends it.
SCRIPT = (
    (3.0, DemoStep.HOST_JOINS),
    (2.0, DemoStep.GUEST_JOINS),
    (30.0, DemoStep.GUEST_LEAVES),
    (1.0, DemoStep.HOST_LEAVES),
    (12.0, DemoStep.SESSION_ENDS),
    (5.0, DemoStep.REST),
)
RECORDED = ((5.0, DemoStep.RECORDING_STARTS), (15.0, DemoStep.RECORDING_ENDS), (10.0, DemoStep.GUEST_LEAVES))
RECORDED_SCRIPT = tuple(
    entry for line in SCRIPT for entry in (RECORDED if line[1] is DemoStep.GUEST_LEAVES else (line,))
)
RECORDED_EVERY = 3  # rounds


async def play(runtime: SandboxRuntime, room_id: str, *, factor: float = 1.0) -> None:
    """Run the demo until cancelled; steps that are refused (because somebody changed the room) are skipped."""
    for number in count(1):
        for wait_s, step in RECORDED_SCRIPT if number % RECORDED_EVERY == 0 else SCRIPT:
            await asyncio.sleep(wait_s * factor)
            if runtime.closing:
                return
            try:
                runtime.play(perform(runtime.state, runtime.now_ms(), room_id, step))
            except RefusedError:
                continue


def perform(state: SandboxState, now_ms: int, room_id: str, step: DemoStep) -> Outcome:
    """Apply one step of the demo to the state."""
    match step:
        case DemoStep.HOST_JOINS:
            return model.join(state, now_ms, room_id, participant_id=HOST, name=HOST_NAME)[-1]
        case DemoStep.GUEST_JOINS:
            return model.join(state, now_ms, room_id, participant_id=GUEST, name=GUEST_NAME)[-1]
        case DemoStep.RECORDING_STARTS:
            return model.start(state, now_ms, room_id, output=Output.RECORDING)[-1]
        case DemoStep.RECORDING_ENDS:
            return model.end(state, now_ms, room_id, output=Output.RECORDING)[-1]
        case DemoStep.GUEST_LEAVES:
            return model.leave(state, now_ms, room_id, GUEST, keep=True)[-1]
        case DemoStep.HOST_LEAVES:
            return model.leave(state, now_ms, room_id, HOST, keep=True)[-1]
        case DemoStep.SESSION_ENDS:
            return model.end_session(state, now_ms, room_id)[-1]
        case DemoStep.REST:
            return Outcome()
