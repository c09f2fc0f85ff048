"""Supervise child processes: launch, restart when they die or hang, and stop in order."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from workers.child_process import kill_group, send, signal_name, spawn, wait_until
from workers.dev.embedded_store.files import StoreError
from workers.shutdown import SignalWaiter

BACK_OFF_MAX_S = 30.0
STEADY_AFTER_S = 60.0
STOP_LIMIT_S = 10.0
STOP_STEP_S = 2.0  # longest wait for one process before the next is stopped
KILL_LIMIT_S = 2.0
WATCH_S = 1.0

PrintLine = Callable[[str], None]


class Supervised(Protocol):
    """A process that can be launched again."""

    @property
    def name(self) -> str:
        """The process's name, as in `tally up`'s output."""

    @property
    def pid(self) -> int:
        """Process id, 0 before the first launch."""

    @property
    def command(self) -> Sequence[str]:
        """The command line."""

    def launch(self) -> None:
        """Start the process."""

    def alive(self) -> bool:
        """Whether it is running; also kills what a dead process left behind in its group."""

    def exit_reason(self) -> str:
        """Why the process ended, in words."""


@dataclass(slots=True)
class ChildProcess:
    """A child process started from a command."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id, 0 before the first launch."""
        return self.process.pid if self.process else 0

    def launch(self) -> None:
        """Start the process."""
        self.process = spawn(self.command, environ=self.environ)

    def alive(self) -> bool:
        """Whether it is running; also kills what a dead process left behind in its group."""
        if self.process is None or self.process.returncode is not None:
            return False
        if self.process.poll() is None:
            return True
        kill_group(self.process.pid)  # its own children must not keep its port or its work
        return False

    def exit_reason(self) -> str:
        """Why the process ended, in words."""
        status = self.process.returncode if self.process else None
        if status is not None and status < 0:
            return f"{self.name} was killed by {signal_name(-status)}"
        return f"{self.name} ended with status {status}"


@dataclass(slots=True)
class _Record:
    """When a process was last launched, and when it may be restarted."""

    launched_at: float = 0.0
    deaths: int = 0
    due_at: float | None = None


class Supervisor:
    """Keeps processes running; they are launched in the given order.

    `changed` is called after launches to record what runs. `unresponsive` says whether a live process has stopped
    working: it is then killed and restarted with the same back-off as one that died. It is called about once a second
    on this thread, so it must return at once, and must give a newly launched process (its `pid` is new) time to start.

    `restart_dead` raises nothing: an exception of a launch, of `changed` or of `unresponsive` is reported once and the
    step is retried.
    """

    def __init__(
        self,
        supervised: Sequence[Supervised],
        *,
        print_line: PrintLine,
        changed: Callable[[], None],
        unresponsive: Callable[[Supervised], bool] = lambda process: False,
    ) -> None:
        self._supervised = tuple(supervised)
        self._records = {process.name: _Record() for process in supervised}
        self._print_line = print_line
        self._changed = changed
        self._unresponsive = unresponsive
        self._unrecorded = False
        self._reported: dict[str, str] = {}  # by step: the failure that was reported last

    def launch_all(self) -> None:
        """Launch every process that is not running."""
        for process in self._supervised:
            record = self._records[process.name]
            record.launched_at = time.monotonic()
            if not process.alive():
                self._launch(process, record)
        self._unrecorded = True
        self._record_changes()

    def restart_dead(self) -> float:
        """Restart processes that died or hang, once their back-off is over; return the seconds until the next check."""
        wait = WATCH_S
        for process in self._supervised:
            record = self._records[process.name]
            try:
                self._detect_exit(process, record)
                if record.due_at is not None and record.due_at <= time.monotonic():
                    self._launch(process, record)
                self._reported.pop(process.name, None)
            except Exception as error:
                self._report(process.name, f"{process.name} could not be checked: {describe(error)}; retrying")
            if record.due_at is not None:
                wait = min(wait, max(0.0, record.due_at - time.monotonic()))
        self._record_changes()
        return wait

    def _detect_exit(self, process: Supervised, record: _Record) -> None:
        if record.due_at is not None:
            return
        if process.alive():
            if not self._hangs(process):
                return
            kill_group(process.pid)
            wait_until(lambda: not process.alive(), KILL_LIMIT_S)
            reason = f"{process.name} did not respond and was killed"
        else:
            reason = process.exit_reason()
        delay = _schedule_restart(record, time.monotonic())
        self._print_line(f"{reason}; restarting {f'in {delay:.0f} s' if delay else 'now'}")

    def _hangs(self, process: Supervised) -> bool:
        step = f"{process.name} responds"
        try:
            hangs = self._unresponsive(process)
        except Exception as error:
            self._report(step, f"whether {process.name} responds could not be checked: {describe(error)}")
            return False
        self._reported.pop(step, None)
        return hangs

    def _launch(self, process: Supervised, record: _Record) -> None:
        record.launched_at, record.due_at = time.monotonic(), None
        self._unrecorded = True
        try:
            process.launch()
        except Exception as error:
            delay = _schedule_restart(record, time.monotonic())
            self._print_line(f"{process.name} could not be started: {describe(error)}; retrying in {delay:.0f} s")

    def _record_changes(self) -> None:
        """Call `changed` after launches until it succeeds; the processes do not depend on it."""
        if not self._unrecorded:
            return
        try:
            self._changed()
        except Exception as error:
            self._report("record", f"the run file could not be written: {describe(error)}; retrying")
            return
        self._unrecorded = False
        self._reported.pop("record", None)

    def _report(self, step: str, line: str) -> None:
        """Report a failure once while it stays the same."""
        if self._reported.get(step) != line:
            self._reported[step] = line
            self._print_line(line)


def describe(error: BaseException) -> str:
    """Return an error on one line: its text, with its type unless the text suffices."""
    text = " ".join(str(error).split())
    if text and isinstance(error, (OSError, StoreError)):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _schedule_restart(record: _Record, now: float) -> float:
    """Schedule the restart: at once, then after 1, 2, 4 … 30 s; the back-off resets after a steady minute."""
    if now - record.launched_at >= STEADY_AFTER_S:
        record.deaths = 0
    delay = min(2.0 ** (record.deaths - 1), BACK_OFF_MAX_S) if record.deaths else 0.0
    record.deaths = min(record.deaths + 1, 10)
    record.due_at = now + delay
    return delay


def stop_in_order(children: Sequence[ChildProcess], signals: SignalWaiter, *, print_line: PrintLine) -> None:
    """Terminate the processes in this order; after the limit, or on another stop signal, kill those left."""
    stop_signals, deadline = signals.stop_signals, time.monotonic() + STOP_LIMIT_S

    def wait_for(some: Sequence[ChildProcess], limit: float) -> None:
        while (
            any(child.alive() for child in some) and signals.stop_signals == stop_signals and time.monotonic() < limit
        ):
            signals.wait(min(0.1, max(0.0, limit - time.monotonic())))

    for child in children:
        if child.alive():
            send(child.pid, signal.SIGTERM)
            wait_for([child], min(deadline, time.monotonic() + STOP_STEP_S))
    wait_for(children, deadline)
    for child in children:
        if child.alive():
            print_line(f"killing {child.name}, which did not stop in time")
            kill_group(child.pid)
    wait_until(lambda: not any(child.alive() for child in children), STOP_LIMIT_S)
