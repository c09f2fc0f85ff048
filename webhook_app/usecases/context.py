"""What every use case works with: the store's repositories, and the settings that decide what is allowed."""

from dataclasses import dataclass, field
from time import monotonic, sleep, time
from typing import Any

from webhook_app.domain.events import Source
from webhook_app.domain.ids import order
from webhook_app.error_reasons import ErrorReason
from webhook_app.outbound.addresses import Network
from webhook_app.secrets.encryption import SecretBox
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.records import DeliveryRecords
from webhook_app.store.journal.journal import Appender, Journal, entry
from webhook_app.store.state.store import StateStore
from webhook_app.store.subscribers import SUBSCRIBERS_MAX, Subscribers
from webhook_app.usecases.errors import ConflictError


@dataclass(frozen=True)
class UseCaseLimits:
    """Limits of the use cases.

    `processed_timeout_s` bounds the wait for an event to be processed, `lock_timeout_s` the wait for another writer of
    the same rule, whose lock expires after `lock_expires_ms`.
    """

    processed_timeout_s: float = 2.0
    lock_timeout_s: float = 3.0
    lock_expires_ms: int = 10_000
    poll_interval_s: float = 0.01
    subscribers_max: int = SUBSCRIBERS_MAX
    rooms_max: int = 20_000  # configured rooms: every list of rooms reads them all


@dataclass(frozen=True)
class AppContext:
    """Built once by the web process; handed to the API, the console and every use case."""

    client: Client
    journal: Journal
    appender: Appender
    state: StateStore
    subscribers: Subscribers
    secret_box: SecretBox
    deliveries: DeliveryRecords
    rooms: tuple[str, ...]
    has_credentials: bool
    allow_networks: tuple[Network, ...]
    sandbox_url: str | None
    max_streams: int | None = None
    observing: bool = False
    limits: UseCaseLimits = field(default_factory=UseCaseLimits)

    @property
    def makes_calls(self) -> bool:
        """Whether commands can lead to calls of VideoSDK."""
        return self.has_credentials and not self.observing

    def refuse_when_observing(self) -> None:
        """Raise ConflictError in observe-only mode, for operations that would call or send something."""
        if self.observing:
            detail = "Observe-only mode (OBSERVE=1): this instance makes no calls and sends nothing."
            raise ConflictError(detail, reason=ErrorReason.OBSERVING)

    def now(self) -> int:
        """Return the current time in ms since 1970."""
        return int(time() * 1000)

    def append(self, source: Source, kind: str, room_id: str | None, data: dict[str, Any]) -> str:
        """Append an event of our own to the journal; return its id."""
        return self.appender.append(entry(source, kind, room_id, data))

    def wait_until_processed(self, event_id: str) -> bool:
        """Wait for an event to be processed, within a limit; return whether it was."""
        deadline = monotonic() + self.limits.processed_timeout_s
        while order(self.state.cursor()) < order(event_id):
            if monotonic() > deadline:
                return False
            sleep(self.limits.poll_interval_s)
        return True
