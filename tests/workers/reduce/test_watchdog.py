"""A fold that never ends: the event is passed over, the rest of its batch folds, and a replay decides the same."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.polling import wait_until
from tests.support.product import TREE, children_of
from tests.support.replay import differences, refold
from tests.support.stuck_worker import STUCK_ROOM
from tests.support.web_client import NullWake
from webhook_app.domain.events import Source
from webhook_app.store import keys
from webhook_app.store.connection.clients import Client
from webhook_app.store.journal.journal import Journal, entry
from webhook_app.store.journal.skipped_events import FoldReport, SkippedEventStore
from webhook_app.store.journal.wakeups import Wakeups
from webhook_app.store.state.alarms import is_raised
from webhook_app.store.state.store import StateStore
from workers.clock.retention import RetentionJob
from workers.doctor.finding import Level
from workers.doctor.replay import check_replay
from workers.reduce import watchdog as fold_watchdog
from workers.reduce.progress import FoldProgress, Mark, open_marks, read_mark
from workers.reduce.reducer import Reducer
from workers.reduce.watchdog import END_SIGNAL, Reading, Watch

LIMIT_S = 240.0  # two limits and two restarts, on a machine that has much else to do


class Worker:
    """A worker that is started again whenever it dies, as a supervisor does."""

    def __init__(self, home: Path, store_url: str, hang: str) -> None:
        self._home, self._hang = home, hang
        self._environ = {**os.environ, "REDIS_URL": store_url, "DATA_DIR": str(home / "var"), "PYTHONPATH": str(TREE)}
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.statuses: list[int] = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def keep_up(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self.starts += 1
            if self._process is not None:
                self.statuses.append(self._process.returncode)
            with (self._home / "log").open("ab") as log:
                command = [sys.executable, "-m", "tests.support.stuck_worker", self._hang]
                self._process = subprocess.Popen(command, env=self._environ, cwd=self._home, stdout=log, stderr=log)

    def log(self) -> str:
        return (self._home / "log").read_text(errors="replace")

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(30)


@contextlib.contextmanager
def worker(home: Path, store_url: str, hang: str) -> Iterator[Worker]:
    worker = Worker(home, store_url, hang)
    try:
        yield worker
    finally:
        worker.stop()


def append(client: Client, *rooms: str) -> list[str]:
    """An order for each room, as one batch."""
    return Journal(client).append([entry(Source.OPERATOR, "start", room, {}) for room in rooms])[0]


def folded(client: Client, kept: Worker, event_id: str) -> bool:
    """Whether the reducer has come to an event; wakes it as the clock does."""
    kept.keep_up()
    Wakeups(client).wake_unless_pending("process")
    return StateStore(client).cursor() >= event_id


@pytest.mark.process
@pytest.mark.parametrize("hang", ["loop", "regex", "lock_held", "sleep", "memory"])
def test_an_event_that_never_finishes_is_skipped_and_the_rest_is_reduced(
    client: Client, store_url: str, tmp_path: Path, hang: str
) -> None:
    _, stuck, last = append(client, "before", STUCK_ROOM, "after")
    with worker(tmp_path, store_url, hang) as kept:
        wait_until(lambda: folded(client, kept, last), LIMIT_S, "the end of the batch")
        assert kept.starts == 3, kept.log()  # two attempts, and the one that passes it over
        assert kept.statuses == [END_SIGNAL] * 2  # a status of its own, so not by SIGKILL
        assert "it is tried once more" in kept.log() and "it is passed over" in kept.log()
        assert f"in {hang}" in kept.log()  # where it was stuck
        kept.stop()
    state = StateStore(client)
    assert [room for room in ("before", STUCK_ROOM, "after") if state.room(room)] == ["before", "after"]
    assert list(SkippedEventStore(client).load()) == [stuck]
    assert is_raised(client, "poisoned-event")
    # The folds of this process do not hang: only the stored verdict makes them pass the event over too.
    assert differences(client, refold(client)) == []
    assert check_replay(client).level is Level.OK


@pytest.mark.process
def test_a_slow_event_and_kill_9_skip_nothing(client: Client, store_url: str, tmp_path: Path) -> None:
    with worker(tmp_path, store_url, "slow") as kept:
        for _ in range(3):
            *_, last = append(client, STUCK_ROOM, STUCK_ROOM, STUCK_ROOM)
            kept.keep_up()
            wait_until(partial(children_of, kept.pid), LIMIT_S, "the watchdog")
            Wakeups(client).wake_unless_pending("process")
            os.kill(kept.pid, signal.SIGKILL)
            wait_until(partial(folded, client, kept, last), LIMIT_S, "the fold")
    assert not client.exists(keys.SKIPPED_EVENTS, keys.FOLD_STRIKE), kept.log()
    assert StateStore(client).room(STUCK_ROOM) is not None


@pytest.mark.process
def test_the_watchdog_ends_with_its_worker_and_is_replaced_when_it_dies(
    client: Client, store_url: str, tmp_path: Path
) -> None:
    with worker(tmp_path, store_url, "slow") as kept:
        kept.keep_up()
        (watchdog,) = wait_until(lambda: children_of(kept.pid), LIMIT_S, "the watchdog")
        os.kill(watchdog, signal.SIGKILL)
        *_, last = append(client, "a")
        wait_until(lambda: folded(client, kept, last), LIMIT_S, "the fold")
        *_, last = append(client, "a")
        wait_until(lambda: folded(client, kept, last), LIMIT_S, "the next fold")
        (second,) = wait_until(lambda: children_of(kept.pid), LIMIT_S, "another watchdog")
        assert second != watchdog
        kept.stop()
        wait_until(lambda: not Path(f"/proc/{second}").exists(), LIMIT_S, "the watchdog's end")


def test_an_event_is_skipped_after_two_reports_of_it_unless_it_was_committed(client: Client) -> None:
    first, second = append(client, "a", "b")
    events = SkippedEventStore(client)
    assert [events.report(first, "why"), events.report(second, "why"), events.report(first, "why")] == [
        FoldReport.COUNTED
    ] * 3
    assert events.report(first, "why") is FoldReport.SKIPPED
    assert events.load() == {first: "why"}
    Reducer(client, NullWake()).reduce()
    assert [events.report(first, "why"), events.report(second, "why")] == [FoldReport.COMMITTED] * 2
    assert events.load() == {first: "why"}


def test_a_poison_event_marked_while_a_batch_is_processed_is_skipped_before_the_batch_is_committed(
    client: Client,
) -> None:
    first, second = append(client, "a", "b")
    events = SkippedEventStore(client)

    class Late(FoldProgress):
        """The watchdog's verdict comes while the last event is being folded."""

        def begin(self, event_id: str, cpu_limit_s: float) -> None:
            if event_id == second and not events.load():
                events.report(first, "why")
                events.report(first, "why")

    with contextlib.closing(Late()) as progress:
        assert Reducer(client, NullWake(), observer=progress).reduce() == 2
    assert StateStore(client).room("a") is None and StateStore(client).room("b") is not None
    assert differences(client, refold(client)) == []


