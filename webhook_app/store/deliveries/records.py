"""Deliveries for the API and the console: read with their notices, counted, retried."""

from collections.abc import Sequence

from webhook_app.domain.delivery.delivery import Delivery, DeliveryState, requeued
from webhook_app.domain.delivery.waits import DeliveryWait, wait_of
from webhook_app.domain.notices.notice import Notice
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.queue import delivery_of, requeue_args, requeue_script

RETRY_CHUNK = 200


class DeliveryRecords:
    """Reads, counts and retries deliveries."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._requeue = requeue_script(client)

    def get(self, delivery_ids: Sequence[str]) -> list[tuple[Delivery, Notice | None]]:
        """Deliveries by id with their notices; those that are kept no longer are left out."""
        if not delivery_ids:
            return []
        records = self._client.mget([keys.delivery(delivery_id) for delivery_id in delivery_ids])
        deliveries = [delivery_of(raw) for raw in records if raw]
        if not deliveries:
            return []
        with self._client.pipeline(transaction=False) as pipe:
            for delivery in deliveries:
                pipe.xrange(keys.OUTBOX, min=delivery.entry or "0-1", max=delivery.entry or "0-1")
            answers = pipe.execute()
        return [
            (delivery, codec.notice_of(entries[0][1][b"n"]) if entries else None)
            for delivery, entries in zip(deliveries, answers, strict=True)
        ]

    def waits(self, deliveries: Sequence[Delivery], *, now: int) -> dict[str, DeliveryWait]:
        """What each pending delivery waits for, by id."""
        pending = [delivery for delivery in deliveries if delivery.state is DeliveryState.PENDING]
        if not pending:
            return {}
        with self._client.pipeline(transaction=False) as pipe:
            for delivery in pending:
                pipe.zscore(keys.subscriber_due(delivery.subscriber_id), delivery.delivery_id)
                pipe.hget(keys.BREAKERS_OPEN_UNTIL, delivery.subscriber_id)
            answers = pipe.execute()
        waits = {}
        for delivery, due, open_until in zip(pending, answers[::2], answers[1::2], strict=True):
            until = int(open_until) if open_until else None
            waits[delivery.delivery_id] = wait_of(delivery, is_due=due is not None, open_until=until, now=now)
        return waits

    def retry_dead(self, subscriber_id: str, *, now: int) -> int:
        """Requeue all dead deliveries of a subscriber whose notice is kept; returns how many."""
        dead = self._client.zinter([keys.DELIVERIES_DEAD, keys.subscriber_deliveries(subscriber_id)])
        count = 0
        for start in range(0, len(dead), RETRY_CHUNK):
            delivery_ids = [raw.decode() for raw in dead[start : start + RETRY_CHUNK]]
            retried = [requeued(delivery, now=now) for delivery, notice in self.get(delivery_ids) if notice is not None]
            count += int(self._requeue(keys=[keys.PREFIX], args=requeue_args(retried, now)))
        return count

    def count_dead(self, subscriber_id: str) -> int:
        """How many deliveries of a subscriber are dead."""
        return len(self._client.zinter([keys.DELIVERIES_DEAD, keys.subscriber_deliveries(subscriber_id)]))

    def retry(self, delivery: Delivery, *, now: int) -> bool:
        """Requeue a delivery; False when it is pending already."""
        return bool(self._requeue(keys=[keys.PREFIX], args=requeue_args([requeued(delivery, now=now)], now)))

    def make_due_now(self, delivery: Delivery, *, now: int) -> None:
        """Make a pending delivery due now, unless it waits behind others of its room."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zadd(keys.subscriber_due(delivery.subscriber_id), {delivery.delivery_id: now}, xx=True, lt=True)
            pipe.zadd(keys.SUBSCRIBERS_DUE, {delivery.subscriber_id: now}, xx=True, lt=True)
            pipe.execute()

    def counts(self) -> dict[str, int]:
        """How many deliveries are in each state."""
        with self._client.pipeline(transaction=False) as pipe:
            for key in (keys.DELIVERIES, keys.DELIVERIES_PENDING, keys.DELIVERIES_DEAD):
                pipe.zcard(key)
            everything, pending, dead = pipe.execute()
        return {
            DeliveryState.PENDING.value: int(pending),
            DeliveryState.DELIVERED.value: max(0, int(everything) - int(pending) - int(dead)),
            DeliveryState.DEAD.value: int(dead),
        }
