"""Wait between requests, and stop the run at a signal without losing track of what was started."""

from time import monotonic

from workers.shutdown import SignalWaiter


class RunInterruptedError(Exception):
    """A signal asked the run to stop."""


class Pauses:
    """Waits. Signals are noticed between requests, never in the middle of one."""

    def __init__(self, waiter: SignalWaiter) -> None:
        self._waiter = waiter

    def check(self) -> None:
        """Raise RunInterruptedError once a signal has asked to stop."""
        if self._waiter.stop_requested():
            raise RunInterruptedError

    def wait(self, duration_s: float) -> None:
        """Wait, unless a signal asks to stop: then raise RunInterruptedError."""
        until = monotonic() + duration_s
        while (left_s := until - monotonic()) > 0:
            self.check()
            self._waiter.wait(left_s)
        self.check()

    def wait_regardless(self, duration_s: float) -> None:
        """Wait, whatever signals arrive: a stream is being ended."""
        until = monotonic() + duration_s
        while (left_s := until - monotonic()) > 0:
            self._waiter.wait(left_s)
