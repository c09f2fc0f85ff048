"""The clock on a real store: due timers are journaled while retention runs."""

import threading
from functools import partial
from typing import Any

from structlog.testing import capture_logs

from tests.support.polling import wait_until
from webhook_app.runtime.loops import LoopPauses, Loops
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.wakeups import Wakeups
from workers.clock.clock import Clock, ClockLimits

LIMIT_S = 10.0


class NoWakeups(Wakeups):
    """Sends no wake-ups."""

    def __init__(self) -> None:
        pass

    def wake(self, queue: Any) -> None:
        pass

    def wake_unless_pending(self, queue: Any) -> None:
        pass


def running(client: Client, retention: Any, scenario: Any) -> None:
    """Run `scenario` while a clock runs with this retention job."""
    stop = threading.Event()
    limits = ClockLimits(retention_every_s=0.0)
    clock = Clock(client, NoWakeups(), Loops(LoopPauses(first_s=0.01)), retention=retention, limits=limits)
    thread = threading.Thread(target=clock.run, args=(stop,), daemon=True)
    thread.start()
    try:
        scenario()
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_no_timer_waits_for_retention_and_retention_never_runs_twice_at_once(client: Client) -> None:
    begun, done = [], threading.Event()

    def retention() -> None:
        begun.append(threading.current_thread().name)
        done.wait(20)

    def scenario() -> None:
        wait_until(lambda: begun, LIMIT_S, "the tidying")
        for number in range(3):
            client.zadd(keys.TIMERS, {f"hall|look-{number}": 1})
            wait_until(lambda: not client.zcard(keys.TIMERS), LIMIT_S, "the timer")
        assert begun == ["retention"]
        done.set()
        wait_until(lambda: len(begun) > 1, LIMIT_S, "the next tidying")

    running(client, retention, scenario)
    assert client.xlen(keys.JOURNAL) == 3


def test_a_failed_retention_run_is_logged_and_repeated(client: Client) -> None:
    begun = []

    def retention() -> None:
        begun.append(1)
        raise ValueError("a record of another time")

    with capture_logs() as logs:
        running(client, retention, lambda: wait_until(lambda: len(begun) > 2, LIMIT_S, "a third tidying"))
    assert {line["loop"] for line in logs} == {"retention"}


def test_timers_are_popped_after_any_exception_of_a_tick(client: Client) -> None:
    raised = []

    class Failing(NoWakeups):
        def wake(self, queue: Any) -> None:
            raised.append(queue)
            raise ZeroDivisionError

    def has_raised(count: int) -> bool:
        return len(raised) == count

    stop = threading.Event()
    clock = Clock(client, Failing(), Loops())
    thread = threading.Thread(target=clock.run, args=(stop,), daemon=True)
    with capture_logs():
        thread.start()
        for count in (1, 2):
            client.zadd(keys.TIMERS, {f"hall|look-{count}": 1})
            wait_until(partial(has_raised, count), LIMIT_S, "the tick")
        stop.set()
        thread.join(10)
    assert client.xlen(keys.JOURNAL) == 2
