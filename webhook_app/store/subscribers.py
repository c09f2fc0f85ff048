"""Subscribers, as they are kept: URL and secrets sealed; a version that grows lets readers keep a copy."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import time
from typing import Any

import msgspec
import redis
import structlog

from webhook_app.access.encryption import SecretBox, WrongKeyError
from webhook_app.domain.delivery.subscriber import OldSecret, Subscriber, is_http
from webhook_app.domain.notices.filters import Filter
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client, StoreUnavailableError
from webhook_app.store.connection.server_time import now_ms
from webhook_app.store.deliveries.queue import hour_number
from webhook_app.text.masking import shown_url

SUBSCRIBERS_MAX = 10_000
CHANGE_TRIES = 100
UNREADABLE = "its secrets were sealed under another key: give the right SECRETS_KEY, or set its URL and rotate"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SealedSubscriber:
    """A subscriber as it is kept: `open` without URL and secrets, which are in `sealed`."""

    open: Subscriber
    sealed: str


@dataclass(frozen=True, slots=True)
class _SecretFields:
    url: str
    secret: str
    old_secrets: tuple[OldSecret, ...]


@dataclass(frozen=True, slots=True)
class SubscriberHealth:
    """How a subscriber has answered: moments in ms, counts of attempts of the last 24 hours."""

    failing_since: int | None
    answered_at: int | None
    error: str | None
    open_until: int | None
    answered: int
    failed: int
    lag_ms: int
    due: int
    oldest_due_at: int | None

    @property
    def success_rate(self) -> float | None:
        """The part of the attempts that were answered with 2xx; None when there were none."""
        made = self.answered + self.failed
        return self.answered / made if made else None

    @property
    def mean_lag_ms(self) -> int | None:
        """From the notice to its delivery, on the average; None when nothing was delivered."""
        return self.lag_ms // self.answered if self.answered else None


@dataclass(frozen=True, slots=True)
class _UnsealedSubscriber:
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


class SubscriberReader:
    """Opens what is kept, and remembers what it has opened as long as that stays the same."""

    def __init__(self, seal: SecretBox) -> None:
        self._seal = seal
        self._opened: dict[str, tuple[bytes, Subscriber]] = {}

    def read(self, raw: bytes) -> Subscriber:
        """A subscriber; one that cannot be opened is disabled, and says why."""
        try:
            kept = _sealed_subscriber_of(raw)
        except msgspec.ValidationError:
            return _unsealed(raw)
        name = kept.open.subscriber_id
        known = self._opened.get(name)
        if known is not None and known[0] == raw:
            return known[1]
        try:
            hidden = _secret_fields_of(self._seal.open(kept.sealed, name))
            opened = replace(
                kept.open,
                url=hidden.url,
                shown_url=_masked_anew(kept.open.shown_url),
                secret=hidden.secret,
                old_secrets=hidden.old_secrets,
            )
        except WrongKeyError:
            log.error("a subscriber cannot be told", subscriber=name, why=UNREADABLE)
            shown = _masked_anew(kept.open.shown_url)
            opened = replace(kept.open, enabled=False, disabled_because=UNREADABLE, shown_url=shown)
        self._opened[name] = (raw, opened)
        return opened

    def forget_others(self, names: set[str]) -> None:
        """Drop what is no longer kept."""
        for gone in self._opened.keys() - names:
            del self._opened[gone]


async def stored_subscribers(client: Client) -> list[bytes]:
    """Subscribers as they are stored, for a `SubscriberReader`; with an event loop's client."""
    records: list[bytes] = await client.hvals(keys.SUBSCRIBERS)
    return records


def subscriber_label(raw: bytes) -> str:
    """A stored subscriber's name, else its URL as it may be shown; nothing is unsealed."""
    try:
        shown = _sealed_subscriber_of(raw).open
    except msgspec.ValidationError:
        shown = _unsealed(raw)
    return shown.name or _masked_anew(shown.shown_url)


def _masked_anew(shown: str) -> str:
    """The shown URL by today's rules: an earlier version may have stored one that hides less."""
    return shown_url(shown) if is_http(shown) else shown


def _unsealed(raw: bytes) -> Subscriber:
    """One that was kept before secrets were sealed; the next change of it seals it."""
    was = _unsealed_subscriber_of(raw)
    return Subscriber(
        subscriber_id=was.subscriber_id,
        name=was.name,
        url=was.url,
        created_at=was.created_at,
        wanted=was.wanted,
        enabled=was.enabled,
        disabled_because=was.disabled_because,
        secret=was.secrets[0] if was.secrets else "",
        shown_url=shown_url(was.url),
        from_file=was.from_file,
    )


