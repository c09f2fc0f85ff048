"""Minding children: started, started again when they die, stopped in order."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from workers.bell import Bell
from workers.embedded_files import StoreError
from workers.spawn import kill_group, send, spawn, wait_until

BACK_OFF_MAX_S = 30.0
STEADY_AFTER_S = 60.0
STOP_LIMIT_S = 10.0
STOP_STEP_S = 2.0  # a slow one does not hold up the order for longer
WATCH_S = 1.0

Say = Callable[[str], None]


class Minded(Protocol):
    """Something that runs and can be launched again."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def command(self) -> Sequence[str]: ...
    def launch(self) -> None: ...
    def alive(self) -> bool: ...
    def last_words(self) -> str: ...


@dataclass(slots=True)
class Child:
    """One process of ours."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def launch(self) -> None:
        self.process = spawn(self.command, environ=self.environ)

    def alive(self) -> bool:
        if self.process is None or self.process.returncode is not None:
            return False
        if self.process.poll() is None:
            return True
        kill_group(self.process.pid)  # what it started itself must not keep its port or its work
        return False

    def last_words(self) -> str:
        status = self.process.returncode if self.process else None
        if status is not None and status < 0:
            return f"{self.name} was killed by {signal.Signals(-status).name}"
        return f"{self.name} ended with status {status}"


@dataclass(slots=True)
class _Record:
    """When a minded one was launched last, and when it may be launched again."""

    launched_at: float = 0.0
    deaths: int = 0
    due_at: float | None = None


class Supervisor:
    """Minds `minded`, in this order of launching; `changed` is called after every launch."""

    def __init__(self, minded: Sequence[Minded], *, say: Say, changed: Callable[[], None]) -> None:
        self._minded = tuple(minded)
        self._records = {one.name: _Record() for one in minded}
        self._say = say
        self._changed = changed

    def launch_all(self) -> None:
        """Launch what does not run yet."""
        for one in self._minded:
            self._records[one.name].launched_at = time.monotonic()
            if not one.alive():
                one.launch()
        self._changed()

    def mend(self) -> float:
        """Launch again what died and is due; the seconds until it is worth looking again."""
        waits = [WATCH_S]
        for one in self._minded:
            record, now = self._records[one.name], time.monotonic()
            if record.due_at is None and not one.alive():
                delay = _note_death(record, now)
                self._say(f"{one.last_words()}; starting it again {f'in {delay:.0f} s' if delay else 'now'}")
            if record.due_at is not None:
                if record.due_at <= now:
                    self._launch(one, record)
                else:
                    waits.append(record.due_at - now)
        return min(waits)

    def _launch(self, one: Minded, record: _Record) -> None:
        record.launched_at, record.due_at = time.monotonic(), None
        try:
            one.launch()
        except (OSError, StoreError) as wrong:
            delay = _note_death(record, time.monotonic())
            self._say(f"{one.name} could not be started: {wrong}; trying again in {delay:.0f} s")
        self._changed()


def _note_death(record: _Record, now: float) -> float:
    """When it may be launched again: at once, then after 1, 2, 4 … 30 s; anew once it lived a while."""
    if now - record.launched_at >= STEADY_AFTER_S:
        record.deaths = 0
    delay = min(2.0 ** (record.deaths - 1), BACK_OFF_MAX_S) if record.deaths else 0.0
    record.deaths = min(record.deaths + 1, 10)
    record.due_at = now + delay
    return delay


def stop_in_order(children: Sequence[Child], bell: Bell, *, say: Say) -> None:
    """Ask each to end, in this order; after the limit, or when the bell is rung again, kill what is left."""
    rings, deadline = bell.rings, time.monotonic() + STOP_LIMIT_S

    def wait_for(some: Sequence[Child], limit: float) -> None:
        while any(child.alive() for child in some) and bell.rings == rings and time.monotonic() < limit:
            bell.wait(min(0.1, max(0.0, limit - time.monotonic())))

    for child in children:
        if child.alive():
            send(child.pid, signal.SIGTERM)
            wait_for([child], min(deadline, time.monotonic() + STOP_STEP_S))
    wait_for(children, deadline)
    for child in children:
        if child.alive():
            say(f"killing {child.name}, which has not ended yet")
            kill_group(child.pid)
    wait_until(lambda: not any(child.alive() for child in children), STOP_LIMIT_S)
