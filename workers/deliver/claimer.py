"""Leases due deliveries from the store and queues them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic

from webhook_app.domain.delivery.delivery import DeliveryState
from webhook_app.domain.notices.notice import notice_body
from webhook_app.store.deliveries.outbox import Outbox
from webhook_app.store.deliveries.queue import PARK_MS, ClaimedDelivery, Deliveries
from workers.channels.port import Message
from workers.channels.webhook import encode_body
from workers.deliver.dispatcher import Dispatcher
from workers.deliver.limits import DeliveryLimits
from workers.deliver.settler import Settler
from workers.deliver.signals import RunSignals
from workers.deliver.staleness import stale_ids
from workers.deliver.subscriber_cache import SubscriberCache
from workers.deliver.subscriber_queue import LeasedDelivery


class Claimer:
    """Claims as much as there are free slots for."""

    def __init__(
        self,
        deliveries: Deliveries,
        outbox: Outbox,
        subscribers: SubscriberCache,
        dispatcher: Dispatcher,
        settler: Settler,
        signals: RunSignals,
        *,
        limits: DeliveryLimits,
    ) -> None:
        self._deliveries = deliveries
        self._outbox = outbox
        self._subscribers = subscribers
        self._dispatcher = dispatcher
        self._settler = settler
        self._signals = signals
        self._limits = limits

    async def run(self) -> None:
        """Claim until the run ends."""
        while not self._signals.is_ending:
            self._signals.claim.clear()
            await self._signals.store_free.wait()
            wait_s = await self.claim()
            if wait_s and not self._signals.is_ending:
                try:
                    async with asyncio.timeout(wait_s):
                        await self._signals.claim.wait()
                except TimeoutError:
                    pass

    async def claim(self) -> float:
        """Claim one batch; returns how many seconds to wait before the next, at most."""
        at_most = min(self._limits.claim_max, self._dispatcher.free_slots)
        if at_most <= 0:
            return self._limits.poll_s
        initial = self._dispatcher.initial_claim_limit()
        backlogged, others = self._dispatcher.claim_limits()
        result = await self._deliveries.claim(
            at_most,
            healthy_limit=max(initial, self._limits.claim_healthy),
            failing_limit=initial,
            backlogged=backlogged,
            limits=others,
        )
        if result.claims and await self._subscribers.refresh(result.version):
            self._dispatcher.update_subscribers(self._subscribers.by_id)
        self._signals.has_more_soon = result.wait_ms is not None and result.wait_ms <= PARK_MS
        if result.claims or self._signals.has_more_soon:
            self._signals.touch()
        await self._queue(result.claims)
        for subscriber_id in result.backlogged:
            if subscriber_id in self._subscribers.by_id:
                self._dispatcher.queue_of(self._subscribers.by_id[subscriber_id])
        self._dispatcher.update_backlog(result.backlogged, done=backlogged)
        if result.claims:
            return 0.0
        wait_ms = self._limits.idle_ms if result.wait_ms is None else max(1, result.wait_ms)
        return min(self._limits.idle_ms, wait_ms) / 1000

    async def _queue(self, claims: Sequence[ClaimedDelivery]) -> None:
        """Queue claimed deliveries; those that can never be sent become dead.

        Their subscriber was deleted or disabled, or retention removed the notice.
        """
        stale = await stale_ids(self._outbox, claims)
        for claim in claims:
            delivery, notice = claim.delivery, claim.notice
            subscriber = self._subscribers.by_id.get(delivery.subscriber_id)
            if subscriber is None or not subscriber.enabled or notice is None:
                self._settler.settle_soon(replace(delivery, state=DeliveryState.DEAD, next_attempt_at=None))
                continue
            is_stale = delivery.delivery_id in stale
            content = notice_body(notice) | ({"stale": True} if is_stale else {})
            message = Message(notice, encode_body(content), is_stale)
            self._dispatcher.put(self._dispatcher.queue_of(subscriber), LeasedDelivery(delivery, message, monotonic()))
