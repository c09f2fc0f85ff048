"""The probe of the web process: it calls one unresponsive that is alive and answers nothing for long."""

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.support.polling import wait_until
from tests.support.web_process import serving_process
from tests.workers.dev.test_supervisor import FakeProcess
from workers.dev.web_probe import UNRESPONSIVE_AFTER_S, WebProbe, answers

SHORT_S = 0.5


class Web:
    """A web process that answers or not, its probe, and a clock."""

    def __init__(self) -> None:
        self.process = FakeProcess("web")
        self.answers = True
        self.now = 0.0
        self.probe = WebProbe(lambda: self.answers, clock=lambda: self.now)

    def wait(self, seconds: float) -> bool:
        """Let time pass, probe, and ask whether the process is unresponsive."""
        self.now += seconds
        self.probe.probe()
        return self.probe.is_unresponsive(self.process)


def test_a_process_that_answers_is_left_alone() -> None:
    web = Web()
    assert not any(web.wait(UNRESPONSIVE_AFTER_S) for _ in range(100))


def test_a_process_that_answers_nothing_for_long_is_unresponsive_and_its_successor_has_time_to_start() -> None:
    web = Web()
    assert not web.wait(1)
    web.answers = False
    assert not web.wait(UNRESPONSIVE_AFTER_S)
    assert web.wait(1)
    web.process.pid += 1
    assert not web.wait(1)
    assert not web.wait(UNRESPONSIVE_AFTER_S - 1)
    assert web.wait(2)


def test_one_answer_in_time_is_enough() -> None:
    web = Web()
    for _ in range(10):
        web.answers = False
        assert not web.wait(UNRESPONSIVE_AFTER_S * 0.9)
        web.answers = True
        assert not web.wait(1)


def test_other_processes_are_not_restarted_for_the_web_processs_answers() -> None:
    web = Web()
    web.answers = False
    web.wait(UNRESPONSIVE_AFTER_S + 1)
    assert not web.probe.is_unresponsive(FakeProcess("worker"))


def test_a_peer_that_takes_connections_and_answers_nothing_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert not answers("127.0.0.1", port, timeout_s=SHORT_S)
    assert not answers("127.0.0.1", port, timeout_s=SHORT_S)


@pytest.mark.process
def test_a_web_process_whose_worker_stands_still_does_not_answer(store_url: str, tmp_path: Path) -> None:
    with serving_process(store_url, tmp_path) as (port, process):
        assert answers("127.0.0.1", port)
        (worker,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[-1:]
        os.kill(int(worker), signal.SIGSTOP)
        assert not answers("127.0.0.1", port, timeout_s=SHORT_S)
        os.kill(int(worker), signal.SIGCONT)
        wait_until(lambda: answers("127.0.0.1", port), 30, "the web process answers again")
