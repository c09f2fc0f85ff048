"""Deliveries as they are looked at, and put back in line by hand."""

from collections.abc import Sequence

from webhook_app.domain.notices import Notice
from webhook_app.domain.subscribers import Delivery, DeliveryState, again_in_line
from webhook_app.store import codec, keys
from webhook_app.store.clients import Client
from webhook_app.store.deliveries import delivery_of, renew_args, renewal


class DeliveryRecords:
    """Reads deliveries with their notices, and counts them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._renew = renewal(client)

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

    def retry(self, one: Delivery, *, now: int) -> bool:
        """Put a delivery back in line; False when it is in line."""
        return bool(self._renew(keys=[keys.PREFIX], args=renew_args([again_in_line(one, now=now)], now)))

    def hasten(self, one: Delivery, *, now: int) -> None:
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
