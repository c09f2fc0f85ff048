"""The clock: journals due timers, re-sends lost wake-ups, and runs the periodic checks."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from webhook_app.runtime.loops import Loop, LoopPauses, Loops
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.timers import POP_MAX, Timers
from webhook_app.store.journal.wakeups import Wakeups
from webhook_app.store.queries.system import queues_with_work
from workers.clock.alarm_watch import AlarmWatch
from workers.clock.journal_watch import JournalWatch


@dataclass(frozen=True, slots=True)
class ClockLimits:
    """How often the clock does what, in seconds."""

    tick_max_s: float = 0.1
    sweep_every_s: float = 1.0
    journal_check_every_s: float = 1.0
    alarm_check_every_s: float = 2.0
    retention_every_s: float = 600.0
    retention_failing_after_s: float = 3_600.0  # trimming a long journal takes minutes
    pause_after_error_s: float = 1.0
    failing_after_s: float = 10.0


class Clock:
    """Runs until stopped. Several clocks do no harm: each pop is atomic."""

    def __init__(
        self,
        client: Client,
        wakeups: Wakeups,
        loops: Loops,
        *,
        retention: Callable[[], None] = lambda: None,
        max_streams: int | None = None,
        limits: ClockLimits = ClockLimits(),
    ) -> None:
        self._limits = limits
        self._client = client
        self._timers = Timers(client)
        self._wakeups = wakeups
        self._loops = loops
        self._retention = retention
        self._journal_watch = JournalWatch(client)
        self._alarm_watch = AlarmWatch(client, wakeups, max_streams=max_streams)
        self._swept_at = monotonic()
        self._health = loops.health("clock", failing_after_s=limits.failing_after_s)

    def run(self, stop: threading.Event) -> None:
        """Tick until stopped, whatever is raised. Slow jobs run on their own threads, so no timer waits for them."""
        limits = self._limits
        self._loops.start(
            "retention",
            self._retention,
            every_s=limits.retention_every_s,
            first_after_s=limits.retention_every_s,
            failing_after_s=limits.retention_failing_after_s,
            stop=stop,
        )
        self._loops.start("journal-watch", self._journal_watch.check, every_s=limits.journal_check_every_s, stop=stop)
        self._loops.start("alarm-watch", self._alarm_watch.check, every_s=limits.alarm_check_every_s, stop=stop)
        pauses = LoopPauses(max_s=limits.pause_after_error_s)
        Loop(self._health, self._round, every_s=limits.tick_max_s, pauses=pauses).run(stop)

    @property
    def last_tick_at(self) -> float:
        """Time of the last successful tick, on the monotonic clock."""
        return self._health.succeeded_at

    def _round(self) -> float:
        wait_s = self.tick()
        if monotonic() - self._swept_at >= self._limits.sweep_every_s:
            self.sweep()
            self._swept_at = monotonic()
        return wait_s

    def tick(self) -> float:
        """Journal due timers; returns the seconds to wait, at most one tick."""
        count, woken, until_next = self._timers.pop()
        if woken:
            self._wakeups.wake("process")
        if count >= POP_MAX:
            return 0.0
        return self._limits.tick_max_s if until_next is None else min(self._limits.tick_max_s, until_next / 1000)

    def sweep(self) -> None:
        """Send wake-ups for pending work: a journal or outbox ahead of its cursor, due calls, probes or deliveries."""
        for queue in queues_with_work(self._client):
            self._wakeups.wake_unless_pending(queue)
