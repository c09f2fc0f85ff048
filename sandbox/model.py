"""The pure model, whole: what VideoSDK does with its rooms when it is asked, and as time passes.

Every function takes the world and, where it matters, the moment in milliseconds. It changes the world and
says what follows in an `Outcome`, or raises `RefusedError`. Nothing here reads a clock, draws a random
number or does I/O: whoever plays the world sends the outcome's webhooks at once and hands each `Due` to
`happen` when its time comes.
"""

from sandbox.entities import (
    Outcome,
    Pace,
    RefusedError,
    Room,
    SandboxState,
    ScheduledStep,
    Session,
    Step,
    Stream,
    StreamState,
    Webhook,
)
from sandbox.rooms import create_room, find_room, get_or_create_room, lookup_room, running_session, running_stream
from sandbox.sessions import end_session, find_session, join, leave
from sandbox.streams import age, delete_stream, end, fail, find_stream, happen, start

__all__ = [
    "Outcome",
    "Pace",
    "RefusedError",
    "Room",
    "SandboxState",
    "ScheduledStep",
    "Session",
    "Step",
    "Stream",
    "StreamState",
    "Webhook",
    "age",
    "create_room",
    "delete_stream",
    "end",
    "end_session",
    "fail",
    "find_room",
    "find_session",
    "find_stream",
    "get_or_create_room",
    "happen",
    "join",
    "leave",
    "lookup_room",
    "running_session",
    "running_stream",
    "start",
]
