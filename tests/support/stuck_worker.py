"""A real worker process whose fold of some events never ends, in the way that its first argument says."""

import os
import re
import sys
import threading
import time
from typing import Any

from webhook_app.config.settings import load
from webhook_app.domain.fold_limits import FoldLimits
from webhook_app.ops.logs import configure
from workers import container
from workers.reduce import reducer
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
    kept = []
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


def main() -> int:
    hang, step = HANGS[sys.argv[1]], reducer.step

    def stuck_step(world: Any, event: Any) -> Any:
        if event.room_id == STUCK_ROOM:
            hang()
        return step(world, event)

    reducer.step = stuck_step
    cpu_limit_s = 60.0 if hang is memory else CPU_LIMIT_S
    reducer.fold_limits = lambda event: FoldLimits(10**9, cpu_limit_s)
    container.WorkerContainer.guard_folds = guard_folds
    settings = load(os.environ)
    configure("worker", "text")
    return run(container.WorkerContainer(settings), "process", "worker")


def guard_folds(self) -> None:
    self._guard = FoldGuard(self.settings, limits=LIMITS)
    self._guard.ensure()


if __name__ == "__main__":
    sys.exit(main())
