"""Subscribers: who is sent notices, which ones, how fast, and the keys that sign them."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from webhook_app.domain.explanations import code_text
from webhook_app.domain.notices.filters import Filter
from webhook_app.domain.times import DAY

ROTATION_MS = 1 * DAY
OLD_SECRETS_MAX = 5
IN_FLIGHT_MAX = 32  # attempts at once, unless the subscriber sets another number
IN_FLIGHT_LIMIT = 256  # the largest number it can set
RATE_LIMIT = 10_000  # the largest number of attempts a second that it can set


class Ordering(StrEnum):
    """In which order deliveries are sent: in none, or each room's notices one after the other."""

    NONE = "none"
    ROOM = "room"


@dataclass(frozen=True, slots=True)
class OldSecret:
    """A secret that was rotated out. It signs beside the new one until `until`, in ms."""

    key: str
    until: int


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who is sent the notices that match `wanted`.

    `secret` is a base64 key without `whsec_`; `shown_url` is the URL with its secrets masked. `max_in_flight` bounds
    attempts at once, `rate_limit` attempts a second. `from_file`: the configuration file owns it. `disabled_because` is
    a `DisabledReason`, or the text that an earlier version stored.
    """

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
    def disabled_text(self) -> str | None:
        """Why it is disabled, for people."""
        return None if self.disabled_because is None else code_text(self.disabled_because)

    @property
    def uses_webhooks(self) -> bool:
        """Whether it is sent signed webhooks; any other URL is one of Apprise's."""
        return is_http(self.url)

    def secrets(self, now: int) -> tuple[str, ...]:
        """The keys that sign at this moment, the newest first."""
        if not self.old_secrets:
            return (self.secret,)
        return (self.secret, *(old.key for old in self.old_secrets if old.until > now))


def is_http(url: str) -> bool:
    """Whether a URL takes signed webhooks; any other is one of Apprise's."""
    return url[:8].lower().startswith(("http://", "https://"))


def with_new_secret(subscriber: Subscriber, new_key: str, *, now: int) -> Subscriber:
    """The subscriber with a new secret; the old one signs beside it for a day."""
    valid = [old for old in subscriber.old_secrets if old.until > now]
    old_secrets = (OldSecret(subscriber.secret, now + ROTATION_MS), *valid)[:OLD_SECRETS_MAX]
    return replace(subscriber, secret=new_key, old_secrets=old_secrets)
