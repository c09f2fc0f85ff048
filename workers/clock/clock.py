"""The clock: journals due timers, re-sends lost wake-ups, and runs the periodic checks."""

import threading
from collections.abc import Callable
from time import monotonic

from webhook_app.ops.loops import Loop, Loops
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.timers import POP_MAX, Timers
from webhook_app.store.journal.wakeups import Wakeups
from webhook_app.store.queries.system import queues_with_work
from workers.clock.alarm_watch import LOOK_EVERY_S as ALARM_LOOK_EVERY_S
from workers.clock.alarm_watch import AlarmWatch
from workers.clock.journal_watch import LOOK_EVERY_S, JournalWatch

TICK_MAX_S = 0.1
SWEEP_EVERY_S = 1.0
RETENTION_EVERY_S = 600.0
RETENTION_FAILING_AFTER_S = 3_600.0  # trimming a long journal takes minutes
PAUSE_AFTER_ERROR_S = 1.0
FAILING_AFTER_S = 10.0


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
    ) -> None:
        self._client = client
        self._timers = Timers(client)
        self._wakeups = wakeups
        self._loops = loops
        self._retention = retention
        self._watch = JournalWatch(client)
        self._alarm_watch = AlarmWatch(client, wakeups, max_streams=max_streams)
        self._swept_at = monotonic()
        self._health = loops.health("clock", failing_after_s=FAILING_AFTER_S)

    def run(self, stop: threading.Event) -> None:
        """Tick until stopped, whatever is raised. Slow jobs run on their own threads, so no timer waits for them."""
        self._loops.start(
            "retention",
            self._retention,
            every_s=RETENTION_EVERY_S,
            first_after_s=RETENTION_EVERY_S,
            failing_after_s=RETENTION_FAILING_AFTER_S,
            stop=stop,
        )
        self._loops.start("journal-watch", self._watch.look, every_s=LOOK_EVERY_S, stop=stop)
        self._loops.start("alarm-watch", self._alarm_watch.look, every_s=ALARM_LOOK_EVERY_S, stop=stop)
        Loop(self._health, self._turn, every_s=TICK_MAX_S, pause_max_s=PAUSE_AFTER_ERROR_S).run(stop)

    @property
    def last_tick_at(self) -> float:
        """Time of the last successful tick, on the monotonic clock."""
        return self._health.succeeded_at

    def _turn(self) -> float:
        wait_s = self.tick()
        if monotonic() - self._swept_at >= SWEEP_EVERY_S:
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
        return TICK_MAX_S if until_next is None else min(TICK_MAX_S, until_next / 1000)

    def sweep(self) -> None:
        """Send wake-ups for pending work: a journal or outbox ahead of its cursor, due calls, probes or deliveries."""
        for queue in queues_with_work(self._client):
            self._wakeups.wake_unless_pending(queue)
