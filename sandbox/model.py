"""The pure model, whole: what VideoSDK does with its rooms when it is asked, and as time passes.

Every function takes the world and, where it matters, the moment in milliseconds. It changes the world and
says what follows in an `Outcome`, or raises `RefusedError`. Nothing here reads a clock, draws a random
number or does I/O: whoever plays the world sends the outcome's webhooks at once and hands each `Due` to
`happen` when its time comes.
"""

from sandbox.records import Due, Outcome, Pace, RefusedError, Room, Session, Step, Stream, StreamState, Webhook, World
from sandbox.rooms import create_room, find_room, known_room, running_session, running_stream, the_room
from sandbox.sessions import end_session, find_session, join, leave
from sandbox.streams import age, delete_stream, end, fail, find_stream, happen, start

__all__ = [
    "Due",
    "Outcome",
    "Pace",
    "RefusedError",
    "Room",
    "Session",
    "Step",
    "Stream",
    "StreamState",
    "Webhook",
    "World",
    "age",
    "create_room",
    "delete_stream",
    "end",
    "end_session",
    "fail",
    "find_room",
    "find_session",
    "find_stream",
    "happen",
    "join",
    "known_room",
    "leave",
    "running_session",
    "running_stream",
    "start",
    "the_room",
]
