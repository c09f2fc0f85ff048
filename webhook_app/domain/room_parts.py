"""The parts of a room: what is desired of an output, and how far control, probing, rules and schedule have got."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webhook_app.domain.control.call import Call
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.reasons import Reason
from webhook_app.domain.schedules.open_window import OpenWindow
from webhook_app.domain.schedules.schedule import RoomWindow
from webhook_app.domain.sessions.session import SessionHistory
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.transcodings.transcoding import Transcoding


@dataclass(frozen=True)
class Desired:
    """A desire for the room to be on or off air: `because` is `operator` or `rule:<name>`."""

    on_air: bool
    because: str
    since: int
    event_id: str
    until: int | None = None
    start: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Desires:
    """The desires for a room by their origin; the first of them that is set wins."""

    operator: Desired | None = None
    schedule: Desired | None = None
    event: Desired | None = None


@dataclass(frozen=True)
class LastRefusal:
    """Why the last call had no effect: a reason code, and VideoSDK's own answer if it gave one."""

    reason: Reason
    answer: str | None = None

    @property
    def explanation(self) -> Explanation:
        """The reason with VideoSDK's answer."""
        return explain(self.reason) if self.answer is None else explain(self.reason, said=self.answer)

    @property
    def text(self) -> str:
        """What people read: VideoSDK's answer, else the reason's text."""
        return self.answer or self.explanation.text


@dataclass(frozen=True)
class Rejection:
    """How often VideoSDK has rejected the start that an event desired; `given_up_at` is the event of the last time."""

    event_id: str
    count: int
    given_up_at: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedStart:
    """A start that VideoSDK refused and that is still desired: when, and VideoSDK's answer."""

    at: int
    answer: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class GivenUpStart:
    """A start that was given up although it may have taken effect: when it was decided, in ms, and why."""

    call_id: str
    sent_at: int
    because: str


@dataclass(frozen=True)
class ControlState:
    """The controller's state: the open call, and why and how often it waited or failed.

    `call` is the start or end under way and `capture` a snapshot under way. `retries` counts failures in a row.
    `waiting_for` is why nothing is called although something is desired. `replace_stream` is the id of a stream (or
    of the call that starts one) to be ended and started again. `unknown_start` is the id of a start whose outcome has
    been unknown for too long; `given_up_start` is one that nothing will settle. `transcodings` are the MP4 files that
    are to be requested of ended streams or are being made.
    """

    call: Call | None = None
    capture: Call | None = None
    retries: int = 0
    waiting_for: Reason | None = None
    last_refusal: LastRefusal | None = None
    replace_stream: str | None = None
    rejection: Rejection | None = None
    refused_start: RefusedStart | None = None
    unknown_start: str | None = None
    given_up_start: GivenUpStart | None = None
    transcodings: tuple[Transcoding, ...] = ()


@dataclass(frozen=True)
class PendingFailureNotice:
    """A stream whose failure is announced once VideoSDK has given the reason, or a little later without it."""

    stream: Stream
    previous_state: str | None


@dataclass(frozen=True)
class ProbingState:
    """Probes of the room: the one under way and those that wait for its result.

    `failures` counts probes in a row without a usable answer. No routine probe is sent before `not_before`, and none
    at all before `paused_until`, as VideoSDK has asked for fewer. `unreadable`: the last answer about the room was in
    an unknown form.
    """

    probe: Call | None = None
    queue: tuple[str, ...] = ()
    last_probe_at: int | None = None
    failures: int = 0
    not_before: int | None = None
    paused_until: int | None = None
    unreadable: bool = False
    pending_failure_notice: PendingFailureNotice | None = None


@dataclass(frozen=True, slots=True)
class Fired:
    """When a rule last acted on this room, and how often in its current minute."""

    at: int
    minute: int
    count: int


@dataclass(frozen=True)
class RoomRules:
    """What the rules remember of the room, by rule name.

    `holding`: since when a `when` holds. `fired`: when a rule last acted. `verifying`: the rules that act once a
    probe has confirmed who is in the room.
    """

    holding: Mapping[str, int] = field(default_factory=dict)
    fired: Mapping[str, Fired] = field(default_factory=dict)
    verifying: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScheduleState:
    """The open window, the next one, and which opening a reminder was sent for."""

    window: OpenWindow | None = None
    next_window: RoomWindow | None = None
    reminded_at: int | None = None


@dataclass(frozen=True)
class OutputState:
    """What a room keeps of one output: the fields of `Room` that are its own, with the same meanings."""

    session_history: tuple[SessionHistory, ...] = ()
    streams: tuple[Stream, ...] = ()
    retired_stream_keys: tuple[str, ...] = ()
    desires: Desires = Desires()
    control: ControlState = ControlState()
    probing: ProbingState = ProbingState()
    schedule: ScheduleState = ScheduleState()
    timers: Mapping[str, int] = field(default_factory=dict)


BLANK = OutputState()
NO_RULES = RoomRules()
