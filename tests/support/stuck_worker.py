"""A real worker process whose fold of some events never ends, in the way that its first argument says."""

import os
import re
import sys
import threading
import time
from functools import cached_property
from typing import Any

from webhook_app.config.loading import load
from webhook_app.domain import reducer
from webhook_app.domain.fold_limits import FoldLimits
from webhook_app.runtime.logs import configure
from workers.container import WorkerContainer
from workers.reduce.reducer import Reducer
from workers.reduce.watchdog import Limits
from workers.reduce.watchdog_guard import FoldGuard
from workers.rq_worker import run

STUCK_ROOM = "stuck-room"
CPU_LIMIT_S = 1.0
LIMITS = Limits(asleep_s=3.0, memory_bytes=200 * 1024 * 1024)


def loop() -> None:
    while True:
        pass


def regex() -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")


def lock_held() -> None:
    """C code that never lets the interpreter's lock go, and looks at no signal."""
    sum(iter(int, 1))


def sleep() -> None:
    threading.Event().wait()


def memory() -> None:
    """Grows by a MiB each few milliseconds, as a loop that collects what it computes does."""
    kept: list[bytearray] = []
    while len(kept) < 600:
        kept.append(bytearray(1024 * 1024))
        until = time.thread_time() + 0.005
        while time.thread_time() < until:
            pass
    loop()


def slow() -> None:
    """Ends by itself, well within the limits."""
    until = time.thread_time() + CPU_LIMIT_S / 4
    while time.thread_time() < until:
        pass


HANGS = {hang.__name__: hang for hang in (loop, regex, lock_held, sleep, memory, slow)}


class StuckContainer(WorkerContainer):
    """Builds a reducer that gets stuck, and a watchdog with short limits."""

    def build_fold_guard(self) -> FoldGuard:
        return FoldGuard(self.settings, limits=LIMITS)

    @cached_property
    def reducer(self) -> Reducer:
        hang = HANGS[sys.argv[1]]
        limits = FoldLimits(10**9, 60.0 if hang is memory else CPU_LIMIT_S)

        def stuck_step(state: Any, event: Any) -> Any:
            if event.room_id == STUCK_ROOM:
                hang()
            return reducer.step(state, event)

        assert self._fold_guard is not None
        progress = self._fold_guard.progress
        return Reducer(self.client, self.wakeups, observer=progress, step=stuck_step, limits_of=lambda event: limits)


def main() -> int:
    settings = load(os.environ)
    configure("worker", "text")
    return run(StuckContainer(settings), "process", "worker")


if __name__ == "__main__":
    sys.exit(main())
