"""The client port: the requests that Tallylight sends to a vendor, and what it needs of the answers.

A client makes each request once, within a deadline (a time of `time.monotonic`), and retries nothing: what the worker
does next depends on the outcome. What the journal keeps of an answer (`data`, findings) is in the form that the
vendor's translator reads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from webhook_app.domain.control.call import Call
from webhook_app.domain.facts.results import CallOutcome
from webhook_app.domain.outputs import Output


class Answer(Protocol):
    """A vendor's answer, or the lack of one."""

    @property
    def status(self) -> int | None:
        """The status as it came; None without an answer."""
        ...

    @property
    def code(self) -> int | None:
        """The status that the vendor means, which its body may name."""
        ...

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        ...

    @property
    def lists_nothing(self) -> bool:
        """Whether the vendor refuses the list for good, not just for now."""
        ...

    @property
    def message(self) -> str | None:
        """What went wrong, without secrets."""
        ...

    @property
    def wait(self) -> Mapping[str, int]:
        """How long the vendor asks to wait, as the journal keeps it: `retry_after_ms`, or nothing."""
        ...


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """How a call ended, and what the journal keeps beside that. `status` and `message` are the attempt's."""

    outcome: CallOutcome
    data: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class CreatedRoom:
    """A new room: its id, and the id that we chose for it."""

    room_id: str
    custom_id: str | None


class RoomCreationError(Exception):
    """The vendor created no room; the message says why."""


# Called with how long the vendor asks to wait, in s, or None where it does not say.
RateLimitObserver = Callable[[float | None], None]


class RoomClient(Protocol):
    """Makes calls and probes, and creates rooms."""

    def check_start(self, room_id: str, output: Output, *, deadline: float) -> CallAnswer | None:
        """Check that the output is not active before a start; None when it may be sent.

        Otherwise `already`, or why the check failed: nothing was sent.
        """
        ...

    def start(
        self,
        room_id: str,
        output: Output,
        options: Mapping[str, Any],
        *,
        webhook_url: str | None,
        deadline: float,
        deadline_at: int,
    ) -> CallAnswer:
        """Start an output; `webhook_url` is used unless the options name one.

        Never repeat it after an unknown outcome without a probe: it could start a second stream.

        `deadline_at` is the deadline in ms, as the journal keeps it of an unknown outcome.
        """
        ...

    def end(
        self, room_id: str, output: Output, provider_id: str | None, *, deadline: float, deadline_at: int
    ) -> CallAnswer:
        """End an output, by the vendor's id where it is known."""
        ...

    def capture(self, room_id: str, *, deadline: float) -> CallAnswer:
        """Capture a thumbnail of what is on air."""
        ...

    def check_transcode(self, provider_id: str | None, session_id: str | None, *, deadline: float) -> CallAnswer | None:
        """Check that no MP4 of a stream has been requested; None when it may be. See `check_start`."""
        ...

    def transcode(
        self,
        provider_id: str | None,
        session_id: str | None,
        *,
        webhook_url: str | None,
        deadline: float,
        deadline_at: int,
    ) -> CallAnswer:
        """Request an MP4 of an ended HLS stream, by the vendor's id or else by its session; never repeated blindly."""
        ...

    def check_transcoding(
        self,
        transcoding_id: str | None,
        provider_id: str | None,
        session_id: str | None,
        *,
        deadline: float,
    ) -> CallAnswer:
        """Check how far a transcoding is, by its id or else as the newest of the stream."""
        ...

    def probe(self, call: Call) -> tuple[Answer, dict[str, Any]]:
        """Whether a stream is active, and whatever else the probe asks: the first answer, and the findings."""
        ...

    def probe_many(self, calls: Sequence[Call]) -> tuple[Answer, dict[str, dict[str, Any]]]:
        """Probe many rooms by a list of all streams: the last answer, and the findings by call.

        A room about which the list says nothing is left out.
        """
        ...

    def create_room(self, webhook_url: str, custom_id: str | None, *, deadline: float) -> CreatedRoom:
        """Create a room whose webhooks are sent to this URL; RoomCreationError when the vendor does not."""
        ...


class ConnectClient(Protocol):
    """Makes a client."""

    def __call__(self, *, on_rate_limit: RateLimitObserver, probe_deadline_s: float) -> RoomClient:
        """Make a client that reports each answer with a rate limit; each probe ends within its deadline."""
        ...
