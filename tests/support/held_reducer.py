"""A real reduce worker that stands still at a chosen event, so that a test can kill it right there.

It runs in place of a product's own worker, which is suspended meanwhile.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.support.pauses import pace
from tests.support.polling import last_lines, wait_until
from tests.support.product import Product, command_of
from webhook_app.config.loading import load
from webhook_app.domain import reducer
from webhook_app.domain.events import JournalEvent
from webhook_app.domain.facts.system import TimerFired
from webhook_app.store.journal.journal import Wake
from workers.reduce.reducer import Reducer
from workers.store_access import open_store

STANDS_STILL = "stands still"
POLL_S = 0.02
END_LIMIT_S = 30.0


class Point(StrEnum):
    """Where the worker stands still."""

    FOLDED = "folded"  # the event's step is computed, nothing is committed
    COMMITTED = "committed"  # the event is committed, no wake-up is sent


@dataclass(frozen=True)
class Moment:
    """A point in the processing of one event: the event's type, or `timer:` and the end of the timer's name."""

    event: str
    point: Point

    def is_about(self, event: JournalEvent) -> bool:
        """Whether this is the event."""
        kind, _, timer = self.event.partition(":")
        if kind == "timer":
            return isinstance(event.payload, TimerFired) and event.payload.name.endswith(timer)
        return event.type == self.event


@contextmanager
def suspended_worker(product: Product) -> Iterator[None]:
    """Suspend the product's own reduce worker; at the end it is killed, and the supervisor starts another."""
    worker = product.pids()["worker"]
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        product.kill(worker)
        wait_until(lambda: not command_of(worker), END_LIMIT_S, "the end of the suspended worker")


def kill_at(product: Product, room_id: str, moments: Iterable[Moment], limit_s: float) -> None:
    """Let one worker after the other process the journal, and kill each at its moment; moments come in their order."""
    for number, moment in enumerate(moments):
        output = product.home / f"held-reducer-{number}"
        command = [sys.executable, "-m", __name__, room_id, moment.event, moment.point]
        environ = {**product.environ, "REDIS_URL": product.run()["store"]}
        with output.open("wb") as file:
            worker = subprocess.Popen(command, cwd=product.home, env=environ, stdout=file, stderr=subprocess.STDOUT)
        try:
            _wait_until_still(worker, output, moment, limit_s)
        finally:
            worker.kill()
            worker.wait(END_LIMIT_S)


def _wait_until_still(worker: "subprocess.Popen[bytes]", output: Any, moment: Moment, limit_s: float) -> None:
    def stands_still() -> bool:
        lines: str = output.read_text()
        assert worker.poll() is None, last_lines(lines)
        return STANDS_STILL in lines

    wait_until(stands_still, limit_s, f"the worker at {moment}")


def stand_still() -> None:
    """Say so, and do nothing more."""
    print(STANDS_STILL, flush=True)
    threading.Event().wait()


class HeldWakeups(Wake):
    """The wake-ups of a reducer that stands still once its moment is committed."""

    def __init__(self, wakeups: Wake) -> None:
        self._wakeups = wakeups
        self.is_held = False

    def wake(self, queue: str) -> None:
        """Send a wake-up, unless the moment has come."""
        if self.is_held:
            stand_still()
        self._wakeups.wake(queue)


def main(room_id: str, moment: Moment) -> None:
    """Process the journal until the moment has come."""
    store = open_store(load(os.environ))
    wakeups = HeldWakeups(store.wakeups)

    def step(state: Any, event: JournalEvent) -> Any:
        outcome = reducer.step(state, event)
        if event.room_id == room_id and moment.is_about(event):
            if moment.point is Point.FOLDED:
                stand_still()
            wakeups.is_held = True
        return outcome

    worker = Reducer(store.client, wakeups, step=step)
    while True:
        while worker.reduce():
            if wakeups.is_held:
                stand_still()  # it owes no wake-up
        pace(POLL_S)


if __name__ == "__main__":
    main(sys.argv[1], Moment(sys.argv[2], Point(sys.argv[3])))
