"""The composition root of a worker process: builds its parts from the settings, each on first use."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from webhook_app.config.secrets_file import secrets_key
from webhook_app.config.settings import Settings
from webhook_app.runtime.loops import Loops
from webhook_app.secrets.encryption import SecretBox
from webhook_app.store.journal.journal import Journal
from webhook_app.store.subscribers import Subscribers
from workers.job_runner import JobRunner
from workers.store_access import open_store
from workers.webhook_address import webhook_url

# Each process needs one of these workers: importing the others would only slow its start down.
if TYPE_CHECKING:
    from workers.calls.caller import Caller
    from workers.deliver.deliverer import Deliverer
    from workers.reduce.reducer import Reducer
    from workers.reduce.watchdog_guard import FoldGuard

DAY_S = 24 * 3600


class WorkerContainer:
    """Store clients, wake-ups, background loops and the worker of one process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = threading.Event()
        self.loops = Loops()
        self.jobs = JobRunner(self.loops, self.stopping)
        self.store = open_store(settings)
        self.client = self.store.client
        self.wakeups = self.store.wakeups
        self._fold_guard: FoldGuard | None = None
        self._cleanup = ExitStack()

    def guard_folds(self) -> None:
        """Start the watchdog of this process's folds; call it from the main thread, before starting other threads."""
        self._fold_guard = self.build_fold_guard()
        self._cleanup.callback(self._fold_guard.close)
        self._fold_guard.ensure()

    def build_fold_guard(self) -> "FoldGuard":
        """Build the watchdog's guard."""
        from workers.reduce.watchdog_guard import FoldGuard

        return FoldGuard(self.settings)

    def announce(self) -> None:
        """Journal that a worker has started."""
        from workers.reduce.startup import announce_start

        announce_start(self.client, self.wakeups, self.settings)

    @cached_property
    def reducer(self) -> "Reducer":
        """The reducer."""
        from workers.reduce.reducer import Reducer

        observer = None if self._fold_guard is None else self._fold_guard.progress
        return Reducer(self.client, self.wakeups, observer=observer)

    @cached_property
    def caller(self) -> "Caller":
        """The worker that calls VideoSDK; without credentials it answers every call as refused."""
        from webhook_app.providers.registry import PROVIDER
        from workers.calls.caller import Caller, StartOptions

        settings = self.settings
        return Caller(
            self.client,
            PROVIDER.client(settings),
            self.wakeups,
            options=StartOptions(webhook_url(settings)),
            secret_box=SecretBox(secrets_key(settings)),
            ack_replicas=settings.ack_replicas,
        )

    @cached_property
    def event_loop(self) -> asyncio.AbstractEventLoop:
        """The event loop on which deliveries are sent; it is kept between jobs, with its connections."""
        loop = asyncio.new_event_loop()
        self._cleanup.callback(loop.close)
        return loop

    @cached_property
    def deliverer(self) -> "Deliverer":
        """The worker that delivers notices."""
        from workers.channels.registry import ChannelRegistry
        from workers.channels.settings import ChannelSettings
        from workers.deliver.escalations import Escalations
        from workers.deliver.factory import build_deliverer
        from workers.fd_limit import raise_fd_limit

        settings, secret_box = self.settings, SecretBox(secrets_key(self.settings))
        raise_fd_limit()
        client = self.store.connect_async()
        channels = ChannelRegistry(
            ChannelSettings(
                client=client,
                allowed=settings.allow_networks,
                sandbox_url=settings.sandbox_url,
                public_url=settings.public_url,
            )
        )
        for close in (client.aclose, channels.close):
            self._close_on_event_loop(close)
        escalations = Escalations(
            self.client,
            Subscribers(self.client, secret_box),
            Journal(self.client),
            self.wakeups,
            self.loops,
            settings.proxies,
        )
        return build_deliverer(
            client,
            channels,
            secret_box=secret_box,
            retention_s=settings.retention_days * DAY_S,
            escalations=escalations,
            is_observing=settings.observe,
        )

    def reduce(self) -> None:
        """Process events until the journal is quiet."""
        from workers.reduce.reducer import ReducingHaltedError

        if self._fold_guard is not None:
            self._fold_guard.ensure()

        def run(should_stop: Callable[[], bool]) -> None:
            # That processing is halted was logged when it happened, and has an alarm.
            with suppress(ReducingHaltedError):
                self.reducer.run(stopping=should_stop)

        self.jobs.run("process", run)

    def call(self) -> None:
        """Make the calls that are due; none in observe mode."""
        if not self.settings.observe:
            self.jobs.run("call", lambda should_stop: self.caller.run(stopping=should_stop))

    def deliver(self) -> None:
        """Send the deliveries that are due."""
        self.jobs.run(
            "deliver",
            lambda should_stop: self.event_loop.run_until_complete(self._deliver(should_stop)),
        )

    async def _deliver(self, should_stop: Callable[[], bool]) -> None:
        await self.deliverer.run(stopping=should_stop)

    def close(self) -> None:
        """Close connections and stop the watchdog."""
        self._cleanup.close()

    def _close_on_event_loop(self, close: Callable[[], Awaitable[object]]) -> None:
        async def run() -> None:
            await close()

        self._cleanup.callback(lambda: self.event_loop.run_until_complete(run()))
