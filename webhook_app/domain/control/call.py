"""A call to VideoSDK: start, end, probe or capture, and how far it has got."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class CallKind(StrEnum):
    """What a call requests."""

    START = "start"
    END = "end"
    PROBE = "probe"
    CAPTURE = "capture"


class CallState(StrEnum):
    """How far a call has got; after `unknown` VideoSDK may or may not have acted on it."""

    WAITING = "waiting"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    GIVEN_UP = "given-up"


@dataclass(frozen=True)
class Call:
    """One call to VideoSDK: decided by the controller, sent by a call job, answered through the journal.

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
