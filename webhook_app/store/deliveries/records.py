"""Deliveries as they are looked at, and put back in line by hand."""

from collections.abc import Sequence

from webhook_app.domain.delivery.delivery import Delivery, DeliveryState, requeued
from webhook_app.domain.delivery.waits import DeliveryWait, wait_of
from webhook_app.domain.notices.notice import Notice
from webhook_app.store import codec, keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.queue import delivery_of, requeue_args, requeue_script

RETRY_CHUNK = 200


class DeliveryRecords:
    """Reads deliveries with their notices, and counts them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._requeue = requeue_script(client)

    def get(self, delivery_ids: Sequence[str]) -> list[tuple[Delivery, Notice | None]]:
        """Deliveries with their notices, those that are kept."""
        if not delivery_ids:
            return []
        found = [delivery_of(raw) for raw in self._client.mget([keys.delivery(one) for one in delivery_ids]) if raw]
        if not found:
            return []
        with self._client.pipeline(transaction=False) as pipe:
            for one in found:
                pipe.xrange(keys.OUTBOX, min=one.entry or "0-1", max=one.entry or "0-1")
            notices = pipe.execute()
        return [
            (one, codec.notice_of(entries[0][1][b"n"]) if entries else None)
            for one, entries in zip(found, notices, strict=True)
        ]

    def waits(self, deliveries: Sequence[Delivery], *, now: int) -> dict[str, DeliveryWait]:
        """What each delivery that is pending waits for, by id."""
        pending = [one for one in deliveries if one.state is DeliveryState.PENDING]
        if not pending:
            return {}
        with self._client.pipeline(transaction=False) as pipe:
            for one in pending:
                pipe.zscore(keys.subscriber_due(one.subscriber_id), one.delivery_id)
                pipe.hget(keys.BREAKERS_OPEN_UNTIL, one.subscriber_id)
            answers = pipe.execute()
        found = {}
        for one, due, open_until in zip(pending, answers[::2], answers[1::2], strict=True):
            until = int(open_until) if open_until else None
            found[one.delivery_id] = wait_of(one, is_due=due is not None, open_until=until, now=now)
        return found

    def retry_dead(self, subscriber_id: str, *, now: int) -> int:
        """Put all dead deliveries of a subscriber back in line, those whose notice is kept; how many."""
        dead = self._client.zinter([keys.DELIVERIES_DEAD, keys.subscriber_deliveries(subscriber_id)])
        count = 0
        for start in range(0, len(dead), RETRY_CHUNK):
            chunk = [delivery_id.decode() for delivery_id in dead[start : start + RETRY_CHUNK]]
            again = [requeued(one, now=now) for one, notice in self.get(chunk) if notice is not None]
            count += int(self._requeue(keys=[keys.PREFIX], args=requeue_args(again, now)))
        return count

    def count_dead(self, subscriber_id: str) -> int:
        """How many deliveries of a subscriber are dead."""
        return len(self._client.zinter([keys.DELIVERIES_DEAD, keys.subscriber_deliveries(subscriber_id)]))

    def retry(self, one: Delivery, *, now: int) -> bool:
        """Put a delivery back in line; False when it is in line."""
        return bool(self._requeue(keys=[keys.PREFIX], args=requeue_args([requeued(one, now=now)], now)))

    def make_due_now(self, one: Delivery, *, now: int) -> None:
        """Make a delivery that is in line due now, unless it waits behind others of its room."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zadd(keys.subscriber_due(one.subscriber_id), {one.delivery_id: now}, xx=True, lt=True)
            pipe.zadd(keys.SUBSCRIBERS_DUE, {one.subscriber_id: now}, xx=True, lt=True)
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
