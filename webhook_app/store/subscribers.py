"""Subscribers: put, changed and deleted; a version that grows with each change lets readers keep a copy."""

from collections.abc import Callable, Sequence
from time import time

import redis

from webhook_app.domain.delivery.subscriber import Subscriber
from webhook_app.secrets.encryption import SecretBox
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client, StoreUnavailableError
from webhook_app.store.queries.subscriber_health import SubscriberHealth, read_subscriber_health
from webhook_app.store.subscriber_sealing import SubscriberReader, seal

SUBSCRIBERS_MAX = 10_000
CHANGE_TRIES = 100


async def stored_subscribers(client: Client) -> list[bytes]:
    """Subscribers as they are stored, for a `SubscriberReader`; with an event loop's client."""
    records: list[bytes] = await client.hvals(keys.SUBSCRIBERS)
    return records


class Subscribers:
    """Puts, reads and deletes subscribers."""

    def __init__(self, client: Client, seal: SecretBox) -> None:
        self._client = client
        self._box = seal
        self._reader = SubscriberReader(seal)

    def all(self) -> list[Subscriber]:
        """Every subscriber, oldest first."""
        subscribers = [self._reader.read(raw) for raw in self._client.hvals(keys.SUBSCRIBERS)]
        return sorted(subscribers, key=lambda subscriber: (subscriber.created_at, subscriber.subscriber_id))

    def get(self, subscriber_id: str) -> Subscriber | None:
        """One subscriber; None when there is none."""
        raw = self._client.hget(keys.SUBSCRIBERS, subscriber_id)
        return self._reader.read(raw) if raw else None

    def put(self, subscriber: Subscriber) -> None:
        """Store a subscriber, new or changed; deliveries of a disabled one become due, to be settled as dead."""
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
        """Change a subscriber as it is now, so that of two changes at once neither is lost; None when it was deleted.

        `alter` may be called more than once, and may raise to leave everything as it is. `also` adds commands to the
        same transaction, if anything changes.
        """
        for _ in range(CHANGE_TRIES):
            with self._client.pipeline(transaction=True) as pipe:
                pipe.watch(keys.SUBSCRIBERS)
                raw = pipe.hget(keys.SUBSCRIBERS, subscriber_id)
                if raw is None:
                    return None
                subscriber = self._reader.read(raw)
                changed = alter(subscriber)
                if changed == subscriber:
                    return subscriber
                pipe.multi()
                self._write(pipe, changed)
                also(pipe)
                try:
                    pipe.execute()
                except redis.WatchError:
                    continue
                return changed
        raise StoreUnavailableError("too many concurrent changes of subscribers")

    def delete(self, subscriber_id: str) -> bool:
        """Delete a subscriber; its pending deliveries are settled as dead. Whether there was one."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hdel(keys.SUBSCRIBERS, subscriber_id)
            pipe.hdel(keys.SUBSCRIBER_RATES, subscriber_id)
            pipe.delete(keys.subscriber_health(subscriber_id), keys.last_announced(subscriber_id))
            _make_all_due(pipe, subscriber_id)
            pipe.incr(keys.SUBSCRIBERS_VERSION)
            deleted = pipe.execute()[0]
        return bool(deleted)

    def reset_health(self, subscriber_id: str) -> None:
        """Reset the failure history and close the breaker."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.delete(keys.subscriber_health(subscriber_id))
            _close_breaker(pipe, subscriber_id)
            pipe.execute()

    def count(self) -> int:
        """How many subscribers there are."""
        return int(self._client.hlen(keys.SUBSCRIBERS))

    def health(self, subscriber_ids: Sequence[str]) -> list[SubscriberHealth]:
        """How these subscribers have answered."""
        return read_subscriber_health(self._client, subscriber_ids)

    def _write(self, pipe: Client, subscriber: Subscriber) -> None:
        subscriber_id = subscriber.subscriber_id
        pipe.hset(keys.SUBSCRIBERS, subscriber_id, seal(subscriber, self._box))
        if subscriber.rate_limit is None:
            pipe.hdel(keys.SUBSCRIBER_RATES, subscriber_id)
        else:
            pipe.hset(keys.SUBSCRIBER_RATES, subscriber_id, subscriber.rate_limit)
        if not subscriber.enabled:
            pipe.delete(keys.subscriber_health(subscriber_id))
            _make_all_due(pipe, subscriber_id)
        pipe.incr(keys.SUBSCRIBERS_VERSION)


def _make_all_due(pipe: Client, subscriber_id: str) -> None:
    """Have all pending deliveries claimed at once, also those to be retried in days: none is sent any more."""
    due = keys.subscriber_due(subscriber_id)
    pipe.zunionstore(due, {due: 0})
    _close_breaker(pipe, subscriber_id)


def _close_breaker(pipe: Client, subscriber_id: str) -> None:
    pipe.hdel(keys.BREAKERS_OPEN_UNTIL, subscriber_id)
    pipe.zadd(keys.SUBSCRIBERS_DUE, {subscriber_id: int(time() * 1000)}, xx=True, lt=True)