class Subscribers:
    """Puts, finds and deletes subscribers."""

    def __init__(self, client: Client, seal: SecretBox) -> None:
        self._client = client
        self._seal = seal
        self._reader = SubscriberReader(seal)

    def all(self) -> list[Subscriber]:
        """Every subscriber, oldest first."""
        found = [self._reader.read(raw) for raw in self._client.hvals(keys.SUBSCRIBERS)]
        return sorted(found, key=lambda known: (known.created_at, known.subscriber_id))

    def get(self, subscriber_id: str) -> Subscriber | None:
        """One subscriber, None when there is none."""
        raw = self._client.hget(keys.SUBSCRIBERS, subscriber_id)
        return self._reader.read(raw) if raw else None

    def put(self, subscriber: Subscriber) -> None:
        """Keep a subscriber, new or changed; one that is disabled has nothing held back for it any more."""
        with self._client.pipeline(transaction=True) as pipe:
            self._write(pipe, subscriber)
            pipe.execute()

    def change(
        self,
        subscriber_id: str,
        alter: Callable[[Subscriber], Subscriber],
        *,
        also: Callable[[Client], None] = lambda pipe: None,
    ) -> Subscriber | None:
        """Change one as it is at this moment, so that of two changes at once neither is lost; None when it is gone.

        `alter` may be asked more than once, and may raise to leave everything as it is. `with_it` adds what is to be
        written in the same transaction, if anything changes.
        """
        for _ in range(CHANGE_TRIES):
            with self._client.pipeline(transaction=True) as pipe:
                pipe.watch(keys.SUBSCRIBERS)
                raw = pipe.hget(keys.SUBSCRIBERS, subscriber_id)
                if raw is None:
                    return None
                known = self._reader.read(raw)
                changed = alter(known)
                if changed == known:
                    return known
                pipe.multi()
                self._write(pipe, changed)
                also(pipe)
                try:
                    pipe.execute()
                except redis.WatchError:
                    continue
                return changed
        raise StoreUnavailableError("the subscribers are being changed by too many at once")

    def _write(self, pipe: Client, subscriber: Subscriber) -> None:
        hidden = _SecretFields(subscriber.url, subscriber.secret, subscriber.old_secrets)
        name = subscriber.subscriber_id
        sealed = self._seal.seal(codec.encode(hidden), name)
        kept = SealedSubscriber(replace(subscriber, url="", secret="", old_secrets=()), sealed)
        pipe.hset(keys.SUBSCRIBERS, name, codec.encode(kept))
        if subscriber.rate_limit is None:
            pipe.hdel(keys.SUBSCRIBER_RATES, name)
        else:
            pipe.hset(keys.SUBSCRIBER_RATES, name, subscriber.rate_limit)
        if not subscriber.enabled:
            pipe.delete(keys.subscriber_health(name))
            _all_due(pipe, name)
        pipe.incr(keys.SUBSCRIBERS_VERSION)

    def delete(self, subscriber_id: str) -> bool:
        """Forget a subscriber; what was due to it becomes dead. Whether there was one."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hdel(keys.SUBSCRIBERS, subscriber_id)
            pipe.hdel(keys.SUBSCRIBER_RATES, subscriber_id)
            pipe.delete(keys.subscriber_health(subscriber_id), keys.last_announced(subscriber_id))
            _all_due(pipe, subscriber_id)
            pipe.incr(keys.SUBSCRIBERS_VERSION)
            gone = pipe.execute()[0]
        return bool(gone)

    def reset_health(self, subscriber_id: str) -> None:
        """Forget that it has failed: it is tried as if it were new."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.delete(keys.subscriber_health(subscriber_id))
            _let_go(pipe, subscriber_id)
            pipe.execute()

    def count(self) -> int:
        """How many there are."""
        return int(self._client.hlen(keys.SUBSCRIBERS))

    def health(self, subscriber_ids: list[str]) -> list[SubscriberHealth]:
        """How these have answered."""
        now = now_ms(self._client)
        hours = range(hour_number(now) - 23, hour_number(now) + 1)
        with self._client.pipeline(transaction=False) as pipe:
            for one in subscriber_ids:
                pipe.hgetall(keys.subscriber_health(one))
                pipe.hget(keys.BREAKERS_OPEN_UNTIL, one)
                pipe.zcard(keys.subscriber_due(one))
                pipe.zrange(keys.subscriber_due(one), 0, 0, withscores=True)
                for hour in hours:
                    pipe.hmget(keys.subscriber_hour(one, hour), ["answered", "failed", "lag"])
            found = pipe.execute()
        each = 4 + len(hours)
        return [_health(found[at : at + each]) for at in range(0, len(found), each)]


def _all_due(pipe: Client, subscriber_id: str) -> None:
    """Let whoever claims find at once that nothing of it is to be sent any more, retries of the next days too."""
    due = keys.subscriber_due(subscriber_id)
    pipe.zunionstore(due, {due: 0})
    _let_go(pipe, subscriber_id)


def _let_go(pipe: Client, subscriber_id: str) -> None:
    pipe.hdel(keys.BREAKERS_OPEN_UNTIL, subscriber_id)
    pipe.zadd(keys.SUBSCRIBERS_DUE, {subscriber_id: int(time() * 1000)}, xx=True, lt=True)


def _health(found: list[Any]) -> SubscriberHealth:
    health, open_until, due, oldest, *hours = found
    sums = [sum(int(hour[at] or 0) for hour in hours) for at in range(3)]
    since, answered_at, error = (health.get(name) for name in (b"failing_since", b"answered_at", b"error"))
    return SubscriberHealth(
        failing_since=int(since) if since else None,
        answered_at=int(answered_at) if answered_at else None,
        error=error.decode() if error else None,
        open_until=int(open_until) if open_until else None,
        answered=sums[0],
        failed=sums[1],
        lag_ms=sums[2],
        due=int(due),
        oldest_due_at=int(oldest[0][1]) if oldest else None,
    )
