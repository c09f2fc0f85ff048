"""Background loops: they survive whatever their body raises, and say so when they do not get on."""

import threading
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from tests.support.polling import wait_until
from webhook_app.runtime.loops import Loop, LoopHealth, LoopPauses, Loops

LIMIT_S = 20.0


class FakeClock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def raising(error: BaseException) -> Any:
    def body() -> None:
        raise error

    return body


@pytest.mark.parametrize("error", [OverflowError("year 10000"), MemoryError(), RecursionError(), redis.DataError("x")])
def test_a_loop_continues_after_any_exception_of_its_body(error: Exception) -> None:
    runs, stop, loops = [], threading.Event(), Loops(LoopPauses(first_s=0.001))

    def body() -> None:
        runs.append(1)
        raise error

    with capture_logs() as logs:
        thread = loops.start("calendars", body, every_s=60.0, stop=stop)
        wait_until(lambda: len(runs) > 3, LIMIT_S, "a fourth run")
        stop.set()
        thread.join(LIMIT_S)
    assert not thread.is_alive()
    assert logs and all(line["loop"] == "calendars" for line in logs)


def test_a_loop_waits_longer_each_time_and_no_longer_than_its_limit() -> None:
    loop = Loop(LoopHealth("x"), raising(ValueError()), every_s=5.0)
    with capture_logs():
        assert [loop.once() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_an_unavailable_store_is_logged_once_and_retried_every_second() -> None:
    loop = Loop(LoopHealth("x"), raising(redis.ConnectionError("refused")), every_s=5.0)
    with capture_logs() as logs:
        assert [loop.once() for _ in range(4)] == [1.0] * 4
    assert [line["log_level"] for line in logs] == ["warning"]


def test_the_body_may_say_how_long_to_wait() -> None:
    assert Loop(LoopHealth("x"), lambda: 0.25, every_s=5.0).once() == 0.25
    assert Loop(LoopHealth("x"), lambda: None, every_s=5.0).once() == 5.0


def test_failures_are_a_problem_after_a_while_and_none_after_a_success() -> None:
    clock = FakeClock()
    health = LoopHealth("x", failing_after_s=60.0, clock=clock)
    for _ in range(2):
        with pytest.raises(OverflowError), health.running():
            raise OverflowError
        clock.now += 59.0
    assert health.problem() == "has failed for 118 s: OverflowError"
    with health.running():
        pass
    assert health.problem() is None and health.failures == 0


def test_a_body_that_hangs_is_a_problem_and_one_that_gets_on_is_not() -> None:
    clock = FakeClock()
    health = LoopHealth("x", failing_after_s=60.0, clock=clock)
    with health.running():
        clock.now += 50.0
        health.progress()
        clock.now += 50.0
        assert health.problem() is None
        clock.now += 10.0
        assert health.problem() == "has made no progress for 60 s"
    clock.now += 3_600.0
    assert health.problem() is None  # it waits for its next run


def test_a_thread_that_has_ended_is_a_problem_unless_it_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    stop, loops = threading.Event(), Loops()
    dead = loops.start("dead", raising(SystemExit()), every_s=0.0)
    stopped = loops.start("stopped", lambda: None, every_s=0.0, stop=stop)
    stop.set()
    for thread in (dead, stopped):
        thread.join(LIMIT_S)
    assert loops.failing() == {"dead": "has ended"}
