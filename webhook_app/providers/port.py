"""The provider port: what Tallylight needs of a vendor of video rooms. One vendor is one package beside this file."""

from collections.abc import Mapping
from typing import Any, Protocol

from webhook_app.domain.facts.provider import ProviderFact
from webhook_app.domain.facts.results import AnswerStatus, Picture, WebhookDeliveries
from webhook_app.domain.streams.machine import StreamState
from webhook_app.domain.streams.report import StreamReport

JSON = Mapping[str, Any]


class Translator(Protocol):
    """Reads what the vendor wrote, in webhooks and in the answers that the journal quotes, in our words.

    Pure, and never raises: a body that the receiver accepted is read the same way each time it is folded.
    """

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
