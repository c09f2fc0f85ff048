"""The fold watchdog: a small process beside each worker that detects a fold which does not end.

A library may loop for ever while it holds the interpreter lock, so no thread of the worker can detect that. It
measures from outside: the worker's processor time, which does not pass while the worker waits on a loaded machine, and
how long the worker sleeps during a fold, which never waits for anything.

1. The worker marks each fold in shared memory (`progress`).
2. A fold over its limit is reported to the store: the event is retried once, then skipped.
3. Only then is the worker killed; its supervisor restarts it.

Few modules are imported until there is something to report, so the process costs about 14 MiB.
"""

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from workers.reduce.progress import Mark, open_marks, read_mark

POLL_S = 0.5
POLL_COUNTS_AT_MOST_S = 1.0  # a later poll was itself delayed, by a suspended machine or by load
ASLEEP_LIMIT_S = 30.0
MEMORY_LIMIT_BYTES = 1024 * 1024 * 1024  # growth of the worker in one fold
WALL_LIMIT_S = 300.0  # where processor time cannot be read from outside
TRACE_S = 1.0
TRACE_SIGNAL = signal.SIGUSR2
END_SIGNAL = signal.SIGXCPU


@dataclass(frozen=True, slots=True)
class Reading:
    """A measurement of the worker: processor time so far, memory, and whether it sleeps."""

    cpu_s: float
    memory_bytes: int
    asleep: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one fold, other than the processor time that each mark carries."""

    asleep_s: float = ASLEEP_LIMIT_S
    memory_bytes: int = MEMORY_LIMIT_BYTES
    wall_s: float = WALL_LIMIT_S


@dataclass(frozen=True, slots=True)
class Watch:
    """What has been measured of one fold so far."""

    mark: Mark
    last: Reading | None
    limits: Limits = Limits()
    cpu_s: float = 0.0
    grown_bytes: int = 0
    asleep_s: float = 0.0
    wall_s: float = 0.0

    def after_poll(self, reading: Reading | None, passed_s: float) -> "Watch":
        """Return the watch after one more poll of the same fold."""
        passed_s = min(passed_s, POLL_COUNTS_AT_MOST_S)
        if reading is None or self.last is None:
            return replace(self, last=reading, wall_s=self.wall_s + passed_s)
        used_s = max(0.0, reading.cpu_s - self.last.cpu_s)
        idle = reading.asleep and self.last.asleep and used_s < passed_s / 10
        return replace(
            self,
            last=reading,
            cpu_s=self.cpu_s + used_s,
            grown_bytes=self.grown_bytes + reading.memory_bytes - self.last.memory_bytes,
            asleep_s=self.asleep_s + (passed_s if idle else 0.0),
        )

    def overdue(self) -> str | None:
        """Return why this fold exceeds a limit; None if it does not."""
        if self.cpu_s > self.mark.cpu_limit_s:
            return f"folding it took more than {self.mark.cpu_limit_s:.0f} s of processor time"
        if self.grown_bytes > self.limits.memory_bytes:
            return f"folding it took more than {self.limits.memory_bytes // 2**20} MiB of memory"
        if self.asleep_s > self.limits.asleep_s:
            return f"folding it slept for more than {self.limits.asleep_s:.0f} s"
        if self.wall_s > self.limits.wall_s:
            return f"folding it took more than {self.limits.wall_s:.0f} s"
        return None


def reading_of(pid: int) -> Reading | None:
    """Measure a process on Linux; None where that is not possible."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
    except (OSError, ValueError, IndexError):
        return None
    memory_bytes = pages * os.sysconf("SC_PAGE_SIZE")
    return Reading(ticks / os.sysconf("SC_CLK_TCK"), memory_bytes, asleep=fields[0] == b"S")


def watch(fd: int, worker: int, limits: Limits) -> None:
    """Watch a worker's folds until it ends."""
    memory = open_marks(fd)
    watched: Watch | None = None
    polled_at = time.monotonic()
    while os.getppid() == worker:
        time.sleep(POLL_S)
        passed_s, polled_at = time.monotonic() - polled_at, time.monotonic()
        mark = read_mark(memory)
        if mark is None:
            watched = None
        elif watched is None or watched.mark != mark:
            watched = Watch(mark, reading_of(worker), limits)
        else:
            watched = watched.after_poll(reading_of(worker), passed_s)
            reason = watched.overdue()
            if reason is not None and _report(mark, reason) and read_mark(memory) == mark:
                _end(worker)
                return


def _report(mark: Mark, reason: str) -> bool:
    """Report to the store; False while that is not possible, so that the worker is left alone."""
    try:
        outcome = _record(mark.event_id, reason)
    except Exception as error:  # any error is retried at the next poll: no other process watches this worker
        _log("fold timeout could not be reported", event_id=mark.event_id, error=str(error))
        return False
    if outcome is None:
        return False
    _log("fold timed out", event_id=mark.event_id, reason=reason, outcome=outcome)
    return True


def _record(event_id: str, reason: str) -> str | None:
    """Record the report; return what happens to the event, or None if its fold has ended meanwhile."""
    from webhook_app.config.loading import load
    from webhook_app.store.connection.clients import connect
    from webhook_app.store.journal.skipped_events import FoldReport, SkippedEventStore

    settings = load(os.environ)
    assert settings.redis_url is not None
    with contextlib.closing(connect(settings.redis_url, sentinel_login=settings.sentinel_login)) as client:
        match SkippedEventStore(client).report(event_id, reason):
            case FoldReport.COUNTED:
                return "it is tried once more"
            case FoldReport.SKIPPED:
                return "it is passed over"
            case FoldReport.COMMITTED:
                return None


def _end(worker: int) -> None:
    """Make the worker log its stack traces, then kill it.

    The end signal comes first, since the kernel does not deliver SIGKILL to the first process of a container.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker, TRACE_SIGNAL)
        time.sleep(TRACE_S)
        os.kill(worker, END_SIGNAL)
        time.sleep(TRACE_S)
        os.kill(worker, signal.SIGKILL)


def _log(event: str, **fields: str) -> None:
    from webhook_app.runtime.logs import configure, logger

    configure("watchdog", "json" if os.environ.get("LOG_FORMAT") == "json" else "text")
    logger().error(event, **fields)


if __name__ == "__main__":
    limits = Limits(asleep_s=float(sys.argv[3]), memory_bytes=int(sys.argv[4]))
    watch(int(sys.argv[1]), int(sys.argv[2]), limits)
