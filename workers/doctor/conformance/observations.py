"""What a conformance run observes: the answers to its requests, and the webhooks that arrived."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.answers import ApiAnswer


class Step(StrEnum):
    """A request of the run."""

    ACTIVE_BEFORE = "active-before"
    LIST_WITHOUT_ROOM = "list-without-room"
    PARTICIPANTS = "participants"
    START = "start"
    START_AGAIN = "start-again"  # after the first stream ended early, or for the end of the session
    ACTIVE_WHILE_STARTING = "active-while-starting"
    END_WHILE_STARTING = "end-while-starting"
    SECOND_START = "second-start"
    ACTIVE_RUNNING = "active-running"
    LIST_RUNNING = "list-running"
    DETAIL = "detail"
    END = "end"
    END_WHILE_STOPPING = "end-while-stopping"
    ACTIVE_AFTER = "active-after"
    END_AFTER = "end-after"
    LIST_AFTER = "list-after"
    END_SESSION = "end-session"
    ACTIVE_BEFORE_SESSION_END = "active-before-session-end"
    ACTIVE_AFTER_SESSION = "active-after-session"
    START_WITHOUT_SESSION = "start-without-session"


@dataclass(frozen=True, slots=True)
class TimedAnswer:
    """An answer, and how long it took."""

    answer: ApiAnswer
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """A webhook in the product's journal; `at` is when it arrived, in ms."""

    event_id: str
    kind: str
    at: int
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observations:
    """The observations of one output, or of the session's end (`output` is then HLS). Steps not tried are missing."""

    output: Output
    answers: Mapping[Step, TimedAnswer] = field(default_factory=dict)
    webhooks: tuple[ReceivedWebhook, ...] = ()

    def answer(self, step: Step) -> ApiAnswer | None:
        """The answer of a step, None when it was not tried."""
        timed = self.answers.get(step)
        return None if timed is None else timed.answer

    @property
    def newest_start(self) -> ApiAnswer | None:
        """The answer that started the stream which was played to its end."""
        return self.answer(Step.START_AGAIN) or self.answer(Step.START)
