"""Jobs and heartbeats: what a job raises is logged and shown, and no process reports a stuck job as healthy."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

from tests.support.polling import wait_until
from webhook_app.config.settings import Settings
from webhook_app.runtime.loops import LoopPauses, Loops
from webhook_app.store.connection.clients import Client
from webhook_app.store.operations.processes import Processes
from workers.container import WorkerContainer
from workers.job_runner import JobLimits, JobRunner
from workers.process_heartbeat import process_heartbeat
from workers.reduce.reducer import Reducer, ReducingHaltedError

LIMIT_S = 20.0
BEAT_EVERY_S = 0.02


class HaltedReducer(Reducer):
    """A reducer whose events cannot be processed any more."""

    def __init__(self) -> None:
        pass

    def run(self, *, stopping: Callable[[], bool] = lambda: False) -> int:
        raise ReducingHaltedError("WRONGTYPE")


def raising(error: Exception) -> Callable[[Callable[[], bool]], int]:
    def run(should_stop: Callable[[], bool]) -> int:
        raise error

    return run


def test_what_a_job_raises_is_logged_and_shows_when_it_goes_on() -> None:
    loops = Loops()
    runner = JobRunner(loops, threading.Event(), limits=JobLimits(failing_after_s=0.0))
    with capture_logs() as logs:
        for _ in range(3):
            runner.run("process", raising(OverflowError("year 10000")))
    assert [(line["event"], line["job"]) for line in logs] == [("job failed, retrying", "process")]
    assert "OverflowError" in loops.failing()["process"]
    runner.run("process", lambda should_stop: 0)
    assert loops.failing() == {}


def test_a_job_that_keeps_failing_is_logged_again_now_and_then() -> None:
    runner = JobRunner(Loops(), threading.Event(), limits=JobLimits(log_every_failures=2))
    with capture_logs() as logs:
        for _ in range(5):
            runner.run("call", raising(ValueError()))
    assert [line["failures"] for line in logs] == [1, 2, 4]


def test_an_unavailable_store_is_left_to_the_job_runner() -> None:
    with pytest.raises(redis.ConnectionError):
        JobRunner(Loops(), threading.Event()).run("process", raising(redis.ConnectionError("refused")))


def test_halted_reducing_has_its_own_alarm_and_is_no_failure_of_the_job(store_url: str, tmp_path: Path) -> None:
    container = WorkerContainer(Settings(redis_url=store_url, data_dir=tmp_path))
    container.reducer = HaltedReducer()
    with capture_logs() as logs:
        container.reduce()
    assert logs == [] and container.jobs.health("process").failures == 0


def test_a_job_that_hangs_shows_in_the_heartbeats_of_its_process(client: Client) -> None:
    loops, processes = Loops(), Processes(client)
    runner = JobRunner(loops, threading.Event(), limits=JobLimits(failing_after_s=0.2))
    release, started = threading.Event(), threading.Event()

    def hang(should_stop: Callable[[], bool]) -> int:
        should_stop()
        started.set()
        release.wait(LIMIT_S)
        return 0

    job = threading.Thread(target=runner.run, args=("process", hang))
    with process_heartbeat("worker", processes, loops, every_s=BEAT_EVERY_S):
        job.start()
        started.wait(LIMIT_S)
        wait_until(lambda: "no progress" in processes.live().failing.get("worker: process", ""), LIMIT_S, "the problem")
        assert processes.live().alive == {"worker": 1}
        release.set()
        job.join(LIMIT_S)
        wait_until(lambda: not processes.live().failing, LIMIT_S, "being well")
    assert not processes.live().alive


def test_heartbeats_continue_after_any_exception(client: Client) -> None:
    beats: list[str] = []

    class FailingFirst(Processes):
        def record(self, name: str, where: str, failing: Mapping[str, str] | None = None) -> None:
            beats.append(name)
            if len(beats) < 3:
                raise ZeroDivisionError

    loops = Loops(LoopPauses(first_s=0.001))
    with capture_logs(), process_heartbeat("call", FailingFirst(client), loops, every_s=BEAT_EVERY_S):
        wait_until(lambda: len(beats) > 4, LIMIT_S, "a beat after the failures")
