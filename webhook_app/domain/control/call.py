"""A call to the provider: what it requests, and how far it has got.

A call is stored with its kind and a body, a JSON object. `CallRequest` is the typed form of both: one class per kind.
`Call.request` decodes it, and nothing else reads a body by its keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, assert_never

from webhook_app.domain.outputs import Output
from webhook_app.domain.probing.probe_request import ProbeRequest, read_request


class CallKind(StrEnum):
    """What a call requests."""

    START = "start"
    END = "end"
    PROBE = "probe"
    CAPTURE = "capture"
    TRANSCODE = "transcode"
    TRANSCODE_CHECK = "transcode-check"


class CallState(StrEnum):
    """How far a call has got; after `unknown` VideoSDK may or may not have acted on it."""

    WAITING = "waiting"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True)
class StartStream:
    """Starts a stream with these options, which the provider defines."""

    kind: ClassVar = CallKind.START
    options: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> Mapping[str, Any]:
        """The stored form."""
        return self.options


@dataclass(frozen=True, slots=True)
class EndStream:
    """Ends the stream with this id, or whatever is on air in the room."""

    kind: ClassVar = CallKind.END
    videosdk_id: str | None = None

    def body(self) -> Mapping[str, Any]:
        """The stored form."""
        return {} if self.videosdk_id is None else {"id": self.videosdk_id}


@dataclass(frozen=True, slots=True)
class CaptureStream:
    """Captures a picture of what is on air, for the stream with this id of ours."""

    kind: ClassVar = CallKind.CAPTURE
    stream_id: str | None

    def body(self) -> Mapping[str, Any]:
        """The stored form."""
        return {"stream_id": self.stream_id}


@dataclass(frozen=True, slots=True)
class TranscodeStream:
    """Requests an MP4 of an ended HLS stream, by its id at the provider or else by its session."""

    kind: ClassVar = CallKind.TRANSCODE
    videosdk_id: str | None
    session_id: str | None

    def body(self) -> Mapping[str, Any]:
        """The stored form."""
        return {"id": self.videosdk_id, "session_id": self.session_id}


@dataclass(frozen=True, slots=True)
class CheckTranscoding:
    """Checks how far a transcoding is, by its id or else as the one of the stream that was requested."""

    kind: ClassVar = CallKind.TRANSCODE_CHECK
    transcoding_id: str | None
    request: TranscodeStream

    def body(self) -> Mapping[str, Any]:
        """The stored form."""
        return {"transcoding_id": self.transcoding_id, **self.request.body()}


@dataclass(frozen=True, slots=True)
class ProbeRoom:
    """Probes the room."""

    kind: ClassVar = CallKind.PROBE
    probe: ProbeRequest

    def body(self) -> Mapping[str, Any]:
        """The stored form."""
        return self.probe.body()


CallRequest = StartStream | EndStream | CaptureStream | TranscodeStream | CheckTranscoding | ProbeRoom


@dataclass(frozen=True)
class Call:
    """One call to the provider: decided by the controller, sent by a call job, answered through the journal.

    While its outcome is unknown, `negatives` counts the probes that showed no effect; one that is sent at `settle_at`
    or later may settle the call. `refusal` is the kind of refusal that a probe has to settle.
    """

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
    refusal: str | None = None
    retry_after_ms: int | None = None
    output: Output = Output.HLS

    @property
    def request(self) -> CallRequest:
        """What the call requests, decoded from its body."""
        match self.kind:
            case CallKind.START:
                return StartStream(self.body)
            case CallKind.END:
                return EndStream(_text(self.body.get("id")))
            case CallKind.CAPTURE:
                return CaptureStream(_text(self.body.get("stream_id")))
            case CallKind.TRANSCODE:
                return self._transcode_request
            case CallKind.TRANSCODE_CHECK:
                return CheckTranscoding(_text(self.body.get("transcoding_id")), self._transcode_request)
            case CallKind.PROBE:
                return ProbeRoom(self.probe_request)
            case _:
                assert_never(self.kind)

    def starts_with(self, options: Mapping[str, Any]) -> bool:
        """Whether the call starts a stream with these options."""
        return self.kind is CallKind.START and dict(self.body) == dict(options)

    @property
    def destinations(self) -> tuple[str, ...]:
        """The masked URLs to which a start of RTMP sends; none for any other call."""
        if self.kind is not CallKind.START or self.output is not Output.RTMP:
            return ()
        return tuple(str(stream.get("url")) for stream in self.body.get("streams") or ())

    @property
    def names_stream(self) -> bool:
        """Whether the call ends a stream by its id."""
        return self.kind is CallKind.END and "id" in self.body

    @property
    def _transcode_request(self) -> TranscodeStream:
        return TranscodeStream(_text(self.body.get("id")), _text(self.body.get("session_id")))

    @property
    def probe_request(self) -> ProbeRequest:
        """What a probe asks, decoded from its body."""
        return read_request(self.body)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
