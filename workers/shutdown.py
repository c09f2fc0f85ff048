"""Wait for stop signals and for the exit of child processes."""

import os
import select
import signal
from collections.abc import Callable
from types import FrameType, TracebackType

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PIPE_READ_BYTES = 4096


class SignalWaiter:
    """Counts stop signals (SIGINT, SIGTERM, SIGHUP); `wait` returns early on these and on SIGCHLD."""

    def __init__(self) -> None:
        self.stop_signals = 0
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}
        self._read, self._write = -1, -1
        self._wakeup_before = -1

    def __enter__(self) -> "SignalWaiter":
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in _STOPS:
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup: keep running without a terminal
            self._before[number] = signal.signal(number, self._count_stop)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _wake_only)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._read)
        os.close(self._write)

    def stop_requested(self) -> bool:
        """Whether a signal to stop has arrived."""
        return self.stop_signals > 0

    def wait(self, limit_s: float) -> None:
        """Wait for a signal, at most `limit_s`."""
        if select.select([self._read], [], [], limit_s)[0]:
            os.read(self._read, _PIPE_READ_BYTES)

    def _count_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_signals += 1


def _wake_only(number: int, frame: FrameType | None) -> None:
    """Do nothing: with a Python handler installed, the signal is written to the wake-up pipe."""
