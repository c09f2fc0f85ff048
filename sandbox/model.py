"""The model without I/O: what VideoSDK does with its rooms on request and as time passes.

Every function takes the state and, where it matters, the current time in milliseconds. It changes the state and
returns the consequences as an `Outcome`, or raises `RefusedError`. Nothing here reads a clock, uses random numbers or
does I/O: the caller sends the outcome's webhooks at once and passes each scheduled step to `advance` when it is due.
"""

from sandbox.entities import (
    Destination,
    Outcome,
    Pace,
    RefusedError,
    Room,
    SandboxState,
    ScheduledStep,
    Session,
    StartOptions,
    Step,
    Stream,
    StreamState,
    Transcoding,
    Webhook,
)
from sandbox.outputs import Output
from sandbox.rooms import create_room, find_room, get_or_create_room, lookup_room, running_session, running_stream
from sandbox.sessions import deactivate, end_session, find_session, join, leave
from sandbox.streams import advance, age, delete_stream, end, fail, find_stream, live_streams, start
from sandbox.transcodings import cancel_transcoding, find_transcoding, transcode

__all__ = [
    "Destination",
    "Outcome",
    "Output",
    "Pace",
    "RefusedError",
    "Room",
    "SandboxState",
    "ScheduledStep",
    "Session",
    "StartOptions",
    "Step",
    "Stream",
    "StreamState",
    "Transcoding",
    "Webhook",
    "advance",
    "age",
    "cancel_transcoding",
    "create_room",
    "deactivate",
    "delete_stream",
    "end",
    "end_session",
    "fail",
    "find_room",
    "find_session",
    "find_stream",
    "find_transcoding",
    "get_or_create_room",
    "join",
    "leave",
    "live_streams",
    "lookup_room",
    "running_session",
    "running_stream",
    "start",
    "transcode",
]
