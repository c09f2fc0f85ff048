"""The deliver worker's main loop: expands the outbox and sends due deliveries concurrently on one event loop."""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

from webhook_app.domain.delivery.delivery import Delivery
from webhook_app.domain.delivery.disabled_reasons import DisabledReason
from webhook_app.store.connection.clients import Client
from webhook_app.store.deliveries.outbox import Outbox
from webhook_app.store.deliveries.queue import Deliveries, SettleResult
from webhook_app.store.journal.wakeups import clear_wake_up, mark_awake
from workers.channels.registry import ChannelRegistry
from workers.deliver.attempts import AttemptRunner
from workers.deliver.claimer import Claimer
from workers.deliver.dispatcher import Dispatcher
from workers.deliver.escalations import Escalations
from workers.deliver.expander import Expander
from workers.deliver.limits import DeliveryLimits
from workers.deliver.observing import UnsentDeliveries
from workers.deliver.recovery import RecoveryRunner
from workers.deliver.settler import Settler
from workers.deliver.signals import RunSignals
from workers.deliver.subscriber_cache import SubscriberCache


class Deliverer:
    """Sends deliveries on one event loop. One instance per process; each wake-up runs it until nothing is due.

    Four concurrent tasks each wait for the store separately: one expands the outbox, one claims due deliveries,
    one settles outcomes, one recovers missed notices. A slow disk or endpoint delays none of the others.
    """

    def __init__(
        self,
        client: Client,
        channels: ChannelRegistry,
        *,
        outbox: Outbox,
        deliveries: Deliveries,
        subscribers: SubscriberCache,
        escalations: Escalations,
        is_observing: bool = False,
        limits: DeliveryLimits = DeliveryLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._client = client
        self._escalations = escalations
        self._is_observing = is_observing
        self._limits = limits
        self._signals = RunSignals()
        self._settler = Settler(client, deliveries, self._signals, after_settling=self._after_settling, limits=limits)
        self._attempts = AttemptRunner(channels, subscribers, self._settler, escalations)
        self._recoveries = RecoveryRunner(client, outbox, deliveries)
        self._unsent = UnsentDeliveries(client, deliveries, limits)
        self.subscribers = subscribers
        self.dispatcher = Dispatcher(self._attempts.send, give_back=self._settler.give_back, limits=limits.dispatch)
        self._expander = Expander(
            outbox, subscribers, self.dispatcher, self._signals, is_observing=is_observing, limits=limits
        )
        self._claimer = Claimer(
            deliveries, outbox, subscribers, self.dispatcher, self._settler, self._signals, limits=limits
        )
        self._awake_at = float("-inf")
        self._stopping: Callable[[], bool] = lambda: False

    async def run(self, *, stopping: Callable[[], bool] = lambda: False) -> int:
        """Expand and send until idle. Returns how many attempts were started.

        The time limit of a run ends it only when nothing is in progress: one endpoint that hangs must not delay others.
        """
        started_before, until = self._attempts.started, monotonic() + self._limits.run_max_s
        self._stopping = stopping
        self._expander.reset()
        self._signals.touch()
        if self._is_observing:
            await self._unsent.discard_until_quiet(self._expander.expand, stopping)
            return 0
        await self._unsent.discard_once()
        self._signals.recover.set()
        while True:
            await clear_wake_up(self._client, "deliver")
            await self._run_tasks(until)
            await clear_wake_up(self._client, "deliver")
            if stopping() or monotonic() > until or not await self._has_more():
                await self.dispatcher.drain()
                await self._settler.settle_all()
                return self._attempts.started - started_before

    async def abandon(self) -> None:
        """Drop everything in progress and write nothing more, as a crash would.

        The deliveries are claimed again when their leases expire.
        """
        self._settler.abandon()
        await self.dispatcher.abandon()
        self._settler.abandon()

    async def _run_tasks(self, until: float) -> None:
        """Run the four tasks until idle; re-raise the first failure after all have stopped."""
        self._signals.start()
        tasks = [
            asyncio.create_task(run()) for run in (self._expand, self._claimer.run, self._settler.run, self._recover)
        ]
        try:
            while not self._is_quiet(until):
                done, _ = await asyncio.wait(tasks, timeout=self._limits.poll_s, return_when=asyncio.FIRST_COMPLETED)
                if done:
                    break
        finally:
            self._signals.end()
            if self._stopping() or any(task.done() for task in tasks):
                self.dispatcher.release_all()
                await self.dispatcher.drain()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            task.result()

    def _is_quiet(self, until: float) -> bool:
        if self._stopping():
            return True
        if self.dispatcher.is_active or self._settler.has_pending:
            self._signals.touch()
            return False
        now = monotonic()
        return now > until or now - self._signals.active_at > self._limits.linger_s

    async def _has_more(self) -> bool:
        """Whether anything is due now, or will be as soon as parked deliveries are released.

        Work in progress is settled first, since that may make other deliveries due.
        """
        if self.dispatcher.is_active:
            return True
        await self._settler.settle_all()
        if await self._expander.expand():
            return True
        await self._claimer.claim()
        return self._signals.has_more_soon or self.dispatcher.is_active

    async def _expand(self) -> None:
        while not self._signals.is_ending:
            await self._stay_awake()
            await self._expander.expand(self._limits.idle_ms)

    async def _recover(self) -> None:
        await self._signals.recover.wait()
        while not self._signals.is_ending:
            self._signals.recover.clear()
            if await self.subscribers.refresh():
                self.dispatcher.update_subscribers(self.subscribers.by_id)
            if await self._recoveries.advance(self.subscribers.by_id, self.subscribers.rooms):
                self._signals.touch()
                self._signals.claim.set()
            elif not self._signals.is_ending:
                await self._signals.recover.wait()

    async def _stay_awake(self) -> None:
        # While this worker runs no wake-up is needed: the flag says so, and is cleared before the last check.
        if monotonic() - self._awake_at > self._limits.awake_every_s:
            await mark_awake(self._client, "deliver", for_ms=self._limits.awake_ttl_ms)
            self._awake_at = monotonic()

    def _after_settling(self, settled: Sequence[Delivery], result: SettleResult) -> None:
        subscriber_ids = {delivery.subscriber_id for delivery in settled}
        if any(delivery.queue for delivery in settled) or self.dispatcher.can_claim_for(subscriber_ids):
            self._signals.claim.set()  # settling has released these parked deliveries
        self.dispatcher.release_subscribers(result.breakers_opened)
        for subscriber_id in result.to_disable:
            subscriber = self.subscribers.by_id.get(subscriber_id)
            if subscriber is not None and subscriber.enabled:
                self._escalations.disable(subscriber_id, DisabledReason.FAILED_TOO_LONG)
