"""Data types of the model: rooms, sessions, participants, streams, webhooks and the state that holds them."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox.open_points import Forms
from sandbox.outputs import OUTPUTS, Output, OutputSpec

CDN = "https://cdn.sandbox.invalid"  # until the sandbox listens somewhere itself
ROOMS_MAX = 10_000
PARTICIPANTS_MAX = 20_000  # in one session
TIMES_MAX = 100  # visits kept of one participant, and changes of mode
VIEWER_MODES = frozenset({"VIEWER", "SIGNALLING_ONLY", "RECV_ONLY"})
ENDED_MAX = 10_000  # ended sessions, ended streams, and transcoding jobs, that can still be read


class StreamState(StrEnum):
    """The states of a stream."""

    STARTING = "starting"
    STARTED = "started"
    PLAYABLE = "playable"  # HLS only
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class Step(StrEnum):
    """A step that a stream takes as time passes."""

    STARTED = "started"
    PLAYABLE = "playable"
    STOPPED = "stopped"
    TOO_LONG = "too-long"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a stream's steps take, in milliseconds; `transcoded_ms` is that of a transcoding job."""

    started_ms: int = 2_000
    playable_ms: int = 5_000
    stopped_ms: int = 1_000
    max_duration_ms: int = 7_200_000
    transcoded_ms: int = 10_000


@dataclass(slots=True)
class Room:
    """A room with its webhook registration, its current session and its streams by output."""

    id: str
    created_ms: int
    custom_id: str | None = None
    end_point: str | None = None
    events: tuple[str, ...] = ()
    session_id: str | None = None  # of the running session
    stream_ids: dict[Output, str] = field(default_factory=dict)  # of streams that have not ended yet
    pace: Pace | None = None  # overrides the general pace
    auto_start: tuple[Output, ...] = ()  # what VideoSDK starts by itself when a session opens
    disabled: bool = False


@dataclass(slots=True)
class Participant:
    """A participant of one session, with the history of visits and modes."""

    id: str
    name: str
    mode: str = "CONFERENCE"
    present: bool = False
    modes: list[tuple[int, str]] = field(default_factory=list)  # [(when, mode), …], the changes
    times: list[list[int | None]] = field(default_factory=list)  # [[joined, left or None], …]


@dataclass(slots=True)
class Session:
    """A session of a room."""

    id: str
    room_id: str
    start_ms: int
    end_ms: int | None = None
    end_announced: bool = False  # whether `session-ended` was sent
    participants: dict[str, Participant] = field(default_factory=dict)

    def anyone_present(self) -> bool:
        """Whether any participant is in the session."""
        return any(p.present for p in self.participants.values())


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an RTMP stream is sent."""

    url: str
    stream_key: str


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The options of a start that make a difference in the sandbox. Those of one output alone name it."""

    webhook_url: str | None = None
    mode: str = "video-and-audio"  # HLS
    quality: str = "med"  # HLS
    file_format: str = "mp4"  # recording
    directory: str | None = None  # recording: of the file
    own_storage: bool = False  # recording: the file goes to the customer's storage, so it has no URL
    destinations: tuple[Destination, ...] = ()  # RTMP


@dataclass(slots=True)
class Stream:
    """One run of an output. `end_ms` is set when it has ended, not when its stop was requested."""

    id: str
    room_id: str
    session_id: str
    folder: str
    start_ms: int
    cdn: str
    output: Output = Output.HLS
    options: StartOptions = StartOptions()
    composer_id: str | None = None
    suppressed: frozenset[StreamState] = frozenset()  # states whose webhook is not sent for this stream
    state: StreamState = StreamState.STARTING
    end_ms: int | None = None
    reason: str | None = None
    failed_destinations: tuple[Destination, ...] = ()
    delivered: dict[tuple[str, str], bool] = field(default_factory=dict)  # (webhook type, URL) → arrived

    @property
    def over(self) -> bool:
        """Whether the stream has ended."""
        return self.state in (StreamState.STOPPED, StreamState.FAILED)

    @property
    def spec(self) -> OutputSpec:
        """What is particular to its output."""
        return OUTPUTS[self.output]


class TranscodingStatus(StrEnum):
    """The states of a transcoding job."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class Transcoding:
    """A job that makes an MP4 of an HLS stream; its status follows from the time, unless it is `cancelled`."""

    id: str
    room_id: str
    session_id: str
    hls_id: str
    folder: str
    start_ms: int
    end_ms: int
    cdn: str
    final_status: TranscodingStatus | None  # None: it never ends
    own_storage: bool = False
    directory: str | None = None
    cancelled_ms: int | None = None

    def status(self, now_ms: int) -> TranscodingStatus:
        """Return the status at this time."""
        if self.cancelled_ms is not None:
            return TranscodingStatus.CANCELLED
        if self.final_status is not None and now_ms >= self.end_ms:
            return self.final_status
        is_pending = now_ms < self.start_ms + (self.end_ms - self.start_ms) // 4
        return TranscodingStatus.PENDING if is_pending else TranscodingStatus.PROCESSING


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook to send; `data` is the envelope's `data` without the stream's `id`."""

    type: str
    room_id: str
    data: dict[str, Any]
    stream_id: str | None = None
    of_viewer: bool = False


@dataclass(frozen=True, slots=True)
class ScheduledStep:
    """A step to pass to `model.advance` at `at_ms`; it has no effect if the stream has moved on by then."""

    at_ms: int
    stream_id: str
    step: Step


@dataclass(frozen=True, slots=True)
class Outcome:
    """The consequences of a change: webhooks to send now, in this order, and steps to schedule."""

    webhooks: tuple[Webhook, ...] = ()
    due: tuple[ScheduledStep, ...] = ()

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(self.webhooks + other.webhooks, self.due + other.due)


class RefusedError(Exception):
    """A call that VideoSDK refuses: HTTP status, message, and signalling code if there is one."""

    def __init__(self, status: int, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


@dataclass(slots=True)
class SandboxState:
    """All rooms, sessions and streams. The same seed and calls produce the same ids and outcomes."""

    seed: str = "sandbox"
    pace: Pace = Pace()
    cdn: str = CDN  # base of playback URLs and files
    quota: int | None = None  # concurrent streams of one output over all rooms; None: no limit
    forms: Forms = field(default_factory=Forms)
    room_forms: dict[str, Forms] = field(default_factory=dict)  # override the general forms
    rooms: dict[str, Room] = field(default_factory=dict)
    custom: dict[str, str] = field(default_factory=dict)  # customRoomId → room id
    sessions: dict[str, Session] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)
    transcodings: dict[str, Transcoding] = field(default_factory=dict)
    draws: int = 0

    def pace_of(self, room_id: str) -> Pace:
        """Return the pace of a room."""
        return self.rooms[room_id].pace or self.pace

    def forms_of(self, room_id: str) -> Forms:
        """Return the forms of open points in a room."""
        return self.room_forms.get(room_id, self.forms)

    def next_digits(self) -> str:
        """Return 64 hex digits that have not been returned before."""
        self.draws += 1
        return hashlib.sha256(f"{self.seed}:{self.draws}".encode()).hexdigest()
