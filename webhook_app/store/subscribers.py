"""Subscribers, as they are kept; a version that grows lets readers keep a copy."""

from webhook_app.domain.subscribers import Subscriber
from webhook_app.store import codec, keys
from webhook_app.store.clients import Client

SUBSCRIBERS_MAX = 10_000

subscriber_of = codec.decoder(Subscriber)


class Subscribers:
    """Puts, finds and deletes subscribers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> list[Subscriber]:
        """Every subscriber, oldest first."""
        found = [subscriber_of(raw) for raw in self._client.hvals(keys.SUBSCRIBERS)]
        return sorted(found, key=lambda known: (known.created_at, known.subscriber_id))

    def get(self, subscriber_id: str) -> Subscriber | None:
        """One subscriber, None when there is none."""
        raw = self._client.hget(keys.SUBSCRIBERS, subscriber_id)
        return subscriber_of(raw) if raw else None

    def put(self, subscriber: Subscriber) -> None:
        """Keep a subscriber, new or changed."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hset(keys.SUBSCRIBERS, subscriber.subscriber_id, codec.encode(subscriber))
            pipe.incr(keys.SUBSCRIBERS_VERSION)
            pipe.execute()

    def delete(self, subscriber_id: str) -> bool:
        """Forget a subscriber and what was due to it; whether there was one."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hdel(keys.SUBSCRIBERS, subscriber_id)
            pipe.delete(keys.subscriber_due(subscriber_id))
            pipe.zrem(keys.SUBSCRIBERS_DUE, subscriber_id)
            pipe.incr(keys.SUBSCRIBERS_VERSION)
            gone = pipe.execute()[0]
        return bool(gone)

    def count(self) -> int:
        """How many there are."""
        return int(self._client.hlen(keys.SUBSCRIBERS))
