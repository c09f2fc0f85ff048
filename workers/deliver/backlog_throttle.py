"""Slows the backlog of one subscriber while another is sent fresh deliveries, so that those do not queue behind it."""

import asyncio
from time import monotonic

from workers.deliver.limits import DispatchLimits
from workers.deliver.subscriber_queue import SubscriberQueue


class BacklogThrottle:
    """Records the last two subscribers that were sent a fresh delivery."""

    def __init__(self, limits: DispatchLimits) -> None:
        self._limits = limits
        self._last = self._before_last = ("", float("-inf"))  # subscriber and when

    def note_fresh(self, queue: SubscriberQueue) -> None:
        """A subscriber without a backlog is sent a fresh delivery."""
        if queue.subscriber_id != self._last[0]:
            self._before_last = self._last
        self._last = (queue.subscriber_id, monotonic())

    def applies_to(self, queue: SubscriberQueue) -> bool:
        """Whether another subscriber than this one was sent something fresh lately."""
        subscriber_id, at = self._last
        if subscriber_id == queue.subscriber_id:
            _, at = self._before_last
        return monotonic() - at < self._limits.backlog_throttle_s

    def rate_per_s(self, queue: SubscriberQueue) -> int:
        """The rate of a throttled backlog: always higher than it grows, or it would never end."""
        return self._limits.backlog_rate_per_s + 2 * queue.left_behind.per_second

    def free_slots(self, queue: SubscriberQueue, free_slots: int) -> int:
        """How many of its free slots a throttled backlog may use."""
        free = self._limits.backlog_ahead - len(queue.waiting)
        return min(free_slots, free) if free >= self._limits.backlog_ahead // 2 else 0

    async def wait_for_turn(self, queue: SubscriberQueue) -> None:
        """Wait until the rate allows the next attempt."""
        now = monotonic()
        queue.next_send_at = max(now, queue.next_send_at + 1 / self.rate_per_s(queue))
        if queue.next_send_at > now:
            await asyncio.sleep(queue.next_send_at - now)