def test_trimming_skips_poison_events_and_forgets_those_it_no_longer_needs(client: Client) -> None:
    first, _ = append(client, "a", "b")
    events = SkippedEventStore(client)
    events.report(first, "why")
    events.report(first, "why")
    Reducer(client, NullWake()).reduce()
    RetentionJob(client, retention_days=-1)()
    assert Journal(client).read("0-0", 10) == []
    assert events.load() == {}
    assert differences(client, refold(client)) == []


MARK = Mark(1, "1-0", 20.0)


def watched(readings: list[Reading | None], *, passed_s: float = 0.5) -> Watch:
    watch = Watch(MARK, readings[0])
    for reading in readings[1:]:
        watch = watch.after_poll(reading, passed_s)
    return watch


def test_processor_time_counts_and_time_spent_waiting_for_a_turn_does_not() -> None:
    busy = watched([Reading(at * 0.5, 0, asleep=False) for at in range(60)])
    assert "20 s of processor time" in str(busy.overdue())
    starved = watched([Reading(at * 0.01, 0, asleep=False) for at in range(1_000)])
    assert starved.overdue() is None


def test_sleeping_in_a_fold_counts_and_a_suspended_machine_does_not() -> None:
    asleep = watched([Reading(1.0, 0, asleep=True)] * 100)
    assert "slept for more than 30 s" in str(asleep.overdue())
    suspended = watched([Reading(1.0, 0, asleep=True)] * 20, passed_s=3_600.0)
    assert suspended.overdue() is None


def test_memory_that_a_fold_takes_counts_and_what_the_worker_had_before_does_not() -> None:
    mib = 1024 * 1024
    growing = watched([Reading(1.0, 500 * mib + at * 64 * mib, asleep=False) for at in range(20)])
    assert "1024 MiB of memory" in str(growing.overdue())
    assert watched([Reading(1.0, 4_000 * mib, asleep=False)] * 20).overdue() is None


def test_without_readings_only_a_long_time_counts() -> None:
    assert watched([None] * 500).overdue() is None
    assert "300 s" in str(watched([None] * 700).overdue())


def test_a_fold_that_cannot_be_reported_leaves_the_worker_alone_and_the_watchdog_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(fold_watchdog, "_log", lambda event, **fields: lines.append(event))
    for url in ("redis://127.0.0.1:1/0", "no address at all"):
        monkeypatch.setenv("REDIS_URL", url)
        assert not fold_watchdog._report(MARK, "why")
    assert lines == ["fold timeout could not be reported"] * 2


def test_a_mark_is_seen_through_the_descriptor_until_the_fold_ends() -> None:
    progress = FoldProgress()
    memory = open_marks(os.dup(progress.fd))
    assert read_mark(memory) is None
    progress.begin("1795871583549-12", 20.0)
    assert read_mark(memory) == Mark(1, "1795871583549-12", 20.0)
    progress.begin("1795871583549-12", 20.0)
    assert read_mark(memory) == Mark(2, "1795871583549-12", 20.0)
    progress.end()
    assert read_mark(memory) is None
    progress.close()
    memory.close()
