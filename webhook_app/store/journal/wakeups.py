"""Wake-ups: RQ jobs that carry no data, sent when none is pending. Losing one costs latency, never an event."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

import redis
import structlog
from rq import Queue
from rq.serializers import JSONSerializer

from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import WAKE_TTL_MS, Wake

QUEUES = ("process", "call", "deliver")
JOBS = {queue: f"workers.jobs.{queue}" for queue in QUEUES}
JOB_FAILURE_TTL_S = 3600
IDLE_S = 10.0

log = structlog.get_logger()


def rq_queue_key(queue: str) -> str:
    """The list in which RQ keeps the wake-ups of a queue."""
    return f"{Queue.redis_queue_namespace_prefix}{queue}"


def clear_wake_up(client: Client, queue: str) -> Any:
    """Let what is written from now on send a wake-up of its own; awaitable with an event loop's client."""
    return client.delete(keys.wake(queue))


def mark_awake(client: Client, queue: str, *, for_ms: int) -> Any:
    """Need no wake-up for so long, as a worker is awake; awaitable with an event loop's client."""
    return client.set(keys.wake(queue), "1", px=for_ms)


class LoopStarter(Protocol):
    """Starts background loops; `webhook_app.runtime.loops.Loops` is one."""

    def start(self, name: str, body: Callable[[], float | None], *, every_s: float) -> object:
        """Run the body again and again on a thread of its own, `every_s` seconds apart."""


class Wakeups(Wake):
    """Sends wake-ups on the caller's thread."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queues = {name: Queue(name, connection=client, serializer=JSONSerializer) for name in QUEUES}

    def wake(self, queue: str) -> None:
        """Enqueue the job; a failure is logged and left to the clock's sweep."""
        try:
            self._queues[queue].enqueue_call(
                JOBS[queue], timeout=-1, result_ttl=0, failure_ttl=JOB_FAILURE_TTL_S, description=queue
            )
        except redis.RedisError as error:
            log.warning("wake-up failed; the clock will send it again", queue=queue, error=str(error))

    def wake_unless_pending(self, queue: str) -> None:
        """Enqueue unless a wake-up is pending or a worker is awake."""
        try:
            due = self._client.set(keys.wake(queue), "1", nx=True, px=WAKE_TTL_MS)
        except redis.RedisError as error:
            log.warning("wake-up failed; the clock will send it again", queue=queue, error=str(error))
            return
        if due:
            self.wake(queue)


class BackgroundWakeups(Wake):
    """Sends wake-ups on a thread of its own, so that no response waits for one."""

    def __init__(self, wakeups: Wake, loops: LoopStarter) -> None:
        self._wakeups = wakeups
        self._due: set[str] = set()
        self._signal = threading.Condition()
        loops.start("wake-ups", self._send, every_s=0.0)

    def wake(self, queue: str) -> None:
        """Ask for a wake-up; returns at once."""
        with self._signal:
            self._due.add(queue)
            self._signal.notify()

    def _send(self) -> None:
        with self._signal:
            if not self._due:
                self._signal.wait(IDLE_S)
            due, self._due = self._due, set()
        for queue in sorted(due):
            self._wakeups.wake(queue)
