"""Subscribers as they are stored: the URL and the secrets are encrypted, everything else is readable."""

from dataclasses import dataclass, replace

import msgspec
import structlog

from webhook_app.domain.delivery.disabled_reasons import DisabledReason
from webhook_app.domain.delivery.subscriber import OldSecret, Subscriber, is_http
from webhook_app.domain.explanations import code_text
from webhook_app.domain.notices.filters import Filter
from webhook_app.masking.url_masking import shown_url
from webhook_app.secrets.encryption import SecretBox, WrongKeyError
from webhook_app.store import codec

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SealedSubscriber:
    """A stored subscriber: `open` has neither URL nor secrets; they are encrypted in `sealed`."""

    open: Subscriber
    sealed: str


@dataclass(frozen=True, slots=True)
class _SecretFields:
    url: str
    secret: str
    old_secrets: tuple[OldSecret, ...]


@dataclass(frozen=True, slots=True)
class _UnsealedSubscriber:
    """A subscriber as the first versions stored it."""

    subscriber_id: str
    name: str
    url: str
    created_at: int
    wanted: Filter
    enabled: bool
    disabled_because: str | None
    secrets: tuple[str, ...]
    from_file: bool


_sealed_subscriber_of = codec.decoder(SealedSubscriber)
_unsealed_subscriber_of = codec.decoder(_UnsealedSubscriber)
_secret_fields_of = codec.decoder(_SecretFields)


def seal(subscriber: Subscriber, box: SecretBox) -> bytes:
    """A subscriber as it is to be stored."""
    fields = _SecretFields(subscriber.url, subscriber.secret, subscriber.old_secrets)
    sealed = box.seal(codec.encode(fields), subscriber.subscriber_id)
    return codec.encode(SealedSubscriber(replace(subscriber, url="", secret="", old_secrets=()), sealed))


class SubscriberReader:
    """Decrypts stored subscribers, and caches each as long as its record stays the same."""

    def __init__(self, seal: SecretBox) -> None:
        self._box = seal
        self._decrypted: dict[str, tuple[bytes, Subscriber]] = {}

    def read(self, raw: bytes) -> Subscriber:
        """A subscriber; one that cannot be decrypted is disabled, with the reason."""
        try:
            stored = _sealed_subscriber_of(raw)
        except msgspec.ValidationError:
            return _from_unsealed(raw)
        subscriber_id, url = stored.open.subscriber_id, _shown_today(stored.open.shown_url)
        cached = self._decrypted.get(subscriber_id)
        if cached is not None and cached[0] == raw:
            return cached[1]
        try:
            fields = _secret_fields_of(self._box.open(stored.sealed, subscriber_id))
            subscriber = replace(
                stored.open, url=fields.url, shown_url=url, secret=fields.secret, old_secrets=fields.old_secrets
            )
        except WrongKeyError:
            reason = DisabledReason.WRONG_KEY
            log.error("a subscriber's secrets cannot be decrypted", subscriber=subscriber_id, why=code_text(reason))
            subscriber = replace(stored.open, enabled=False, disabled_because=reason, shown_url=url)
        self._decrypted[subscriber_id] = (raw, subscriber)
        return subscriber

    def forget_others(self, subscriber_ids: set[str]) -> None:
        """Drop cached subscribers that were deleted."""
        for deleted in self._decrypted.keys() - subscriber_ids:
            del self._decrypted[deleted]


def subscriber_label(raw: bytes) -> str:
    """A stored subscriber's name, else its URL as it may be shown; nothing is decrypted."""
    try:
        subscriber = _sealed_subscriber_of(raw).open
    except msgspec.ValidationError:
        subscriber = _from_unsealed(raw)
    return subscriber.name or _shown_today(subscriber.shown_url)


def _shown_today(url: str) -> str:
    """The shown URL by today's rules: an earlier version may have stored one that hides less."""
    return shown_url(url) if is_http(url) else url


def _from_unsealed(raw: bytes) -> Subscriber:
    """A subscriber of the first versions; its next change encrypts it."""
    stored = _unsealed_subscriber_of(raw)
    return Subscriber(
        subscriber_id=stored.subscriber_id,
        name=stored.name,
        url=stored.url,
        created_at=stored.created_at,
        wanted=stored.wanted,
        enabled=stored.enabled,
        disabled_because=stored.disabled_because,
        secret=stored.secrets[0] if stored.secrets else "",
        shown_url=shown_url(stored.url),
        from_file=stored.from_file,
    )
