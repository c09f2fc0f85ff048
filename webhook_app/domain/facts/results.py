"""Results of calls and probes, in our own types."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from webhook_app.domain.control.call import CallKind
from webhook_app.domain.outputs import Output
from webhook_app.domain.sessions.participants import Present
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.report import File, StreamReport


class CallOutcome(StrEnum):
    """How a call ended. The values are stored and counted."""

    SUCCEEDED = "succeeded"
    ALREADY = "already"  # a start was not needed: a stream is active
    REFUSED = "refused"
    UNKNOWN = "unknown"  # the provider may or may not have acted on the request
    DROPPED = "dropped"  # not sent: it was superseded, or too old
    UNREACHED = "unreached"  # not sent: whether a stream is active could not be checked


class ProbeOutcome(StrEnum):
    """Whether a probe was made. The values are stored."""

    PROBED = "probed"
    REFUSED = "refused"  # there are no credentials


class Refusal(StrEnum):
    """What kind of refusal an answer is; others pass by themselves and are retried with back-off. Stored.

    CONFLICT: the requested state may hold already, or not be possible yet.
    AMBIGUOUS: as CONFLICT, or the body is wrong: the latter when somebody is in the room and nothing is on air.
    INVALID: the body is wrong.
    SEALED: it was not sent, as what is sealed in its body cannot be opened here. It cannot be later either.
    """

    CONFLICT = "conflict"
    AMBIGUOUS = "ambiguous"
    INVALID = "invalid"
    SEALED = "sealed"


class Access(StrEnum):
    """Whether the provider accepts our token and allows the request."""

    GRANTED = "granted"
    UNAUTHORIZED = "unauthorized"  # it does not accept our token: all calls are paused
    FORBIDDEN = "forbidden"  # it forbids this request in this room


@dataclass(frozen=True, slots=True)
class AnswerStatus:
    """What an answer's status line means; `code` is the number, for people. None: there was no answer."""

    code: int | None = None
    access: Access = Access.GRANTED
    accepted: bool = False  # any success
    rate_limited: bool = False
    disputable: bool = False  # refused in a way that a probe can settle


NO_ANSWER = AnswerStatus()


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of a start or an end of an output.

    `stream` is the one that the provider names. `unreadable` quotes an answer in an unknown form. `deadline_at` is
    until when the request was under way, in ms.
    """

    call_id: str | None
    kind: CallKind | None
    outcome: CallOutcome
    status: AnswerStatus = NO_ANSWER
    message: str | None = None
    stream: StreamReport | None = None
    refusal: Refusal | None = None
    retry_after_ms: int | None = None
    deadline_at: int | None = None
    unreadable: str | None = None
    output: Output = Output.HLS


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that the provider took."""

    url: str
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """The result of a capture."""

    call_id: str | None
    outcome: CallOutcome
    picture: Picture | None
    status: AnswerStatus = NO_ANSWER
    message: str | None = None


class TranscodingStatus(StrEnum):
    """How far the provider is with a transcoding."""

    RUNNING = "running"  # also while it waits, and for a status that we do not know
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class TranscodingReport:
    """What an answer says about a transcoding; `failure` is why it failed, if the provider says so."""

    provider_id: str | None
    status: TranscodingStatus
    file: File | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class TranscodeResult:
    """The result of a request for an MP4, or of a check how far it is; without `report` nothing is known of it."""

    call_id: str | None
    outcome: CallOutcome
    report: TranscodingReport | None
    status: AnswerStatus = NO_ANSWER
    message: str | None = None
    refusal: Refusal | None = None
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SessionReport:
    """What a probe found of a session; `present` is None when the answer does not say who is there."""

    session_id: str | None
    live: bool
    present: Present | None


@dataclass(frozen=True, slots=True)
class FailureReport:
    """What a probe found about why a stream failed; `reached` is False when the provider could not be asked."""

    reached: bool
    stream: StreamReport | None


@dataclass(frozen=True, slots=True)
class WebhookDeliveries:
    """How often a webhook of this type was delivered and sent, as the provider records it; None when never sent."""

    type: str
    delivered: int
    sent: int | None


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """The provider's own record of one stream, read when a probe corrects our state.

    `webhooks` are the deliveries of the webhook about each state; empty when the provider has recorded none at all,
    None when there is no record. `unended`: its own object shows no end.
    """

    videosdk_id: str | None
    webhooks: Mapping[StreamState, WebhookDeliveries] | None
    unended: bool


@dataclass(frozen=True, slots=True)
class ListedStream:
    """A row of a list of recordings or RTMP streams; `ended` is None when the row does not say."""

    stream: StreamReport
    ended: bool | None

    @property
    def is_running(self) -> bool:
        """Whether the row says that it has not ended."""
        return self.ended is False


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe found.

    `understood`: the provider answered, in a form that we understand; the journal calls it `reached`. `asked_id` is the
    journal's last id when the probe was sent, `asked_at` the moment in ms. `active` is the active stream. `session` is
    None when there is none, or with `session_unknown` when that could not be said. `listed` are the rows of the list
    that was asked for: that a stream is missing there says nothing.
    """

    call_id: str | None
    understood: bool
    asked_id: str
    asked_at: int
    status: AnswerStatus = NO_ANSWER
    message: str | None = None
    active: StreamReport | None = None
    session: SessionReport | None = None
    session_unknown: bool = False
    failure: FailureReport | None = None
    records: tuple[StreamRecord, ...] = ()
    retry_after_ms: int | None = None
    unreadable: str | None = None
    listed: tuple[ListedStream, ...] = ()


ResultFact = CallResult | CaptureResult | TranscodeResult | ProbeResult
