"""What the API's resources work with: built once by the app, handed to each blueprint."""

from dataclasses import dataclass
from time import monotonic, sleep, time
from typing import Any

from flask import Response, jsonify

from webhook_app.domain.events import Source
from webhook_app.domain.ids import order
from webhook_app.outbound.addresses import Network
from webhook_app.problems.problems import Problem
from webhook_app.problems.reasons import ErrorReason
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.records import DeliveryRecords
from webhook_app.store.journal.journal import Appender, Journal, entry
from webhook_app.store.state.store import StateStore
from webhook_app.store.subscribers import Subscribers

FOLD_WAIT_S = 2.0
FOLD_LOOK_S = 0.01


@dataclass(frozen=True)
class AppContext:
    """The store's parts, and what of the settings the API must know."""

    client: Client
    journal: Journal
    appender: Appender
    state: StateStore
    subscribers: Subscribers
    deliveries: DeliveryRecords
    rooms: tuple[str, ...]
    has_credentials: bool
    allow_networks: tuple[Network, ...]
    sandbox_url: str | None
    max_streams: int | None = None
    observing: bool = False

    @property
    def makes_calls(self) -> bool:
        """Whether commands can come to calls of VideoSDK."""
        return self.has_credentials and not self.observing

    def refuse_when_observing(self) -> None:
        """Refuse what would send something while this copy only observes: Problem 409."""
        if self.observing:
            detail = "this copy only observes (OBSERVE=1): it calls nothing and sends nothing"
            raise Problem(409, detail, reason=ErrorReason.OBSERVING)

    def now(self) -> int:
        """This moment, ms since 1970."""
        return int(time() * 1000)

    def append(self, source: Source, kind: str, room_id: str | None, data: dict[str, Any]) -> str:
        """Journal an event of our own; its id."""
        return self.appender.append(entry(source, kind, room_id, data))

    def wait_until_processed(self, event_id: str) -> bool:
        """Wait a little for an event to be folded; whether it was."""
        until = monotonic() + FOLD_WAIT_S
        while order(self.state.cursor()) < order(event_id):
            if monotonic() > until:
                return False
            sleep(FOLD_LOOK_S)
        return True


def accepted(event_id: str, **more: Any) -> Response:
    """202 with the event's id and where to look for its effect."""
    response = jsonify({"id": event_id, **more})
    response.status_code = 202
    response.headers["Location"] = f"/api/v1/events/{event_id}"
    return response
