"""The clock: pops timers that are due, and sweeps for work that lost its wake-up."""

import threading
from collections.abc import Callable
from time import monotonic

import redis
import structlog

from webhook_app.store import keys
from webhook_app.store.clients import Client
from webhook_app.store.timers import POP_MAX, Timers
from webhook_app.store.wakeups import Wakeups

TICK_MAX_S = 0.1
SWEEP_EVERY_S = 1.0
TIDY_EVERY_S = 600.0
PAUSE_AFTER_ERROR_S = 1.0

log = structlog.get_logger()


class Clock:
    """Runs until told to stop. Two clocks do no harm: each pop is one atomic step."""

    def __init__(self, client: Client, wakeups: Wakeups, *, tidy: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self._timers = Timers(client)
        self._wakeups = wakeups
        self._tidy = tidy
        self._tidying = threading.Thread()  # no timer waits for what takes seconds; it may be cut off anywhere
        self.ticked_at = monotonic()

    def run(self, stop: threading.Event) -> None:
        """Tick until stopped; a store that is away is waited for."""
        swept = tidied = monotonic()
        while not stop.is_set():
            try:
                wait = self.tick()
                self.ticked_at = monotonic()
                if monotonic() - swept >= SWEEP_EVERY_S:
                    self.sweep()
                    swept = monotonic()
                if monotonic() - tidied >= TIDY_EVERY_S and not self._tidying.is_alive():
                    self._tidying = threading.Thread(target=self._tidy_up, name="tidy", daemon=True)
                    self._tidying.start()
                    tidied = monotonic()
            except redis.RedisError as error:
                log.warning("the store is away", error=str(error))
                wait = PAUSE_AFTER_ERROR_S
            stop.wait(wait)

    def _tidy_up(self) -> None:
        try:
            self._tidy()
        except Exception:
            log.exception("tidying failed; it is tried again the next time")

    def tick(self) -> float:
        """Pop what is due; returns how many seconds to wait, never longer than a tick."""
        count, woken, until_next = self._timers.pop()
        if woken:
            self._wakeups.wake("process")
        if count >= POP_MAX:
            return 0.0
        return TICK_MAX_S if until_next is None else min(TICK_MAX_S, until_next / 1000)

    def sweep(self) -> None:
        """Send wake-ups for what waits: a journal or outbox ahead of its cursor, calls, deliveries due."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.xrevrange(keys.JOURNAL, count=1)
            pipe.get(keys.CURSOR)
            pipe.xrevrange(keys.OUTBOX, count=1)
            pipe.get(keys.OUTBOX_CURSOR)
            pipe.zrange(keys.CALLS_DUE, 0, 0, withscores=True)
            pipe.zrange(keys.PROBES_DUE, 0, 0, withscores=True)
            pipe.zrange(keys.SUBSCRIBERS_DUE, 0, 0, withscores=True)
            pipe.time()
            journal, cursor, outbox, told, calls, probes, due, (seconds, micros) = pipe.execute()
        now = int(seconds) * 1000 + int(micros) // 1000
        if journal and journal[0][0] != cursor:
            self._wakeups.wake_unless_pending("process")
        if (outbox and outbox[0][0] != told) or (due and due[0][1] <= now):
            self._wakeups.wake_unless_pending("deliver")
        if any(line and line[0][1] <= now for line in (calls, probes)):
            self._wakeups.wake_unless_pending("call")
