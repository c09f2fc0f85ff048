"""The provider port: what Tallylight needs of a vendor of video rooms. One vendor is one package beside this file.

A provider verifies webhooks, reads them for the journal, and translates what the journal quotes of the vendor into our
own facts. The journal keeps the vendor's bytes; a fold translates them anew, so a translator is pure and never raises.

To add a vendor: write its `Provider` in a package of its own, give it a `Source`, and register its translator in
`registry.py`. Its calls (start, end, probe) are made by a client in the same package.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from webhook_app.domain.events import Source
from webhook_app.domain.facts.provider import ProviderFact
from webhook_app.domain.facts.results import AnswerStatus, Picture, WebhookDeliveries
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.report import StreamReport

JSON = Mapping[str, Any]
UNREADABLE = "unreadable"  # the type under which a body that cannot be read is journaled


class MalformedSignatureError(ValueError):
    """The header is missing, or cannot be a signature under any key that we would trust."""


class SignatureCheck(Enum):
    """The result of checking a webhook's signature."""

    VALID = "good"
    INVALID = "wrong"
    UNDECIDED = "undecided"  # the vendor's newest key cannot be fetched now


class WebhookVerifier(Protocol):
    """Decides whether a webhook is the vendor's."""

    def check(self, header: str | None, body: bytes) -> SignatureCheck:
        """Check a body under its signature header; MalformedSignatureError when no key could have made it."""
        ...


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """A webhook as it is journaled: its type, its room if it names one, and why it could not be read."""

    type: str
    room_id: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookBody:
    """What a body says: its type, its room if it names one, its data; or why it could not be read."""

    type: str
    room_id: str | None = None
    data: JSON = field(default_factory=dict)
    reason: str | None = None


class Translator(Protocol):
    """Reads what the vendor wrote, in webhooks and in the answers that the journal quotes, in our words.

    Pure, and never raises: a body that the receiver accepted is read the same way each time it is folded.
    """

    def body(self, raw: bytes) -> WebhookBody:
        """A webhook's body as the journal keeps it."""
        ...

    def webhook(self, kind: str, data: JSON) -> ProviderFact:
        """What a webhook of this type reports."""
        ...

    def stream(self, shown: JSON) -> StreamReport:
        """What an object says about a stream."""
        ...

    def picture(self, shown: JSON) -> Picture | None:
        """The picture that an answer to a capture shows."""
        ...

    def deliveries(self, webhooks: JSON) -> Mapping[StreamState, WebhookDeliveries]:
        """The vendor's record of how often it delivered the webhook about each state of a stream."""
        ...

    def status(self, code: int | None) -> AnswerStatus:
        """What the status of an answer means."""
        ...

    def stream_webhook(self, state: StreamState, room_id: str, stream: StreamReport) -> tuple[str, JSON]:
        """The type and data of the webhook that reports a state, for the simulated vendor of a backtest."""
        ...

    def raw_webhook(self, kind: str, data: JSON) -> JSON:
        """A webhook in the vendor's own form, for subscribers that select raw webhooks."""
        ...


class Provider(Protocol):
    """One vendor, as far as webhooks and the journal are concerned."""

    @property
    def source(self) -> Source:
        """The source of its webhooks in the journal."""
        ...

    @property
    def signature_header(self) -> str:
        """The name of the header with a webhook's signature, in lower case."""
        ...

    @property
    def translator(self) -> Translator:
        """Reads what it wrote."""
        ...

    def receive(self, body: bytes) -> ReceivedWebhook:
        """Read an authentic body for the journal. Never raises: what cannot be read is kept unchanged."""
        ...
