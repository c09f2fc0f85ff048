"""Tally lamps: the state of a room as a colour, a shape and a word."""

from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.control.call import CallKind
from webhook_app.domain.room import Room
from webhook_app.domain.streams.machine import StreamState


class Lamp(StrEnum):
    """The kinds of lamps."""

    ON = "on"
    FAILED = "failed"
    SOON = "soon"
    ARMED = "armed"
    OFF = "off"


LATE = "late"  # a filter: rooms that are late may have any lamp
LABELS = {
    Lamp.ON: "ON AIR",
    Lamp.FAILED: "FAILED",
    Lamp.SOON: "STARTING",
    Lamp.ARMED: "ARMED",
    Lamp.OFF: "OFF",
}


@dataclass(frozen=True, slots=True)
class LampView:
    """A lamp with its label and a note."""

    lamp: Lamp
    label: str
    note: str


def lamp_of(room: Room) -> Lamp:
    """Return the lamp of a room: on from started until stopped or failed, amber while starting or armed."""
    if room.on_air:
        return Lamp.ON
    stream = room.shown_stream
    if stream is not None and stream.state is StreamState.STARTING:
        return Lamp.SOON
    if room.control.call is not None and room.control.call.kind is CallKind.START:
        return Lamp.SOON
    if _is_retrying(room):
        return Lamp.SOON
    if room.armed:
        return Lamp.ARMED
    if stream is not None and stream.state is StreamState.FAILED:
        return Lamp.FAILED
    return Lamp.OFF


def urgency(room: Room) -> int:
    """Return the sort key of a room on the wall: the lower, the more urgent.

    Failed, late, starting after a refusal, starting, armed; then on air, then off.
    """
    lamp = lamp_of(room)
    if lamp is Lamp.FAILED:
        return 0
    if room.late_since is not None:
        return 1
    if lamp is Lamp.SOON:
        return 2 if room.control.refused_start is not None or room.control.retries else 3
    return {Lamp.ARMED: 4, Lamp.ON: 5}.get(lamp, 6)


def lamp_view(room: Room) -> LampView:
    """Return the lamp of a room with its label and note."""
    lamp, stream = lamp_of(room), room.shown_stream
    note = ""
    if lamp is Lamp.ON and stream is not None:
        note = stream.state.value
    elif lamp is Lamp.ARMED:
        note = "waiting for someone to join"
    elif lamp is Lamp.SOON and (stream is None or stream.state is not StreamState.STARTING):
        note = "retrying" if _is_retrying(room) and room.control.call is None else "requesting start"
    elif lamp is Lamp.OFF and stream is None:
        note = "no stream yet"
    return LampView(lamp, LABELS[lamp], note)


def _is_retrying(room: Room) -> bool:
    """Whether the room should be on air, and a failed start is being retried."""
    desired = room.desired
    return (
        desired is not None
        and desired.on_air
        and room.control.retries > 0
        and not any(stream.live for stream in room.streams)
    )
