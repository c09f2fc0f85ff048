"""The fields that a step may set, part by part of a room, so that a wrong name or type is found before it runs.

A test compares them with the fields of the parts themselves.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

from webhook_app.domain.control.call import Call
from webhook_app.domain.outputs import Output
from webhook_app.domain.reasons import Reason
from webhook_app.domain.room_parts import (
    ControlState,
    Desired,
    Desires,
    Fired,
    GivenUpStart,
    LastRefusal,
    OutputState,
    PendingFailureNotice,
    ProbingState,
    RefusedStart,
    Rejection,
    RoomRules,
    ScheduleState,
)
from webhook_app.domain.schedules.open_window import OpenWindow, SuppressionReason
from webhook_app.domain.schedules.schedule import RoomWindow
from webhook_app.domain.sessions.session import Session, SessionHistory
from webhook_app.domain.streams.stream import Stream
from webhook_app.domain.transcodings.transcoding import Transcoding


class DesiresChange(TypedDict, total=False):
    """Fields of `Desires`."""

    operator: Desired | None
    schedule: Desired | None
    event: Desired | None


class ControlChange(TypedDict, total=False):
    """Fields of `ControlState`."""

    call: Call | None
    capture: Call | None
    retries: int
    waiting_for: Reason | None
    last_refusal: LastRefusal | None
    replace_stream: str | None
    rejection: Rejection | None
    refused_start: RefusedStart | None
    unknown_start: str | None
    given_up_start: GivenUpStart | None
    transcodings: tuple[Transcoding, ...]


class ProbingChange(TypedDict, total=False):
    """Fields of `ProbingState`."""

    probe: Call | None
    queue: tuple[str, ...]
    last_probe_at: int | None
    failures: int
    not_before: int | None
    paused_until: int | None
    unreadable: bool
    pending_failure_notice: PendingFailureNotice | None


class RulesChange(TypedDict, total=False):
    """Fields of `RoomRules`."""

    holding: Mapping[str, int]
    fired: Mapping[str, Fired]
    verifying: tuple[str, ...]


class ScheduleChange(TypedDict, total=False):
    """Fields of `ScheduleState`."""

    window: OpenWindow | None
    next_window: RoomWindow | None
    reminded_at: int | None


class WindowChange(TypedDict, total=False):
    """Fields of `OpenWindow`."""

    opens_at: int
    closes_at: int
    rules: tuple[str, ...]
    start: Mapping[str, Any]
    entered_at: int
    condition_met: bool
    playable: bool
    armed_announced: bool
    overrunning: bool
    verifying_empty: bool
    suppressed: SuppressionReason | None
    endless: bool
    late_at: int | None


class RoomChange(TypedDict, total=False):
    """Fields of `Room` but its id."""

    sequence: int
    updated_at: int
    session: Session | None
    session_history: tuple[SessionHistory, ...]
    streams: tuple[Stream, ...]
    retired_stream_keys: tuple[str, ...]
    desires: Desires
    control: ControlState
    probing: ProbingState
    rules: RoomRules
    schedule: ScheduleState
    timers: Mapping[str, int]
    output: Output
    others: Mapping[Output, OutputState]
