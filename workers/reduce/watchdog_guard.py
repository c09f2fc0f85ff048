"""Run a fold watchdog next to this worker, and restart it if it dies."""

import contextlib
import ctypes
import faulthandler
import os
import signal
import subprocess
import sys

import structlog

from webhook_app.config.loading import child_environ
from webhook_app.config.settings import Settings
from workers.child_process import spawn
from workers.reduce.progress import FoldProgress
from workers.reduce.watchdog import END_SIGNAL, TRACE_SIGNAL, Limits

STOP_LIMIT_S = 5.0

log = structlog.get_logger()


class FoldGuard:
    """Starts and stops the watchdog. Use it from the main thread: the watchdog ends with the thread that started it."""

    def __init__(self, settings: Settings, *, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        self.progress = FoldProgress()
        self._environ = child_environ(settings)
        self._watchdog: subprocess.Popen[bytes] | None = None
        # Both handlers are C code that does not need the interpreter lock, so they work while it is held for ever.
        faulthandler.register(TRACE_SIGNAL, all_threads=True, chain=False)
        _exit_on(END_SIGNAL)

    def ensure(self) -> None:
        """Start the watchdog unless it is running; events are processed without one if it cannot be started."""
        if self._watchdog is not None and self._watchdog.poll() is None:
            return
        if self._watchdog is not None:
            log.warning("fold watchdog ended, restarting it", status=self._watchdog.returncode)
        fd = os.dup(self.progress.fd)
        arguments = (str(fd), str(os.getpid()), str(self._limits.asleep_s), str(self._limits.memory_bytes))
        command = (sys.executable, "-m", "workers.reduce.watchdog", *arguments)
        try:
            self._watchdog = spawn(command, environ=self._environ, pass_fds=[fd])
        except OSError as error:
            log.warning("fold watchdog could not be started", error=str(error))
        finally:
            os.close(fd)

    def close(self) -> None:
        """Stop the watchdog."""
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is not None:
            watchdog.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                watchdog.wait(STOP_LIMIT_S)
        self.progress.close()


def _exit_on(number: signal.Signals) -> None:
    """Make the C library's `_exit` itself the handler of a signal; the signal's number becomes the exit status."""
    libc = ctypes.CDLL(None)
    libc.signal.argtypes, libc.signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    libc.signal(int(number), ctypes.cast(libc._exit, ctypes.c_void_p))
