"""A room: what is observed in it, what is desired of it, and how far control, probing, rules and schedule have got."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from webhook_app.domain.control.call import Call, CallKind, CallState
from webhook_app.domain.frozen import replace
from webhook_app.domain.outputs import OTHER_OUTPUTS, Output
from webhook_app.domain.room_parts import (
    BLANK,
    NO_RULES,
    ControlState,
    Desired,
    Desires,
    OutputState,
    ProbingState,
    RoomRules,
    ScheduleState,
)
from webhook_app.domain.sessions.session import Session, SessionHistory
from webhook_app.domain.streams.machine import ENDED, ON_AIR, WATCHABLE, StreamState
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.timers import timer_of_output

STREAMS_KEPT = 12
SESSIONS_KEPT = 16
RETIRED_KEYS_KEPT = 48


@dataclass(frozen=True)
class Room:
    """One room, grouped by concern, as seen from one of its outputs.

    - Observed: `session`, `session_history`, `streams` (oldest first), and `retired_stream_keys`, the ids and URL keys
      of streams that are no longer kept.
    - Desired: `desires`; `desired` is the one that wins.
    - Progress: `control`, `probing`, `rules`, `schedule`.
    - `timers`: due moments in ms by name. A timer event whose moment is not the one kept here is void.

    `session` and `rules` are the room's, all else is that of `output`; `seen_from` gives the room as another output
    sees it, and `others` keeps what belongs to those. A room is stored, shown and compared as HLS sees it.

    `sequence` grows with every change that others can see.
    """

    room_id: str
    sequence: int = 0
    updated_at: int = 0
    session: Session | None = None
    session_history: tuple[SessionHistory, ...] = ()
    streams: tuple[Stream, ...] = ()
    retired_stream_keys: tuple[str, ...] = ()
    desires: Desires = BLANK.desires
    control: ControlState = BLANK.control
    probing: ProbingState = BLANK.probing
    rules: RoomRules = NO_RULES
    schedule: ScheduleState = BLANK.schedule
    timers: Mapping[str, int] = field(default_factory=dict)
    output: Output = Output.HLS
    others: Mapping[Output, OutputState] = field(default_factory=dict)

    def seen_from(self, output: Output) -> "Room":
        """The room as an output sees it: the same room, with what is that output's own in its fields."""
        if output is self.output:
            return self
        own = OutputState(**{name: getattr(self, name) for name in _OF_OUTPUT})
        others = {name: state for name, state in self.others.items() if name is not output}
        if own != BLANK:
            others[self.output] = own
        state = self.others.get(output, BLANK)
        return replace(self, output=output, others=others, **{name: getattr(state, name) for name in _OF_OUTPUT})

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs of which anything is kept; HLS always counts."""
        if not self.others:
            return (Output.HLS,)
        return (Output.HLS, *(output for output in OTHER_OUTPUTS if output in self.others))

    @property
    def all_timers(self) -> Mapping[str, int]:
        """The timers of all outputs by their stored names. Only for a room as HLS sees it."""
        if not self.others:
            return self.timers
        of_others = (
            (timer_of_output(output, name), due)
            for output, state in self.others.items()
            for name, due in state.timers.items()
        )
        return {**self.timers, **dict(of_others)}

    @property
    def was_observed(self) -> bool:
        """Whether VideoSDK has ever reported anything in this room: a session or a stream."""
        if self.session is not None or self.streams or self.session_history or self.retired_stream_keys:
            return True
        return any(state.streams or state.session_history for state in self.others.values())

    @property
    def desired(self) -> Desired | None:
        """The desire that wins: the operator's, then the schedule's, then the newest event rule's."""
        desires = self.desires
        return desires.operator or desires.schedule or desires.event

    @property
    def shown_stream(self) -> Stream | None:
        """The stream that API and console show: the newest live one, else the newest."""
        newest: Stream | None = None
        for stream in reversed(self.streams):
            if not stream.provisional:
                if stream.state not in ENDED:
                    return stream
                newest = newest or stream
        return newest

    @property
    def live_streams(self) -> tuple[Stream, ...]:
        """The streams that are confirmed and have not ended, oldest first."""
        return tuple([stream for stream in self.streams if stream.state not in ENDED and not stream.provisional])

    @property
    def newest_live_stream(self) -> Stream | None:
        """The newest stream that is confirmed and has not ended."""
        live = self.live_streams
        return live[-1] if live else None

    @property
    def has_live_stream(self) -> bool:
        """Whether any stream, confirmed or provisional, has not ended."""
        for stream in self.streams:  # noqa: SIM110
            if stream.state not in ENDED:
                return True
        return False

    @property
    def call_of_unknown_start(self) -> Call | None:
        """The start under way whose outcome is unknown."""
        call = self.control.call
        is_unknown = call is not None and call.kind is CallKind.START and call.state is CallState.UNKNOWN
        return call if is_unknown else None

    @property
    def has_live_session(self) -> bool:
        """Whether a session is open."""
        return self.session is not None and self.session.live

    @property
    def on_air(self) -> bool:
        """Whether a stream is between started and its end."""
        return _has_confirmed_stream(self.streams, ON_AIR)

    @property
    def watchable(self) -> bool:
        """Whether viewers can watch: a stream is playable or stopping."""
        return _has_confirmed_stream(self.streams, WATCHABLE)

    def is_running(self, output: Output) -> bool:
        """Whether an output is between started and its end."""
        if output is self.output:
            return self.on_air
        other = self.others.get(output)
        return other is not None and _has_confirmed_stream(other.streams, ON_AIR)

    def control_of(self, output: Output) -> ControlState | None:
        """The controller's state of an output; None while nothing is kept of it."""
        if output is self.output:
            return self.control
        other = self.others.get(output)
        return None if other is None else other.control

    @property
    def live(self) -> bool:
        """Whether it is on air by any way that viewers can see: HLS or RTMP."""
        return self.is_running(Output.HLS) or self.is_running(Output.RTMP)

    @property
    def late_since(self) -> int | None:
        """Since when the open window is late; None once viewers could watch, or while the room is desired off air."""
        window = self.schedule.window
        if window is None or window.playable or window.is_left_off:
            return None
        operator = self.desires.operator
        return None if operator is not None and not operator.on_air else window.late_at

    @property
    def armed(self) -> bool:
        """Whether the room is desired on air and waits for somebody to open a session."""
        desired = self.desired
        if desired is None or not desired.on_air or self.has_live_session:
            return False
        return self.control.call is None and not self.has_live_stream


_OF_OUTPUT = tuple(field.name for field in fields(OutputState))


def _has_confirmed_stream(streams: tuple[Stream, ...], states: frozenset[StreamState]) -> bool:
    # A loop, as this runs several times an event, and a generator costs as much as the check.
    for stream in streams:  # noqa: SIM110
        if stream.state in states and not stream.provisional:
            return True
    return False
