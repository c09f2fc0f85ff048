"""Tally lamps: what a room's state looks like, in a colour, a shape and a word."""

from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.control.call import CallKind
from webhook_app.domain.room import Room
from webhook_app.domain.streams.machine import StreamState


class Lamp(StrEnum):
    """Which lamp."""

    ON = "on"
    FAILED = "failed"
    SOON = "soon"
    ARMED = "armed"
    OFF = "off"


LATE = "late"  # rooms that are late may have any lamp
WORDS = {
    Lamp.ON: "ON AIR",
    Lamp.FAILED: "FAILED",
    Lamp.SOON: "STARTING",
    Lamp.ARMED: "ARMED",
    Lamp.OFF: "OFF",
}


@dataclass(frozen=True, slots=True)
class Lit:
    """A lamp with its word and what may be said beside it."""

    lamp: Lamp
    word: str
    beside: str


def lamp_of(room: Room) -> Lamp:
    """Red from started until stopped or failed; amber while it is on its way there or waits for somebody."""
    if room.on_air:
        return Lamp.ON
    shown = room.shown_stream
    if shown is not None and shown.state is StreamState.STARTING:
        return Lamp.SOON
    if room.control.call is not None and room.control.call.kind is CallKind.START:
        return Lamp.SOON
    if _tried_again(room):
        return Lamp.SOON
    if room.armed:
        return Lamp.ARMED
    if shown is not None and shown.state is StreamState.FAILED:
        return Lamp.FAILED
    return Lamp.OFF


def need(room: Room) -> int:
    """How much a room needs somebody, for the wall's order: the less the number, the more.

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


def lit(room: Room) -> Lit:
    """The lamp of a room, in words too."""
    lamp, shown = lamp_of(room), room.shown_stream
    beside = ""
    if lamp is Lamp.ON and shown is not None:
        beside = shown.state.value
    elif lamp is Lamp.ARMED:
        beside = "waits for a session"
    elif lamp is Lamp.SOON and (shown is None or shown.state is not StreamState.STARTING):
        beside = "tried again soon" if _tried_again(room) and room.control.call is None else "start is being called"
    elif lamp is Lamp.OFF and shown is None:
        beside = "no stream yet"
    return Lit(lamp, WORDS[lamp], beside)


def _tried_again(room: Room) -> bool:
    """Whether it is wanted on air, and a start that did not come about is repeated."""
    desired = room.desired
    return (
        desired is not None
        and desired.on_air
        and room.control.retries > 0
        and not any(run.live for run in room.streams)
    )
