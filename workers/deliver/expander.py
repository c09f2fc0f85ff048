"""Expands the outbox: makes a delivery of each notice for each subscriber whose filter matches."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.notices.notice import Notice, notice_body
from webhook_app.domain.notices.types import RECOVER
from webhook_app.store.deliveries.outbox import ExpandResult, Expansion, Outbox, OutboxEntry
from workers.channels.port import Message
from workers.channels.webhook import encode_body
from workers.deliver.dispatcher import Dispatcher
from workers.deliver.limits import DeliveryLimits
from workers.deliver.recovery import initial_recovery
from workers.deliver.signals import RunSignals
from workers.deliver.staleness import latest_sequences
from workers.deliver.subscriber_cache import SubscriberCache
from workers.deliver.subscriber_queue import LeasedDelivery, SubscriberQueue
from workers.deliver.transitions import new_delivery

# Sent instead of 0 when the subscriber already holds its maximum: the store looks at it again after the parking time.
PARKED = -1

Queues = Mapping[str, SubscriberQueue]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Outbox entries that are expanded at once, and their deliveries."""

    entries: Sequence[OutboxEntry]
    deliveries: Sequence[Delivery]


class Expander:
    """Reads the outbox after its cursor. Several processes may do so: the store accepts each entry's expansion once."""

    def __init__(
        self,
        outbox: Outbox,
        subscribers: SubscriberCache,
        dispatcher: Dispatcher,
        signals: RunSignals,
        *,
        is_observing: bool,
        limits: DeliveryLimits,
    ) -> None:
        self._outbox = outbox
        self._subscribers = subscribers
        self._dispatcher = dispatcher
        self._signals = signals
        self._is_observing = is_observing
        self._limits = limits
        self._cursor: str | None = None

    def reset(self) -> None:
        """Read the cursor again with the next expansion."""
        self._cursor = None

    async def expand(self, block_ms: int | None = None) -> int:
        """Expand one batch; waits for an entry when `block_ms` is given. Returns how many entries it tried.

        They are read again when another process has moved the cursor meanwhile.

        1. Read the entries after the cursor.
        2. Make the deliveries of as many of them as one batch may hold.
        3. Write them in one or two pieces: the store leases to this process as many as it has free slots for.
        4. Queue those that are leased. The others are claimed when slots are free.
        """
        if self._cursor is None:
            self._cursor = await self._outbox.cursor()
        cursor = self._cursor
        entries, version = await self._outbox.read(cursor, self._limits.expand_notices, block_ms=block_ms)
        if not entries:
            if cursor != (moved_to := await self._outbox.cursor()):
                self._cursor = moved_to
            return 0
        self._signals.touch()
        if await self._subscribers.refresh(version):
            self._dispatcher.update_subscribers(self._subscribers.by_id)
        batch = self._make_batch(entries)
        if not await self._write(batch, cursor):
            self._cursor = None
            return len(batch.entries)
        self._cursor = batch.entries[-1].entry
        if len(entries) == self._limits.expand_notices:
            await self._wait_for_healthy({delivery.subscriber_id for delivery in batch.deliveries})
        return len(batch.entries)

    async def _write(self, batch: _Batch, cursor: str) -> bool:
        """Write a batch and queue what is leased; False when another process has moved the cursor."""
        subscriber_ids = {delivery.subscriber_id for delivery in batch.deliveries}
        queues = {name: self._dispatcher.queue_of(self._subscribers.by_id[name]) for name in subscriber_ids}
        notices = {entry.notice.notice_id: entry.notice for entry in batch.entries}
        recoveries = {
            entry.notice.notice_id: initial_recovery(entry) for entry in batch.entries if entry.notice.type == RECOVER
        }
        latest = latest_sequences(batch.entries)
        for deliveries, after in self._pieces(batch, queues, cursor):
            piece_ids = {delivery.subscriber_id for delivery in deliveries}
            expansion = Expansion(
                before=cursor,
                after=after,
                latest=latest,
                recoveries=recoveries,
                free_slots={name: self._free_slots(queues[name]) for name in piece_ids},
                deliveries=deliveries,
            )
            outcomes = await self._expand_in_store(expansion)
            if outcomes is None:
                return False
            self._queue_leased(deliveries, outcomes, notices, queues)
        if recoveries:
            self._signals.recover.set()
        return True

    async def _expand_in_store(self, expansion: Expansion) -> Sequence[ExpandResult] | None:
        # New notices go first: claims and settlements wait while a small batch is written.
        if len(expansion.deliveries) <= self._limits.small_batch:
            self._signals.store_free.clear()
        try:
            return await self._outbox.expand(expansion)
        finally:
            self._signals.store_free.set()

    def _make_batch(self, entries: Sequence[OutboxEntry]) -> _Batch:
        """The entries that are expanded at once, and their deliveries."""
        batch_entries: list[OutboxEntry] = []
        deliveries: list[Delivery] = []
        until = monotonic() + self._limits.expand_max_s
        for entry in entries:
            deliveries += self._deliveries_of(entry)
            batch_entries.append(entry)
            if len(deliveries) >= self._limits.expand_deliveries or monotonic() > until:
                break
        return _Batch(batch_entries, deliveries)

    def _deliveries_of(self, entry: OutboxEntry) -> list[Delivery]:
        if entry.notice.observed and not self._is_observing:
            return []
        return [new_delivery(subscriber, entry) for subscriber in self._subscribers.matching(entry.notice)]

    def _pieces(self, batch: _Batch, queues: Queues, before: str) -> list[tuple[Sequence[Delivery], str]]:
        """Split the batch into one or two writes, each with the cursor to set afterwards.

        A few healthy subscribers do not wait for many unhealthy ones: they come first, and the cursor stays. After a
        crash in between, existing deliveries are not created twice.
        """
        after = batch.entries[-1].entry
        if len(batch.deliveries) > self._limits.small_batch:
            healthy = [each for each in batch.deliveries if queues[each.subscriber_id].is_healthy]
            if 0 < len(healthy) <= len(batch.deliveries) // 4:
                unhealthy = [each for each in batch.deliveries if not queues[each.subscriber_id].is_healthy]
                return [(healthy, before), (unhealthy, after)]
        return [(batch.deliveries, after)]

    def _free_slots(self, queue: SubscriberQueue) -> int:
        # Only claims count against a rate limit, so nothing is leased here to a subscriber that has one. An observing
        # copy sends nothing.
        if queue.subscriber.rate_limit is not None or self._is_observing:
            return 0
        return self._dispatcher.free_slots_of(queue) or PARKED

    def _queue_leased(
        self,
        deliveries: Sequence[Delivery],
        outcomes: Sequence[ExpandResult],
        notices: Mapping[str, Notice],
        queues: Queues,
    ) -> None:
        """Queue the deliveries that were leased to this process; each notice is encoded once."""
        messages: dict[str, Message] = {}
        backlogged: set[str] = set()
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            queue = queues[delivery.subscriber_id]
            if outcome is ExpandResult.LEASED:
                message = messages.get(delivery.notice_id)
                if message is None:
                    notice = notices[delivery.notice_id]
                    message = messages[delivery.notice_id] = Message(notice, encode_body(notice_body(notice)))
                self._dispatcher.put(queue, LeasedDelivery(delivery, message, monotonic()))
            elif outcome is ExpandResult.WAITING:
                queue.left_behind.add()
                backlogged.add(delivery.subscriber_id)
        if backlogged:
            self._dispatcher.update_backlog(backlogged)
            self._signals.claim.set()

    async def _wait_for_healthy(self, subscriber_ids: set[str]) -> None:
        """When the outbox is long, let healthy subscribers catch up before more is expanded."""
        until = monotonic() + self._limits.pressure_max_s
        while self._dispatcher.has_healthy_backlog(subscriber_ids) and monotonic() < until:
            if self._signals.is_ending:
                return
            await asyncio.sleep(self._limits.pressure_poll_s)
