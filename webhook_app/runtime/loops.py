"""Background loops: long-lived threads that survive any exception and report their health.

The event broadcaster manages its own thread, which ends with the last client and starts with the next.

An error of a single item (one calendar, one subscriber) is handled where the item is. A loop catches unexpected
exceptions: it logs them, waits a little longer each time, and continues. A loop that keeps failing, hangs
or has died is named by `Loops.failing`, which the process's sign of life carries to `readyz` and `tally doctor`.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from webhook_app.runtime.logs import logger
from webhook_app.store.connection.clients import STORE_ERRORS

FAILING_AFTER_S = 60.0

log = logger()


@dataclass(frozen=True, slots=True)
class LoopPauses:
    """How long a loop pauses after a failure: at first, and at most after many in a row."""

    first_s: float = 1.0
    max_s: float = 30.0


class LoopHealth:
    """The health of one loop, or of one kind of job."""

    def __init__(
        self, name: str, *, failing_after_s: float = FAILING_AFTER_S, clock: Callable[[], float] = monotonic
    ) -> None:
        self.name = name
        self.failures = 0  # in a row
        self.succeeded_at = clock()
        self._failing_after_s = failing_after_s
        self._clock = clock
        self._busy_since: float | None = None
        self._failing_since: float | None = None
        self._error = ""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Wrap one run of the body; an exception counts as a failure and is re-raised."""
        self._busy_since = self._clock()
        try:
            yield
        except Exception as error:
            self._error = type(error).__name__
            self.failures += 1
            if self._failing_since is None:
                self._failing_since = self._clock()
            raise
        else:
            self.failures, self._failing_since = 0, None
            self.succeeded_at = self._clock()
        finally:
            self._busy_since = None

    def progress(self) -> None:
        """Report progress; call it at each step of a long-running body."""
        if self._busy_since is not None:
            self._busy_since = self._clock()

    def problem(self) -> str | None:
        """What is wrong; None while healthy, or failing only briefly."""
        now, busy, failing = self._clock(), self._busy_since, self._failing_since
        if failing is not None and now - failing >= self._failing_after_s:
            return f"has failed for {now - failing:.0f} s: {self._error}"
        if busy is not None and now - busy >= self._failing_after_s:
            return f"has made no progress for {now - busy:.0f} s"
        return None


class Loops:
    """All loops and jobs of one process."""

    def __init__(self, pauses: LoopPauses = LoopPauses()) -> None:
        self._pauses = pauses
        self._problems: dict[str, Callable[[], str | None]] = {}

    def health(self, name: str, *, failing_after_s: float = FAILING_AFTER_S) -> LoopHealth:
        """Create a health that counts for this process; it replaces an earlier one of the same name."""
        health = LoopHealth(name, failing_after_s=failing_after_s)
        self._problems[name] = health.problem
        return health

    def start(
        self,
        name: str,
        body: Callable[[], float | None],
        *,
        every_s: float,
        stop: threading.Event | None = None,
        first_after_s: float = 0.0,
        failing_after_s: float = FAILING_AFTER_S,
    ) -> threading.Thread:
        """Run a loop on a separate thread, until `stop` is set or the process ends.

        The body returns how many seconds to wait before it is run again; None waits `every_s`.
        """
        health = self.health(name, failing_after_s=failing_after_s)
        loop = Loop(health, body, every_s=every_s, pauses=self._pauses)
        event = stop or threading.Event()

        def run() -> None:
            if not event.wait(first_after_s):
                loop.run(event)

        thread = threading.Thread(target=run, name=name, daemon=True)

        def problem() -> str | None:
            return loop.health.problem() if thread.is_alive() or event.is_set() else "has ended"

        thread.start()
        self._problems[name] = problem
        return thread

    def failing(self) -> Mapping[str, str]:
        """The failing loops, each with its problem."""
        problems = ((name, problem()) for name, problem in list(self._problems.items()))
        return {name: problem for name, problem in problems if problem is not None}


class Loop:
    """Runs a body repeatedly, whatever it raises."""

    def __init__(
        self,
        health: LoopHealth,
        body: Callable[[], float | None],
        *,
        every_s: float,
        pauses: LoopPauses = LoopPauses(),
    ) -> None:
        self.health = health
        self._body = body
        self._every_s = every_s
        self._pauses = pauses

    def run(self, stop: threading.Event) -> None:
        """Run until stopped, on the caller's thread."""
        while not stop.is_set():
            stop.wait(self.once())

    def once(self) -> float:
        """Run the body once; returns how many seconds to wait before the next time."""
        try:
            with self.health.running():
                wait_s = self._body()
        except STORE_ERRORS as error:
            # The whole product waits for the store; nothing is gained by waiting longer each time.
            log_at_level = log.warning if self.health.failures == 1 else log.debug
            log_at_level("the store is unavailable", loop=self.health.name, error=str(error))
            return self._pauses.first_s
        except Exception:
            log.exception("a background loop failed; retrying", loop=self.health.name, failures=self.health.failures)
            return min(self._pauses.first_s * 2.0 ** min(self.health.failures - 1, 10), self._pauses.max_s)
        return self._every_s if wait_s is None else wait_s
