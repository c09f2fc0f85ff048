"""A disk that fills: webhooks are refused, no process ends, and all goes on by itself once there is room."""

import http.client
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.support.polling import wait_until
from tests.support.product import Answer, Product, product, webhook

pytestmark = pytest.mark.process
ROOM = "abcd-efgh-ijkl"
SIZE_MIB = 24
FULL_LIMIT_S = 60.0
DOCTOR_LIMIT_S = 120.0
BACK_LIMIT_S = 120.0  # the longest back-off, and a start on a machine that is busy


@contextmanager
def small_disk(directory: Path) -> Iterator[None]:
    """A file system of a few MiB at `directory`; the test is skipped where none may be mounted."""
    directory.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=700", "tmpfs", str(directory)]
    mounted = mount is not None and subprocess.run(command, check=False, capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("no file system can be mounted here: a full disk was not tried")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def fill(directory: Path) -> Path:
    """A file that takes all the room there is."""
    path = directory / "fill"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"\1" * 4096):
                pass
        except OSError:
            pass
    return path


def post(running: Product, number: int) -> Answer | None:
    """The answer to one more webhook; None when there is none."""
    body = webhook("participant-joined", ROOM, participantId=f"p{number}", participantName="P")
    try:
        return running.post_webhook(body)
    except (OSError, http.client.HTTPException):
        return None


def test_a_full_disk_ends_nothing_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "var"), product(tmp_path, pinned=True) as running:
        kept: list[str] = []
        refused: list[Answer] = []
        numbers = iter(range(1_000_000))

        def send() -> Answer | None:
            answer = post(running, next(numbers))
            if answer is not None and answer.status == 200:
                kept.append(answer.json["id"])
            elif answer is not None:
                refused.append(answer)
            return answer

        for _ in range(5):
            send()
        assert len(kept) == 5
        web = running.pids()["web"]
        filler = fill(tmp_path / "var")

        def store_failed_twice() -> bool:
            send()
            return running.output().count("store could not be started") >= 2

        wait_until(store_failed_twice, FULL_LIMIT_S, "the store being refused a start twice")
        assert {answer.status for answer in refused} == {503}
        assert all(answer.headers.get("retry-after") for answer in refused)
        for _ in range(20):
            answer = send()
            assert answer is not None
            assert answer.status == 503
        doctor = subprocess.run(
            [sys.executable, "-m", "workers", "doctor", "--json"],
            cwd=running.home,
            env=dict(running.environ),
            capture_output=True,
            check=False,
            timeout=DOCTOR_LIMIT_S,
        )
        report = json.loads(doctor.stdout)
        levels = {check["name"]: check["level"] for check in report["checks"]}
        assert (levels["disk"], levels["store"]) == ("failed", "failed")
        filler.unlink()

        def kept_again() -> bool:
            answer = send()
            return answer is not None and answer.status == 200

        wait_until(kept_again, BACK_LIMIT_S, "a webhook being kept again")
        running.wait_ready(BACK_LIMIT_S)
        assert running.pids()["web"] == web, "the web process was restarted"
        for event_id in kept:
            wait_until(partial(running.effect, event_id), 30, "the fold")
        assert "Traceback" not in running.output()
        assert running.stop() == 0
