"""The provider port: what Tallylight needs of a vendor of video rooms. One vendor is one package beside this file.

A provider verifies webhooks, reads them for the journal, and translates what the journal quotes of the vendor into our
own facts. The journal keeps the vendor's bytes; a fold translates them anew, so a translator is pure and never raises.
It also validates start options, and makes the client for calls and probes (`client_port.py`).

To add a vendor: write its `Provider` in a package of its own, give it a `Source`, and name it in `registry.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from webhook_app.domain.events import Source
from webhook_app.domain.facts.provider import ProviderFact
from webhook_app.domain.facts.results import AnswerStatus, Picture, TranscodingReport, WebhookDeliveries
from webhook_app.domain.frozen import fast_init
from webhook_app.domain.outputs import Output
from webhook_app.domain.sessions.participants import Role
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.report import StreamReport
from webhook_app.providers.client_port import ConnectClient

if TYPE_CHECKING:
    from marshmallow import Schema

    from webhook_app.config.settings import Settings

JSON = Mapping[str, Any]
UNREADABLE = "unreadable"  # the type under which a body that cannot be read is journaled


class MalformedSignatureError(ValueError):
    """The header is missing, or cannot be a signature under any key that we would trust."""


class SignatureCheck(Enum):
    """The result of checking a webhook's signature."""

    VALID = "valid"
    INVALID = "invalid"
    UNDECIDED = "undecided"  # the newest key is being fetched, or could not be


class WebhookVerifier(Protocol):
    """Decides whether a webhook is the vendor's."""

    def check(self, header: str | None, body: bytes) -> SignatureCheck:
        """Check a body under its signature header; MalformedSignatureError when no key could have made it."""
        ...


class KeyedVerifier(WebhookVerifier, Protocol):
    """A verifier with a key that it fetches by itself."""

    @property
    def ready(self) -> bool:
        """Whether there is a key."""
        ...

    def start(self) -> None:
        """Use the stored key at once, and fetch the newest in the background."""
        ...


@dataclass(frozen=True, slots=True)
class KeyStorage:
    """Where a verifier keeps the key that it fetched last, for the next start."""

    load: Callable[[], str | None]
    save: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """A webhook as it is journaled: its type, its room if it names one, and why it could not be read."""

    type: str
    room_id: str | None
    reason: str | None = None


@fast_init
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

    @property
    def mode_roles(self) -> Mapping[str, Role]:
        """What each of the vendor's words for a participant's mode means; people are shown the word as it is.

        The first word of a role is the one by which we name a participant whom we assume to have it.
        """
        ...

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

    def transcoding(self, shown: JSON) -> TranscodingReport:
        """What an object says about a transcoding."""
        ...

    def deliveries(self, webhooks: JSON) -> Mapping[StreamState, WebhookDeliveries]:
        """The vendor's record of how often it delivered the webhook about each state of a stream."""
        ...

    def status(self, code: int | None) -> AnswerStatus:
        """What the status of an answer means."""
        ...

    def stream_webhook(
        self, output: Output, state: StreamState, room_id: str, stream: StreamReport
    ) -> tuple[str, JSON]:
        """The type and data of the webhook that reports a state of a stream, for the simulated vendor of a backtest."""
        ...

    def raw_webhook(self, kind: str, data: JSON) -> JSON:
        """A webhook in the vendor's own form, for subscribers that select raw webhooks."""
        ...


class WebhookReader(Protocol):
    """Reads webhooks for the journal."""

    @property
    def source(self) -> Source:
        """The source of the vendor's webhooks in the journal."""
        ...

    @property
    def signature_header(self) -> str:
        """The name of the header with a webhook's signature, in lower case."""
        ...

    def receive(self, body: bytes) -> ReceivedWebhook:
        """Read an authentic body for the journal. Never raises: what cannot be read is kept unchanged."""
        ...

    def journaled(self, body: bytes) -> bytes:
        """The bytes that the journal keeps of a body: as they came, without stream keys."""
        ...


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """What is fixed about a vendor: its limits, and the types of its webhooks.

    `stream_types` report a state of a stream, `followed_types` any change of a room's state; `documented_types` are all
    that rules and subscribers may expect.
    """

    id_max_chars: int
    stream_max_s: int
    webhook_url_max_chars: int
    stream_types: tuple[str, ...]
    participant_types: tuple[str, ...]
    followed_types: tuple[str, ...]
    documented_types: tuple[str, ...]


class Provider(Protocol):
    """One vendor.

    Most processes need its facts and its translator alone, so everything else is imported when it is used.
    """

    @property
    def facts(self) -> ProviderFacts:
        """Its limits and the types of its webhooks."""
        ...

    @property
    def translator(self) -> Translator:
        """Reads what it wrote."""
        ...

    def webhook_reader(self) -> WebhookReader:
        """Reads its webhooks for the journal."""
        ...

    def webhook_verifier(self, settings: "Settings", keys: KeyStorage) -> KeyedVerifier:
        """Verifies its webhooks, with the key that the settings pin or the one that the vendor publishes."""
        ...

    def key_fingerprint(self, key: str) -> str:
        """The fingerprint of a key that verifies its webhooks; ValueError when it is no key that we would trust."""
        ...

    def start_schema(self, output: Output) -> "type[Schema]":
        """Validates the options of a start of an output, and says what would be right."""
        ...

    def client(self, settings: "Settings") -> ConnectClient | None:
        """Makes clients for calls, probes and new rooms; None when the settings hold no credentials."""
        ...
