"""The supervisor: it relaunches what died or hangs, and no failure of a single step ends it."""

import errno
import signal
import sys
from collections.abc import Callable

import pytest

from workers.child_process import runs, wait_until
from workers.dev.supervisor import ChildProcess, Supervised, Supervisor

LIMIT_S = 10.0
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
FULL_DISK = OSError(errno.ENOSPC, "No space left on device")


class FakeProcess:
    """A process that is alive or not as a test says; launching it may raise."""

    command = ("fake",)

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.pid = 0
        self.launches = 0
        self.raises: BaseException | None = None
        self.running = False

    def launch(self) -> None:
        if self.raises is not None:
            raise self.raises
        self.launches += 1
        self.running = True

    def alive(self) -> bool:
        return self.running

    def exit_reason(self) -> str:
        return f"{self.name} ended"


def mend_until(supervisor: Supervisor, holds: Callable[[], bool]) -> bool:
    """Run the supervisor's rounds without its waits until `holds`."""

    def mended() -> bool:
        supervisor.restart_dead()
        return holds()

    return wait_until(mended, LIMIT_S)


@pytest.mark.parametrize(
    "error",
    [
        FULL_DISK,
        BlockingIOError(errno.EAGAIN, "no more processes"),
        MemoryError(),
        RuntimeError("no thread"),
        KeyError(),
    ],
)
def test_a_launch_that_raises_anything_is_tried_again(error: Exception) -> None:
    lines: list[str] = []
    broken, healthy = FakeProcess("broken"), FakeProcess("healthy")
    broken.raises = error
    supervisor = Supervisor([broken, healthy], print_line=lines.append, changed=lambda: None)
    supervisor.launch_all()
    assert healthy.launches == 1
    assert any("broken could not be started" in line for line in lines)
    assert all("\n" not in line for line in lines)
    broken.raises = None
    assert mend_until(supervisor, lambda: broken.launches == 1)


def test_running_processes_are_recorded_once_there_is_disk_space_and_the_failure_is_reported_once() -> None:
    lines: list[str] = []
    records: list[bool] = []
    room = False

    def record() -> None:
        if not room:
            raise FULL_DISK
        records.append(True)

    process = FakeProcess()
    supervisor = Supervisor([process], print_line=lines.append, changed=record)
    supervisor.launch_all()
    for _ in range(5):
        supervisor.restart_dead()
    assert process.running
    assert [line for line in lines if "No space left" in line] == lines
    assert len(lines) == 1
    room = True
    supervisor.restart_dead()
    supervisor.restart_dead()
    assert records == [True]


def test_a_check_that_raises_holds_up_no_other_process() -> None:
    lines: list[str] = []
    broken, dead = FakeProcess("broken"), FakeProcess("dead")
    supervisor = Supervisor([broken, dead], print_line=lines.append, changed=lambda: None)
    supervisor.launch_all()

    def alive() -> bool:
        raise FULL_DISK

    broken.alive = alive  # type: ignore[method-assign]  # the fault
    dead.running = False
    for _ in range(3):
        supervisor.restart_dead()
    assert dead.launches == 2
    assert sum("broken could not be checked" in line for line in lines) == 1


def test_a_process_that_does_not_respond_is_killed_and_launched_again() -> None:
    lines: list[str] = []
    hung: set[int] = set()

    def unresponsive(process: Supervised) -> bool:
        return process.pid in hung

    child = ChildProcess("web", SLEEP, {})
    supervisor = Supervisor([child], print_line=lines.append, changed=lambda: None, unresponsive=unresponsive)
    supervisor.launch_all()
    first = child.pid
    try:
        supervisor.restart_dead()
        assert child.pid == first
        hung.add(first)
        assert mend_until(supervisor, lambda: child.pid != first and child.alive())
        assert not runs(first, SLEEP)
        assert lines == ["web did not respond and was killed; restarting now"]
        second = child.pid
        supervisor.restart_dead()
        assert child.pid == second
    finally:
        if child.process is not None:
            child.process.kill()
            child.process.wait(LIMIT_S)


def test_a_probe_that_raises_kills_nothing() -> None:
    def unresponsive(process: Supervised) -> bool:
        raise RuntimeError("the probe is broken")

    lines: list[str] = []
    process = FakeProcess()
    supervisor = Supervisor([process], print_line=lines.append, changed=lambda: None, unresponsive=unresponsive)
    supervisor.launch_all()
    for _ in range(3):
        supervisor.restart_dead()
    assert process.launches == 1
    assert len(lines) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGRTMIN + 3])
def test_a_child_killed_by_any_signal_is_described(number: int) -> None:
    child = ChildProcess("web", SLEEP, {})
    child.launch()
    assert child.process is not None
    child.process.send_signal(number)
    child.process.wait(LIMIT_S)
    assert not child.alive()
    assert child.exit_reason().startswith("web was killed by ")
