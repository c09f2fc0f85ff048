"""Tally lamps: the state of a room and of each of its outputs as a colour, a shape and a word."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.control.call import CallKind
from webhook_app.domain.outputs import Output
from webhook_app.domain.room import Room
from webhook_app.domain.streams.machine import StreamState


class Lamp(StrEnum):
    """The kinds of lamps."""

    ON = "on"
    FAILED = "failed"
    STARTING = "soon"  # in URLs of the wall
    ARMED = "armed"
    OFF = "off"


# Not lamps: the wall's filters for rooms that are late, or recording.
LATE = "late"
RECORDING = "recording"
LABELS: Mapping[Lamp, str] = {
    Lamp.ON: "ON AIR",
    Lamp.FAILED: "FAILED",
    Lamp.STARTING: "STARTING",
    Lamp.ARMED: "ARMED",
    Lamp.OFF: "OFF",
}
# The outputs that the tally lamp stands for: viewers can see these.
ON_AIR_OUTPUTS = (Output.HLS, Output.RTMP)
# What the lamp of another output says beside its name while it is not simply on.
_BADGE_WORDS: Mapping[Lamp, str] = {Lamp.ON: "", Lamp.FAILED: "failed", Lamp.STARTING: "starting", Lamp.ARMED: "armed"}
BADGE_NAMES: Mapping[Output, str] = {Output.HLS: "HLS", Output.RECORDING: "REC", Output.RTMP: "RTMP"}


@dataclass(frozen=True, slots=True)
class LampView:
    """A lamp with its label and a note."""

    lamp: Lamp
    label: str
    note: str


@dataclass(frozen=True, slots=True)
class Badge:
    """The lamp of a recording or an RTMP stream, shown beside the tally lamp: `REC`, `REC failed`."""

    output: Output
    lamp: Lamp
    name: str
    note: str
    is_late: bool


def lamp_of(room: Room) -> Lamp:
    """Return the tally lamp of a room: the first that applies to HLS or RTMP of on, starting, armed, failed."""
    lamps = {output_lamp(view) for view in _views(room, ON_AIR_OUTPUTS)}
    return next(lamp for lamp in (Lamp.ON, Lamp.STARTING, Lamp.ARMED, Lamp.FAILED, Lamp.OFF) if lamp in lamps)


def output_lamp(room: Room) -> Lamp:
    """Return the lamp of the output from which the room is seen.

    On air: red. Starting, start requested or retried, armed: amber. Else failed, or off.
    """
    if room.on_air:
        return Lamp.ON
    stream = room.shown_stream
    if stream is not None and stream.state is StreamState.STARTING:
        return Lamp.STARTING
    if room.control.call is not None and room.control.call.kind is CallKind.START:
        return Lamp.STARTING
    if _is_retrying(room):
        return Lamp.STARTING
    if room.armed:
        return Lamp.ARMED
    if stream is not None and stream.state is StreamState.FAILED:
        return Lamp.FAILED
    return Lamp.OFF


def urgency(room: Room) -> int:
    """Return the sort key of a room on the wall, that of its most urgent output: the lower, the more urgent.

    Failed, late, starting after a refusal, starting, armed; then on air, then off.
    """
    return min(_output_urgency(view) for view in _views(room, room.outputs))


def _output_urgency(room: Room) -> int:
    lamp = output_lamp(room)
    if lamp is Lamp.FAILED:
        return 0
    if room.late_since is not None:
        return 1
    if lamp is Lamp.STARTING:
        return 2 if room.control.refused_start is not None or room.control.retries else 3
    return {Lamp.ARMED: 4, Lamp.ON: 5}.get(lamp, 6)


def lamp_view(room: Room) -> LampView:
    """Return the tally lamp of a room with its label and note."""
    lamp = lamp_of(room)
    views = [view for view in _views(room, ON_AIR_OUTPUTS) if output_lamp(view) is lamp]
    return LampView(lamp, LABELS[lamp], _note(views[0], lamp) if views else "")


def badges_of(room: Room) -> list[Badge]:
    """Return the badges of a room's recording and RTMP stream, of those that are not off."""
    badges = []
    for view in _views(room, room.outputs):
        lamp, is_late = output_lamp(view), view.late_since is not None
        if view.output is not Output.HLS and (lamp is not Lamp.OFF or is_late):
            badges.append(badge_of(view))
    return badges


def badge_of(room: Room) -> Badge:
    """Return the badge of the output from which the room is seen."""
    lamp, is_late = output_lamp(room), room.late_since is not None
    words = [_BADGE_WORDS.get(lamp, "off" if not is_late else ""), "late" if is_late else ""]
    stream = room.shown_stream
    if lamp is Lamp.ON and stream is not None and stream.state is StreamState.STOPPING:
        words.append("stopping")
    note = ", ".join(word for word in words if word)
    return Badge(room.output, lamp, BADGE_NAMES[room.output], note, is_late)


def _views(room: Room, outputs: tuple[Output, ...]) -> Iterator[Room]:
    """The room as those of the outputs see it of which anything is kept."""
    return (room.seen_from(output) for output in outputs if output in room.outputs)


def _note(room: Room, lamp: Lamp) -> str:
    """The note beside the lamp of the output from which the room is seen."""
    stream = room.shown_stream
    if lamp is Lamp.ON and stream is not None:
        return stream.state.value if room.output is Output.HLS else "by RTMP"
    if lamp is Lamp.ARMED:
        return "waiting for someone to join"
    if lamp is Lamp.STARTING and (stream is None or stream.state is not StreamState.STARTING):
        return "retrying" if _is_retrying(room) and room.control.call is None else "requesting start"
    if lamp is Lamp.OFF and stream is None:
        return "no stream yet"
    return ""


def _is_retrying(room: Room) -> bool:
    """Whether the output should be on, and a failed start is being retried."""
    desired = room.desired
    return (
        desired is not None
        and desired.on_air
        and room.control.retries > 0
        and not any(stream.live for stream in room.streams)
    )
