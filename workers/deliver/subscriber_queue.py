"""One subscriber's leased deliveries: those waiting in memory, and how many may be in flight."""

from collections import deque
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urlsplit

from webhook_app.domain.delivery.concurrency import ConcurrencyLimit
from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.delivery.subscriber import Subscriber
from workers.channels.port import Message


@dataclass(frozen=True, slots=True)
class LeasedDelivery:
    """A delivery that this process may send until its lease runs out; `leased_at` is on the clock of `monotonic`."""

    delivery: Delivery
    message: Message
    leased_at: float


@dataclass(slots=True)
class SecondCounter:
    """Counts in the current second and in the one before it."""

    second: int = 0
    count: int = 0
    previous: int = 0

    def add(self) -> None:
        """Count one."""
        self._advance()
        self.count += 1

    @property
    def per_second(self) -> int:
        """The larger count of the current second and the one before."""
        self._advance()
        return max(self.previous, self.count)

    def _advance(self) -> None:
        now = int(monotonic())
        if now != self.second:
            self.previous = self.count if now == self.second + 1 else 0
            self.second, self.count = now, 0


@dataclass(slots=True)
class SubscriberQueue:
    """The queue of one subscriber.

    `in_flight` counts its attempts in progress. `is_waiting_for_slot`: it could send more, but too many attempts are in
    flight overall. `is_late`: the newest delivery in it was not fresh. `finished` and `left_behind` count its attempts,
    and the new deliveries that were left in the store because it has no free slots. `next_send_at` is when a throttled
    backlog may send again.
    """

    subscriber: Subscriber
    concurrency: ConcurrencyLimit = field(default_factory=ConcurrencyLimit)
    waiting: deque[LeasedDelivery] = field(default_factory=deque)
    in_flight: int = 0
    is_waiting_for_slot: bool = False
    is_late: bool = False
    finished: SecondCounter = field(default_factory=SecondCounter)
    left_behind: SecondCounter = field(default_factory=SecondCounter)
    next_send_at: float = 0.0
    host: str = ""

    def __post_init__(self) -> None:
        self.update(self.subscriber)

    @property
    def subscriber_id(self) -> str:
        """The id of its subscriber."""
        return self.subscriber.subscriber_id

    @property
    def is_healthy(self) -> bool:
        """Whether the last attempt succeeded."""
        return self.concurrency.healthy

    @property
    def limit(self) -> int:
        """How many attempts may be in flight."""
        return min(self.concurrency.limit, self.subscriber.max_in_flight)

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it waits or is in flight."""
        return not self.in_flight and not self.waiting

    def update(self, subscriber: Subscriber) -> None:
        """Apply the current subscriber; a new URL is a new endpoint, so its health is reset."""
        if self.subscriber.url != subscriber.url:
            self.concurrency = ConcurrencyLimit()
        self.subscriber = subscriber
        self.host = urlsplit(subscriber.url).hostname or subscriber.url

    def free_slots(self, ahead_max: int) -> int:
        """How many more deliveries may be leased: what may be in flight, and as many ahead as it takes in a second."""
        ahead = min(ahead_max, self.finished.per_second) if self.is_healthy else 0
        return max(0, self.limit + ahead - self.in_flight - len(self.waiting))
