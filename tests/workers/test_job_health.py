"""Jobs and signs of life: what a job raises is logged and shows, and no process claims that a stuck job is well."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

from tests.support.product import wait_until
from webhook_app.config.settings import Settings
from webhook_app.ops.loops import Loops
from webhook_app.store.connection.clients import Client
from webhook_app.store.operations.processes import Processes
from workers import container as module
from workers.container import WorkerContainer, process_heartbeat
from workers.reduce.reducer import Reducer, ReducingHaltedError

LIMIT_S = 20.0


class Scripted(Reducer):
    """A reducer whose runs do what the test says."""

    def __init__(self, run: Callable[[Callable[[], bool]], int]) -> None:
        self._scripted = run

    def run(self, *, stopping: Callable[[], bool] = lambda: False) -> int:
        return self._scripted(stopping)


def wired(store_url: str, home: Path, run: Callable[[Callable[[], bool]], int]) -> WorkerContainer:
    made = WorkerContainer(Settings(redis_url=store_url, data_dir=home))
    made._process = Scripted(run)
    return made


def raising(error: Exception) -> Callable[[Callable[[], bool]], int]:
    def run(stopping: Callable[[], bool]) -> int:
        raise error

    return run


def test_what_a_job_raises_is_logged_and_shows_when_it_goes_on(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "JOB_FAILING_AFTER_S", 0.0)
    container = wired(store_url, tmp_path, raising(OverflowError("year 10000")))
    with capture_logs() as logs:
        for _ in range(3):
            container.process()
    assert [(line["event"], line["job"]) for line in logs] == [("job failed, retrying", "process")]
    assert "OverflowError" in container.loops.failing()["process"]
    container._process = Scripted(lambda stopping: 0)
    container.process()
    assert container.loops.failing() == {}


def test_a_store_that_is_away_is_left_to_whoever_runs_the_jobs(store_url: str, tmp_path: Path) -> None:
    with pytest.raises(redis.ConnectionError):
        wired(store_url, tmp_path, raising(redis.ConnectionError("refused"))).process()


def test_halted_reducing_has_its_own_alarm_and_is_no_failure_of_the_job(store_url: str, tmp_path: Path) -> None:
    container = wired(store_url, tmp_path, raising(ReducingHaltedError("WRONGTYPE")))
    with capture_logs() as logs:
        container.process()
    assert logs == [] and container._jobs["process"].failures == 0


def test_a_job_that_hangs_shows_in_the_signs_of_life_of_its_process(
    client: Client, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "JOB_FAILING_AFTER_S", 0.2)
    monkeypatch.setattr(module, "BEAT_EVERY_S", 0.02)
    release, asked = threading.Event(), threading.Event()

    def run(stopping: Callable[[], bool]) -> int:
        stopping()
        asked.set()
        release.wait(LIMIT_S)
        return 0

    container = wired(store_url, tmp_path, run)
    job = threading.Thread(target=container.process)
    with process_heartbeat("worker", client, container.loops):
        job.start()
        asked.wait(LIMIT_S)
        processes = Processes(client)
        wait_until(lambda: "no progress" in processes.live().failing.get("worker: process", ""), LIMIT_S, "the problem")
        assert processes.live().alive == {"worker": 1}
        release.set()
        job.join(LIMIT_S)
        wait_until(lambda: not processes.live().failing, LIMIT_S, "being well")
    assert not processes.live().alive


def test_signs_of_life_go_on_whatever_is_raised(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_EVERY_S", 0.02)
    monkeypatch.setattr("webhook_app.ops.loops.PAUSE_FIRST_S", 0.001)
    loops, beats = Loops(), []

    def beat(self: Processes, name: str, where: str, failing: object = None) -> None:
        beats.append(name)
        if len(beats) < 3:
            raise ZeroDivisionError

    monkeypatch.setattr(Processes, "beat", beat)
    with capture_logs(), process_heartbeat("call", client, loops):
        wait_until(lambda: len(beats) > 4, LIMIT_S, "a beat after the failures")
