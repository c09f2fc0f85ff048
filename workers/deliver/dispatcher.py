"""Per-subscriber send queues: leased deliveries waiting in memory, a concurrency limit each, and sender tasks."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import monotonic, time

from webhook_app.domain.delivery.concurrency import INITIAL_LIMIT
from webhook_app.domain.delivery.delivery import AttemptError, Delivery
from webhook_app.domain.delivery.subscriber import Subscriber
from workers.deliver.backlog_throttle import BacklogThrottle
from workers.deliver.limits import DispatchLimits
from workers.deliver.subscriber_queue import LeasedDelivery, SubscriberQueue

Send = Callable[[SubscriberQueue, LeasedDelivery], Awaitable[AttemptError | None]]


class Dispatcher:
    """The queues of one process.

    `send` makes one attempt and returns how it failed, or None; it never raises. `give_back` returns to the
    store a delivery that was not sent.
    """

    def __init__(
        self,
        send: Send,
        *,
        give_back: Callable[[Delivery], None],
        limits: DispatchLimits = DispatchLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._send = send
        self._give_back = give_back
        self._limits = limits
        self._throttle = BacklogThrottle(limits)
        self._queues: dict[str, SubscriberQueue] = {}
        self._active: dict[str, SubscriberQueue] = {}  # with something waiting or in flight
        self._backlogged: dict[str, SubscriberQueue] = {}  # with more due in the store
        self._waiting_for_slot: dict[bool, deque[SubscriberQueue]] = {True: deque(), False: deque()}  # by health
        self._in_flight = 0
        self._unhealthy_in_flight = 0
        self._senders: set[asyncio.Task[None]] = set()

    @property
    def is_active(self) -> bool:
        """Whether anything is waiting or in flight."""
        return bool(self._senders or self._active)

    @property
    def free_slots(self) -> int:
        """How many more attempts may be in flight."""
        return self._limits.in_flight_max - self._in_flight

    @property
    def free_slots_for_unhealthy(self) -> int:
        """How many of those may go to subscribers whose last attempt failed."""
        return min(self.free_slots, self._limits.unhealthy_in_flight_max - self._unhealthy_in_flight)

    def queue_of(self, subscriber: Subscriber) -> SubscriberQueue:
        """The queue of a subscriber, with its current settings."""
        queue = self._queues.get(subscriber.subscriber_id)
        if queue is None:
            queue = self._queues[subscriber.subscriber_id] = SubscriberQueue(subscriber)
        elif queue.subscriber is not subscriber:
            queue.update(subscriber)
        return queue

    def update_subscribers(self, subscribers: Mapping[str, Subscriber]) -> None:
        """Apply the current subscribers; give back waiting deliveries of deleted or disabled ones.

        Attempts in flight finish.
        """
        for subscriber_id, queue in list(self._queues.items()):
            subscriber = subscribers.get(subscriber_id)
            if subscriber is not None:
                self.queue_of(subscriber)
            if subscriber is None or not subscriber.enabled:
                self._release(queue)
            if subscriber is None and not queue.in_flight:
                self._backlogged.pop(subscriber_id, None)
                del self._queues[subscriber_id]

    def free_slots_of(self, queue: SubscriberQueue) -> int:
        """How many deliveries of a subscriber may be leased now."""
        overall = self.free_slots if queue.is_healthy else max(0, self.free_slots_for_unhealthy)
        free_slots = min(queue.free_slots(self._limits.ahead_max), overall)
        return self._throttle.free_slots(queue, free_slots) if self._is_throttled(queue) else free_slots

    def claim_limits(self) -> tuple[dict[str, int], dict[str, int]]:
        """Free slots per subscriber: first those with more deliveries due, then the other active ones."""
        backlogged = {
            subscriber_id: free_slots
            for subscriber_id, queue in self._backlogged.items()
            if (free_slots := self.free_slots_of(queue)) > 0
        }
        others = {
            subscriber_id: self.free_slots_of(queue)
            for subscriber_id, queue in self._active.items()
            if subscriber_id not in backlogged
        }
        return backlogged, others

    def initial_claim_limit(self) -> int:
        """Claim limit for a subscriber with no leased deliveries."""
        return INITIAL_LIMIT if self.free_slots_for_unhealthy > 0 else 0

    def update_backlog(self, backlogged: Iterable[str], *, done: Iterable[str] = ()) -> None:
        """Update which subscribers have more due deliveries in the store."""
        for subscriber_id in done:
            self._backlogged.pop(subscriber_id, None)
        for subscriber_id in backlogged:
            if subscriber_id in self._queues:
                self._backlogged[subscriber_id] = self._queues[subscriber_id]

    def can_claim_for(self, subscriber_ids: Iterable[str]) -> bool:
        """Whether any of these has more due in the store, and free slots for it."""
        queues = (self._backlogged.get(subscriber_id) for subscriber_id in subscriber_ids)
        return any(self.free_slots_of(queue) > 0 for queue in queues if queue is not None)

    def has_healthy_backlog(self, subscriber_ids: Iterable[str]) -> bool:
        """Whether any of these is healthy and has more deliveries than it can take soon."""
        queues = (self._queues.get(subscriber_id) for subscriber_id in subscriber_ids)
        return any(
            queue.is_healthy and (queue.subscriber_id in self._backlogged or len(queue.waiting) > 8 * queue.limit)
            for queue in queues
            if queue is not None
        )

    def put(self, queue: SubscriberQueue, leased: LeasedDelivery) -> None:
        """Queue a leased delivery, and send it when a slot is free."""
        self._active[queue.subscriber_id] = queue
        queue.is_late = time() - leased.delivery.created_at / 1000 > self._limits.fresh_s
        if not queue.is_late and queue.subscriber_id not in self._backlogged:
            self._throttle.note_fresh(queue)
        queue.waiting.append(leased)
        self._fill(queue)

    def release_subscribers(self, subscriber_ids: Iterable[str]) -> None:
        """Give back the waiting deliveries of these subscribers."""
        for subscriber_id in subscriber_ids:
            if subscriber_id in self._active:
                self._release(self._active[subscriber_id])

    def release_all(self) -> None:
        """Give back whatever has not been sent."""
        for queue in list(self._active.values()):
            self._release(queue)

    async def drain(self) -> None:
        """Wait until nothing is in flight."""
        while self._senders:
            await asyncio.wait(self._senders)

    async def abandon(self) -> None:
        """Cancel attempts in flight and drop waiting deliveries, as a crash would; their leases expire."""
        for queue in self._active.values():
            queue.waiting.clear()
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)

    def _release(self, queue: SubscriberQueue) -> None:
        while queue.waiting:
            self._give_back(queue.waiting.popleft().delivery)
        self._forget_if_empty(queue)

    def _is_throttled(self, queue: SubscriberQueue) -> bool:
        return queue.is_late and queue.subscriber_id in self._backlogged and self._throttle.applies_to(queue)

    def _fill(self, queue: SubscriberQueue) -> None:
        """Start senders for a queue up to its concurrency limit."""
        while (leased := self._next(queue)) is not None:
            sender = asyncio.create_task(self._send_from(queue, leased, was_healthy=queue.is_healthy))
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)
        if queue.waiting and queue.in_flight < queue.limit and not queue.is_waiting_for_slot:
            queue.is_waiting_for_slot = True
            self._waiting_for_slot[queue.is_healthy].append(queue)

    async def _send_from(self, queue: SubscriberQueue, leased: LeasedDelivery | None, *, was_healthy: bool) -> None:
        """Send one delivery after the other, as long as the queue has some and may have this many in flight."""
        while leased is not None:
            try:
                if self._is_throttled(queue):
                    await self._throttle.wait_for_turn(queue)
                error = await self._send(queue, leased)
            except BaseException:
                self._release_slot(queue, was_healthy=was_healthy)
                self._forget_if_empty(queue)
                raise
            self._release_slot(queue, was_healthy=was_healthy)
            queue.finished.add()
            queue.concurrency = queue.concurrency.after(error, at_most=queue.subscriber.max_in_flight)
            if error == AttemptError.TIMEOUT:
                self._release(queue)
            leased, was_healthy = self._next(queue), queue.is_healthy
            if queue.waiting and queue.in_flight < queue.limit:
                self._fill(queue)  # its limit has grown
        self._forget_if_empty(queue)
        self._fill(queue)
        self._fill_waiting()

    def _fill_waiting(self) -> None:
        """Give free slots to the queues that wait for one."""
        for healthy, queues in self._waiting_for_slot.items():
            while queues and self._has_slot(healthy=healthy):
                queue = queues.popleft()
                queue.is_waiting_for_slot = False
                self._fill(queue)

    def _next(self, queue: SubscriberQueue) -> LeasedDelivery | None:
        """Take off the next delivery that may be sent now, with a slot for it.

        One that has waited too long to be sent within its lease is given back.
        """
        while queue.waiting and queue.in_flight < queue.limit and self._has_slot(healthy=queue.is_healthy):
            leased = queue.waiting.popleft()
            if monotonic() - leased.leased_at <= self._limits.send_within_s:
                self._acquire_slot(queue)
                return leased
            self._give_back(leased.delivery)
        return None

    def _has_slot(self, *, healthy: bool) -> bool:
        limits = self._limits
        return self._in_flight < limits.in_flight_max and (
            healthy or self._unhealthy_in_flight < limits.unhealthy_in_flight_max
        )

    def _acquire_slot(self, queue: SubscriberQueue) -> None:
        queue.in_flight += 1
        self._in_flight += 1
        if not queue.is_healthy:
            self._unhealthy_in_flight += 1

    def _release_slot(self, queue: SubscriberQueue, *, was_healthy: bool) -> None:
        queue.in_flight -= 1
        self._in_flight -= 1
        if not was_healthy:
            self._unhealthy_in_flight -= 1

    def _forget_if_empty(self, queue: SubscriberQueue) -> None:
        if queue.is_empty:
            self._active.pop(queue.subscriber_id, None)
