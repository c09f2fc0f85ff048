"""Writes the outcomes of attempts to the store, in batches."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from logging import DEBUG
from time import time

from webhook_app.domain.delivery.delivery import Delivery, DeliveryState
from webhook_app.runtime.logs import logger
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.queue import AttemptStats, Deliveries, SettleResult
from webhook_app.store.operations.metrics import NOTICE_TO_DELIVERED, MetricsBuffer
from workers.deliver.limits import DeliveryLimits
from workers.deliver.signals import RunSignals

AfterSettling = Callable[[Sequence[Delivery], SettleResult], None]

log = logger()


class Settler:
    """Collects outcomes and writes them. `after_settling` is called with each batch that was written."""

    def __init__(
        self,
        client: Client,
        deliveries: Deliveries,
        signals: RunSignals,
        *,
        after_settling: AfterSettling,
        limits: DeliveryLimits,
    ) -> None:
        self._client = client
        self._deliveries = deliveries
        self._signals = signals
        self._after_settling = after_settling
        self._limits = limits
        self._metrics = MetricsBuffer()
        self._pending: list[Delivery] = []
        self._stats: dict[str, AttemptStats] = {}
        self._lags_ms: list[int] = []

    @property
    def has_pending(self) -> bool:
        """Whether outcomes are still to be written."""
        return bool(self._pending)

    def settle_soon(self, delivery: Delivery) -> None:
        """Write a delivery with the next batch."""
        self._pending.append(delivery)
        self._signals.settle.set()

    def give_back(self, delivery: Delivery) -> None:
        """End the lease of a delivery that was not sent; it is due at once."""
        self.settle_soon(replace(delivery, next_attempt_at=int(time() * 1000)))

    def count_success(self, subscriber_id: str, lag_ms: int) -> None:
        """Count an attempt that succeeded, `lag_ms` after its notice."""
        stats = self._stats_of(subscriber_id)
        stats.succeeded += 1
        stats.lag_ms += lag_ms
        self._lags_ms.append(lag_ms)

    def count_failure(self, subscriber_id: str, score: int, error: str) -> None:
        """Count an attempt that failed; `score` is what it adds to the breaker's failure score."""
        stats = self._stats_of(subscriber_id)
        stats.failed += 1
        stats.failure_score += score
        stats.error = error

    async def run(self) -> None:
        """Write batches until the run ends and everything is written."""
        while not self._signals.is_ending or self._pending:
            if not self._pending:
                self._signals.settle.clear()
                await self._signals.settle.wait()
            if len(self._pending) < self._limits.settle_max and not self._signals.is_ending:
                await asyncio.sleep(self._limits.settle_gather_s)
            await self._signals.store_free.wait()
            await self._settle()

    async def settle_all(self) -> None:
        """Write everything that is pending."""
        while self._pending or self._stats:
            await self._settle()
        await self._metrics.flush_async(self._client, every_s=0)

    def abandon(self) -> None:
        """Drop unwritten outcomes, as a crash would."""
        self._pending, self._stats, self._lags_ms = [], {}, []

    def _stats_of(self, subscriber_id: str) -> AttemptStats:
        stats = self._stats.get(subscriber_id)
        if stats is None:
            stats = self._stats[subscriber_id] = AttemptStats()
        return stats

    async def _settle(self) -> None:
        batch, self._pending = self._pending[: self._limits.settle_max], self._pending[self._limits.settle_max :]
        stats, self._stats = self._stats, {}
        lags_ms, self._lags_ms = self._lags_ms, []
        self._metrics.observe_many(NOTICE_TO_DELIVERED, lags_ms)
        try:
            result = await self._deliveries.settle(batch, stats)
        except BaseException:
            # Kept for the next time. What a lease brings back meanwhile is sent once more under the same webhook-id.
            self._pending = batch + self._pending
            self._stats = stats | self._stats
            raise
        await self._metrics.flush_async(self._client)
        self._signals.touch()
        _log(batch)
        self._after_settling(batch, result)


def _log(deliveries: Sequence[Delivery]) -> None:
    is_debugging = log.is_enabled_for(DEBUG)
    for delivery in deliveries:
        if delivery.state is DeliveryState.DELIVERED and not is_debugging:
            continue
        fields = {
            "delivery": delivery.delivery_id,
            "notice": delivery.notice_id,
            "subscriber": delivery.subscriber_id,
            "attempts": len(delivery.attempts),
        }
        if delivery.state is DeliveryState.DEAD:
            log.info("a delivery is dead", **fields)
        elif is_debugging:
            log.debug("attempted", state=delivery.state.value, **fields)
