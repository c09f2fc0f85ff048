"""The room: all that is known and wanted of it, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from webhook_app.domain.schedules.open_window import OpenWindow, SuppressionReason
from webhook_app.domain.schedules.schedule import RoomWindow
from webhook_app.domain.sessions.participants import Move, Role, role_of
from webhook_app.domain.streams.machine import ON_AIR, WATCHABLE, Stream, StreamState

STREAMS_KEPT = 12
SESSIONS_KEPT = 16
RETIRED_KEYS_KEPT = 48


@dataclass(frozen=True)
class Session:
    """Who is in the room. `complete`: we saw it start or asked, so the set is all there is. `emptied`: the last of
    them was seen to leave. `looked_at`: when VideoSDK was last asked who is there.

    `participants` are names by id, `modes` VideoSDK's modes of those for whom they are known. Of a session with many
    participants some are only counted: `unlisted`, of which `unlisted_viewers` are known to be viewers. `moves` are
    recent joins and leaves. `emptied_at`: since when nobody is there by webhooks alone, in ms.
    `ended_reason` and `ended_error` are why it ended, when VideoSDK says so.
    """

    session_id: str
    live: bool
    started_at: int
    ended_at: int | None = None
    complete: bool = False
    last_event_id: str | None = None
    participants: Mapping[str, str | None] = field(default_factory=dict)
    emptied: bool = False
    looked_at: int | None = None
    modes: Mapping[str, str] = field(default_factory=dict)
    unlisted: int = 0
    unlisted_viewers: int = 0
    moves: tuple[Move, ...] = ()
    emptied_at: int | None = None
    ended_reason: str | None = None
    ended_error: str | None = None

    @property
    def count(self) -> int | None:
        """How many are there, or None while we cannot know."""
        if not self.live:
            return 0
        return len(self.participants) + self.unlisted if self.complete else None

    @property
    def host_count(self) -> int | None:
        """How many hosts are there, or None while the mode of anybody is not known."""
        if not self.live:
            return 0
        return self.known_hosts if self.complete and not self.unknown_roles else None

    @property
    def known_hosts(self) -> int:
        """How many are known to be hosts."""
        return sum(role_of(mode) is Role.HOST for mode in self.modes.values())

    @property
    def unknown_roles(self) -> int:
        """Of how many it is not known whether they are hosts or viewers."""
        known = sum(role_of(mode) is not Role.UNKNOWN for mode in self.modes.values())
        return len(self.participants) - known + self.unlisted - self.unlisted_viewers


@dataclass(frozen=True)
class SessionHistory:
    """What is remembered of a session: how many runs it has had, a bare end that found none, when a stop last came
    that named no run, and the last bare end that has ended nothing yet.
    """

    session_id: str | None
    ended: bool = False
    runs: int = 0
    bare_end: bool = False
    stop_at: int | None = None
    unspent: StreamState | None = None
    unspent_at: int | None = None


@dataclass(frozen=True)
class Desired:
    """What somebody wants of the room: `because` is `operator` or `rule:<name>`."""

    on_air: bool
    because: str
    since: int
    event_id: str
    until: int | None = None
    start: Mapping[str, Any] = field(default_factory=dict)


class CallKind(StrEnum):
    """What VideoSDK is asked to do."""

    START = "start"
    END = "end"
    PROBE = "probe"
    CAPTURE = "capture"


class CallState(StrEnum):
    """Where a call is; `unknown` means that VideoSDK may or may not have done it."""

    WAITING = "waiting"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    GIVEN_UP = "given-up"


@dataclass(frozen=True)
class Call:
    """One call to VideoSDK: decided by the controller, made by a call job, answered through the journal."""

    call_id: str
    room_id: str
    kind: CallKind
    because: str
    state: CallState
    created_at: int
    event_id: str
    body: Mapping[str, Any] = field(default_factory=dict)
    answer_event_id: str | None = None
    answered_at: int | None = None
    status: int | None = None
    message: str | None = None
    settle_at: int | None = None
    negatives: int = 0
    refusal: str | None = None  # VideoSDK refused it in a way that a probe has to settle
    retry_after_ms: int | None = None


@dataclass(frozen=True)
class Rejection:
    """How often VideoSDK has rejected the start that an event asked for; `given_up_at` names the event of the last."""

    event_id: str
    count: int
    given_up_at: str | None = None


@dataclass(frozen=True)
class PendingFailureNotice:
    """A run whose failure is told when VideoSDK has said why, or a little later without it."""

    run: Stream
    previous: str | None


@dataclass(frozen=True, slots=True)
class RefusedStart:
    """A start that VideoSDK refused and that is still wanted: when, and what it said."""

    at: int
    said: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Fired:
    """When a rule last acted on this room, and how often in its current minute."""

    at: int
    minute: int
    count: int


@dataclass(frozen=True)
class Room:
    """One room. `timers` are due moments in ms by name; `holding` says since when a `when` holds.

    `misses` counts the questions in a row that VideoSDK left without an answer; `ask_after` is when the next of the
    same is put, and before `quiet_until` none is put at all, because VideoSDK has asked for fewer. `unknown_start` is
    the id of a start whose outcome has been unknown for too long.
    """

    room_id: str
    sequence: int = 0
    updated_at: int = 0
    session: Session | None = None
    marks: tuple[SessionHistory, ...] = ()
    streams: tuple[Stream, ...] = ()
    old_runs: tuple[str, ...] = ()
    operator: Desired | None = None
    event_wish: Desired | None = None
    call: Call | None = None
    probe: Call | None = None
    capture: Call | None = None
    asks: tuple[str, ...] = ()
    asked_at: int | None = None
    misses: int = 0
    ask_after: int | None = None
    quiet_until: int | None = None
    tries: int = 0
    waits: str | None = None
    timers: Mapping[str, int] = field(default_factory=dict)
    holding: Mapping[str, int] = field(default_factory=dict)
    fired: Mapping[str, Fired] = field(default_factory=dict)
    confirming: tuple[str, ...] = ()
    window: OpenWindow | None = None
    next_window: RoomWindow | None = None
    schedule_wish: Desired | None = None
    replace_run: str | None = None
    reminded_at: int | None = None
    last_refusal: str | None = None
    untold: PendingFailureNotice | None = None
    rejection: Rejection | None = None
    unreadable: bool = False  # the last answer about it was in a form that nobody understands
    refused_start: RefusedStart | None = None
    unknown_start: str | None = None

    @property
    def seen(self) -> bool:
        """Whether VideoSDK has ever spoken of this room: it has had a session or a stream."""
        return self.session is not None or bool(self.streams or self.marks or self.old_runs)

    @property
    def desired(self) -> Desired | None:
        """Who wins: the operator, then the schedule, then the newest event rule."""
        return self.operator or self.schedule_wish or self.event_wish

    @property
    def shown(self) -> Stream | None:
        """The run the world sees: the newest live one, else the newest."""
        newest: Stream | None = None
        for stream in reversed(self.streams):
            if not stream.provisional:
                if stream.live:
                    return stream
                newest = newest or stream
        return newest

    @property
    def live_streams(self) -> tuple[Stream, ...]:
        """The streams that are confirmed and have not ended, oldest first."""
        return tuple(stream for stream in self.streams if stream.live and not stream.provisional)

    @property
    def on_air(self) -> bool:
        """From started until stopped or failed."""
        return any(stream.state in ON_AIR and not stream.provisional for stream in self.streams)

    @property
    def watchable(self) -> bool:
        """A viewer can watch: playable or stopping."""
        return any(stream.state in WATCHABLE and not stream.provisional for stream in self.streams)

    @property
    def late_since(self) -> int | None:
        """Since when the open window is late; None once somebody could watch, or when somebody wants the room off."""
        window = self.window
        if window is None or window.playable or window.held not in (None, SuppressionReason.REJECTED):
            return None
        return None if self.operator is not None and not self.operator.on_air else window.late_at

    @property
    def armed(self) -> bool:
        """Wanted on air and waiting for somebody to open a session."""
        desired = self.desired
        if desired is None or not desired.on_air or (self.session is not None and self.session.live):
            return False
        return self.call is None and not any(stream.live for stream in self.streams)
