"""A real worker process whose fold of some events never ends, in the way that its first argument says."""

import os
import re
import sys
import threading
import time

from webhook_app.domain.fold_limits import FoldLimits
from webhook_app.logs import configure
from webhook_app.settings import load
from workers import process, wiring
from workers.fold_guard import FoldGuard
from workers.rq_worker import run

STUCK_ROOM = "stuck-room"
CPU_LIMIT_S = 1.0
ASLEEP_LIMIT_S = 3.0


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


def slow() -> None:
    """Ends by itself, well within the limits."""
    until = time.thread_time() + CPU_LIMIT_S / 4
    while time.thread_time() < until:
        pass


HANGS = {hang.__name__: hang for hang in (loop, regex, lock_held, sleep, slow)}


def main() -> int:
    hang, step = HANGS[sys.argv[1]], process.step

    def stuck_step(world, event):
        if event.room_id == STUCK_ROOM:
            hang()
        return step(world, event)

    process.step = stuck_step
    process.fold_limits = lambda event: FoldLimits(10**9, CPU_LIMIT_S)
    wiring.Wiring.guard_folds = guard_folds
    settings = load(os.environ)
    configure("worker", "text")
    return run(wiring.Wiring(settings), "process", "worker")


def guard_folds(self):
    self._guard = FoldGuard(self.settings, asleep_limit_s=ASLEEP_LIMIT_S)
    self._guard.ensure()


if __name__ == "__main__":
    sys.exit(main())
