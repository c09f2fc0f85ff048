"""The interface of a channel: sends one notice to one subscriber and reports how the attempt ended."""

from dataclasses import dataclass
from typing import Protocol

from webhook_app.domain.delivery.delivery import AttemptError
from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.domain.notices.notice import Notice
from webhook_app.domain.rules.configured_rooms import ConfiguredRoom


class ChannelBusyError(Exception):
    """The channel has no capacity for another attempt: nothing was sent; this is not a failure of the subscriber."""


@dataclass(frozen=True, slots=True)
class Message:
    """A notice ready to be sent.

    `body` is its JSON, encoded once for all subscribers. `stale`: a newer notice on the same subject was sent since.
    """

    notice: Notice
    body: bytes
    stale: bool = False


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """How one attempt ended.

    `error` is None after a success. `response` is the beginning of the answer with the subscriber's secrets masked;
    without an answer, the reason why there is none. `sent` is False when the attempt shows nothing about the
    endpoint: nothing was sent, or whether it was is unknown. `waited_ms`: how long the channel waited before the
    attempt began.
    """

    status: int | None
    error: AttemptError | None
    duration_ms: int
    response: str = ""
    retry_after_ms: int | None = None
    sent: bool = True
    waited_ms: int = 0


class Channel(Protocol):
    """Sends notices to the subscribers whose URLs have one of its schemes. One instance per event loop."""

    async def send(self, message: Message, subscriber: Subscriber, *, room: ConfiguredRoom | None) -> AttemptResult:
        """Make one attempt, within the channel's own time limits.

        `room` is the configured name of the notice's room. Raises ChannelBusyError, and what the store raises; whatever
        the endpoint does is a result, not an exception.
        """
        ...

    async def close(self) -> None:
        """Release connections, threads and processes."""
        ...
