"""Run jobs of a worker process: track their health, log exceptions, and signal when to stop."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from webhook_app.runtime.loops import LoopHealth, Loops
from webhook_app.store.connection.clients import STORE_ERRORS

log = structlog.get_logger()

ShouldStop = Callable[[], bool]
Job = Callable[[ShouldStop], object]


@dataclass(frozen=True, slots=True)
class JobLimits:
    """When a job counts as failing, and how often its failures are logged."""

    failing_after_s: float = 120.0  # the longest step is one batch of events, possibly on an overloaded machine
    log_every_failures: int = 60  # a failing job is retried every second


class JobRunner:
    """Runs a process's jobs, one after the other."""

    def __init__(
        self,
        loops: Loops,
        stopping: threading.Event,
        *,
        limits: JobLimits = JobLimits(),
    ) -> None:
        self._loops = loops
        self._stopping = stopping
        self._limits = limits
        self._health: dict[str, LoopHealth] = {}

    def run(self, name: str, job: Job) -> None:
        """Run a job with a function that says whether to stop; a job calls it at each step, which shows progress.

        Exceptions are logged here, since RQ would only record them, and the next wake-up runs the job again. Errors of
        the store are raised: the caller waits until the store is back.
        """
        health = self.health(name)

        def should_stop() -> bool:
            health.progress()
            return self._stopping.is_set()

        try:
            with health.running():
                job(should_stop)
        except STORE_ERRORS:
            raise
        except Exception:
            if health.failures == 1 or health.failures % self._limits.log_every_failures == 0:
                log.exception("job failed, retrying", job=name, failures=health.failures)

    def health(self, name: str) -> LoopHealth:
        """Return the health of a job."""
        if name not in self._health:
            self._health[name] = self._loops.health(name, failing_after_s=self._limits.failing_after_s)
        return self._health[name]
