"""The wiring: builds what each worker process needs, once, from the settings."""

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import redis
import structlog

from webhook_app.access.encryption import SecretBox
from webhook_app.config.secrets_file import secrets_key
from webhook_app.config.settings import Settings
from webhook_app.ops.loops import LoopHealth, Loops
from webhook_app.store.connection.clients import STORE_ERRORS, Client, connect, connect_async
from webhook_app.store.connection.reconnecting import Generation
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.store.journal.wakeups import Wakeups
from webhook_app.store.operations.processes import Processes
from webhook_app.store.subscribers import Subscribers

if TYPE_CHECKING:
    from workers.reduce.watchdog_guard import FoldGuard

BEAT_EVERY_S = 2.0
JOB_FAILING_AFTER_S = 120.0  # a job's longest step is one batch of events, on a machine that may have much else to do
DAY_S = 24 * 3600
LOG_EVERY_FAILURES = 60  # a job that fails is run again every second

log = structlog.get_logger()


class WorkerContainer:
    """One process's hands, each built when it is first used."""

    def __init__(self, settings: Settings) -> None:
        assert settings.redis_url is not None
        self.settings = settings
        self.stopping = threading.Event()
        self.loops = Loops()
        self._jobs: dict[str, LoopHealth] = {}
        self._access: dict[str, Any] = {"sentinel_login": settings.sentinel_login, "generation": Generation()}
        self.client: Client = connect(settings.redis_url, **self._access)
        self.queue_client: Client = connect(settings.redis_url, **self._access)
        self.wakeups = Wakeups(self.queue_client)
        self._guard: FoldGuard | None = None
        self._process: object | None = None
        self._call: object | None = None
        self._deliver: object | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._to_close: list[Callable[[], Awaitable[object]]] = []

    def guard_folds(self) -> None:
        """Start the watchdog of this process's folds; call it from the main thread, before there are others."""
        from workers.reduce.watchdog_guard import FoldGuard

        self._guard = FoldGuard(self.settings)
        self._guard.ensure()

    def process(self) -> None:
        """Fold the journal until it is quiet."""
        from workers.reduce.reducer import Reducer, ReducingHaltedError

        if self._guard is not None:
            self._guard.ensure()
        if not isinstance(self._process, Reducer):
            progress = None if self._guard is None else self._guard.progress
            self._process = Reducer(self.client, self.wakeups, progress=progress)
        reducer = self._process

        def fold(stopping: Callable[[], bool]) -> None:
            # Halted reducing was logged when it happened, and has an alarm of its own.
            with suppress(ReducingHaltedError):
                reducer.run(stopping=stopping)

        self._job("process", fold)

    def call(self) -> None:
        """Make the calls that wait; none while this copy only observes."""
        if self.settings.observe:
            return
        from webhook_app.providers.videosdk.client import Token, VideoSDK
        from workers.calls.caller import Caller, StartOptions

        if not isinstance(self._call, Caller):
            settings, videosdk = self.settings, None
            if settings.videosdk_api_key and settings.videosdk_secret:
                token = Token(settings.videosdk_api_key, settings.videosdk_secret)
                videosdk = VideoSDK(settings.videosdk_api_url, token, settings.proxies)
            self._call = Caller(
                self.client,
                videosdk,
                self.wakeups,
                options=StartOptions(webhook_url(settings)),
                ack_replicas=settings.ack_replicas,
            )
        caller = self._call
        self._job("call", lambda stopping: caller.run(stopping=stopping))

    def deliver(self) -> None:
        """Send what is due, on an event loop that stays warm."""
        loop = self._loop = self._loop or asyncio.new_event_loop()
        self._job("deliver", lambda stopping: loop.run_until_complete(self._deliver_once(stopping)))

    def _job(self, name: str, run: Callable[[Callable[[], bool]], object]) -> None:
        """Run a job. It asks whether to stop at each of its steps, which shows that it gets on.

        RQ would note what it raises without a word; here it is logged, and the next wake-up runs the job again.
        """
        health = self._jobs.get(name)
        if health is None:
            health = self._jobs[name] = self.loops.health(name, failing_after_s=JOB_FAILING_AFTER_S)

        def stopping() -> bool:
            health.progress()
            return self.stopping.is_set()

        try:
            with health.running():
                run(stopping)
        except STORE_ERRORS:
            raise
        except Exception:
            if health.failures == 1 or health.failures % LOG_EVERY_FAILURES == 0:
                log.exception("job failed, retrying", job=name, failures=health.failures)

    async def _deliver_once(self, stopping: Callable[[], bool]) -> None:
        from workers.channels.registry import ChannelRegistry, ChannelSettings
        from workers.deliver.deliverer import Deliverer
        from workers.deliver.escalations import Escalations
        from workers.deliver.factory import build_deliverer
        from workers.fd_limit import raise_fd_limit

        if not isinstance(self._deliver, Deliverer):
            settings = self.settings
            assert settings.redis_url is not None
            raise_fd_limit()
            client = connect_async(settings.redis_url, **self._access)
            secret_box = SecretBox(secrets_key(settings))
            channels = ChannelRegistry(
                ChannelSettings(
                    client=client,
                    allowed=settings.allow_networks,
                    sandbox_url=settings.sandbox_url,
                    public_url=settings.public_url,
                )
            )
            escalations = Escalations(
                self.client,
                Subscribers(self.client, secret_box),
                Journal(self.client),
                self.wakeups,
                self.loops,
                settings.proxies,
            )
            self._to_close = [channels.close, client.aclose]
            self._deliver = build_deliverer(
                client,
                channels,
                secret_box=secret_box,
                retention_s=settings.retention_days * DAY_S,
                escalations=escalations,
                is_observing=settings.observe,
            )
        await self._deliver.run(stopping=stopping)

    def close(self) -> None:
        """Close the connections that belong to the event loop, and end the watchdog."""
        if self._guard is not None:
            self._guard.close()
        if self._loop is None:
            return
        for close in self._to_close:
            self._loop.run_until_complete(close())
        self._loop.close()

    def announce(self) -> None:
        """Journal that a worker has started, and what of the settings the folding depends on when it has changed."""
        from webhook_app.domain.events import Source
        from webhook_app.store.state.store import StateStore

        wanted = {
            "calls": self.settings.makes_calls,
            "observing": self.settings.observe,
            "max_stream_s": self.settings.max_stream_duration_s,
        }
        in_force = StateStore(self.client).names().settings
        changed = {name: value for name, value in wanted.items() if getattr(in_force, name) != value}
        events = [entry(Source.SYSTEM, "worker-started", None, {})]
        if changed:
            events.insert(0, entry(Source.SYSTEM, "settings", None, changed))
        _, woken = Journal(self.client).append(events)
        if woken:
            self.wakeups.wake("process")


_current: WorkerContainer | None = None


def install(container: WorkerContainer) -> None:
    """Make this the wiring that the jobs of this process use."""
    global _current
    _current = container


def current() -> WorkerContainer:
    """The wiring of this process."""
    if _current is None:
        raise RuntimeError("this process was not wired: start it with tally")
    return _current


def webhook_url(settings: Settings) -> str | None:
    """Where VideoSDK is to send a stream's webhooks; None when we have no public address."""
    if settings.public_url is None:
        return None
    token = f"/{settings.webhook_token}" if settings.webhook_token else ""
    return f"{settings.public_url.rstrip('/')}/webhooks/videosdk{token}"


@contextmanager
def process_heartbeat(name: str, client: Client, loops: Loops) -> Iterator[None]:
    """Leave signs of life for as long as the body runs; they say which of the process's loops fail."""
    processes, where = Processes(client), f"{socket.gethostname()}:{os.getpid()}"
    stop = threading.Event()

    def beat() -> None:
        processes.beat(name, where, loops.failing())

    thread = loops.start("beat", beat, every_s=BEAT_EVERY_S, stop=stop)
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=1)
        try:
            processes.gone(name, where)
        except redis.RedisError:
            pass
