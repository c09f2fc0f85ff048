"""Subscribers and deliveries: who is told, how often it is tried, and how each telling went."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from webhook_app.domain.ids import derive
from webhook_app.domain.notices.notice import Filter
from webhook_app.domain.times import DAY, HOUR, MINUTE, SECOND

RETRY_SCHEDULE_MS = (
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
SLOW_DOWN_MIN_MS = 60 * SECOND
JITTER = 0.2
RESPONSE_KEPT_BYTES = 2_048
ROTATION_MS = 1 * DAY
OLD_SECRETS_MAX = 5
IN_FLIGHT_MAX = 32
IN_FLIGHT_LIMIT = 256
RATE_LIMIT = 10_000


class Ordering(StrEnum):
    """What a subscriber asked for: as it comes, or each room's notices in their order."""

    NONE = "none"
    ROOM = "room"


@dataclass(frozen=True, slots=True)
class OldSecret:
    """A secret that was rotated out and signs beside the new one until then, in ms."""

    key: str
    until: int


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who is told. `secret` is a base64 key without `whsec_`; `shown_url` has its secrets masked."""

    subscriber_id: str
    name: str
    url: str
    created_at: int
    wanted: Filter = field(default_factory=Filter)
    ordering: Ordering = Ordering.NONE
    enabled: bool = True
    disabled_because: str | None = None
    secret: str = ""
    old_secrets: tuple[OldSecret, ...] = ()
    max_in_flight: int = IN_FLIGHT_MAX
    rate_limit: int | None = None
    shown_url: str = ""
    from_file: bool = False

    @property
    def uses_webhooks(self) -> bool:
        """Whether it takes Standard Webhooks; otherwise its URL is one of Apprise's."""
        return is_http(self.url)

    def secrets(self, now: int) -> tuple[str, ...]:
        """The keys that sign at this moment, the newest first."""
        if not self.old_secrets:
            return (self.secret,)
        return (self.secret, *(old.key for old in self.old_secrets if old.until > now))


class DeliveryState(StrEnum):
    """Where a delivery is; `dead` can be retried by hand."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: `error` is dns, refused, tls, timeout, not-http, status, blocked or observed (not sent).

    `response` holds the first 2 KiB of the answer.
    """

    at: int
    status: int | None
    error: str | None
    duration_ms: int
    response: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice to one subscriber.

    `entry` is the notice's place in the outbox; `queue` names the room in whose order it is delivered; `tries` counts
    the attempts since it was last put in line; `again` says that it was put in line once more, by hand or recovery.
    """

    delivery_id: str
    notice_id: str
    subscriber_id: str
    created_at: int
    entry: str = ""
    state: DeliveryState = DeliveryState.PENDING
    attempts: tuple[Attempt, ...] = ()
    tries: int = 0
    next_attempt_at: int | None = None
    queue: str | None = None
    again: bool = False


def is_http(url: str) -> bool:
    """Whether a URL is told by Standard Webhooks; any other is one of Apprise's."""
    return url[:8].lower().startswith(("http://", "https://"))


def delivery_id(notice_id: str, subscriber_id: str) -> str:
    """The same for the same pair, so that expanding an outbox entry twice makes one delivery."""
    return derive("dlv_", notice_id, subscriber_id)


def next_retry_at(
    delivery_id: str, made: int, *, now: int, slow_down: bool = False, retry_after_ms: int | None = None
) -> int | None:
    """When to try again after `made` attempts, in ms; None when there is nothing left to try.

    The jitter of a fifth is drawn from the delivery's id. `slow_down` (429, or no answer in time) makes the base at
    least a minute; a Retry-After is honoured between the base and twice that.
    """
    if made > len(RETRY_SCHEDULE_MS):
        return None
    base = RETRY_SCHEDULE_MS[made - 1]
    if slow_down:
        base = max(base, SLOW_DOWN_MIN_MS)
    if retry_after_ms is not None and retry_after_ms > base:
        return now + min(retry_after_ms, 2 * base)
    draw = int.from_bytes(derive("", delivery_id, str(made)).encode()[:6], "big") % 1000 / 1000
    return now + round(base * (1 + JITTER * (2 * draw - 1)))


def requeued(one: Delivery, *, now: int) -> Delivery:
    """The delivery put in line once more, outside its room's order; what was tried before stays on record."""
    return Delivery(
        delivery_id=one.delivery_id,
        notice_id=one.notice_id,
        subscriber_id=one.subscriber_id,
        created_at=one.created_at,
        entry=one.entry,
        attempts=one.attempts,
        next_attempt_at=now,
        again=True,
    )


def with_new_secret(known: Subscriber, new_key: str, *, now: int) -> Subscriber:
    """The subscriber with a new secret; the old one signs beside it for a day."""
    still = [old for old in known.old_secrets if old.until > now]
    olds = (OldSecret(known.secret, now + ROTATION_MS), *still)[:OLD_SECRETS_MAX]
    return replace(known, secret=new_key, old_secrets=olds)
