"""`tally up` with stand-ins for its children: it starts, mends and stops them, and says why it cannot run."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import paths
from tests.support.polling import scaled_limit
from tests.support.ports import free_ports
from workers.child_process import runs, wait_until
from workers.dev.embedded_store.server import EmbeddedStore

pytestmark = pytest.mark.process
LIMIT_S = scaled_limit(20.0)

UP = """
import os, sys
from webhook_app.config.loading import load
from workers.dev.up import run
sys.exit(run(load(os.environ, dotenv=None)))
"""
CHILD = """
import http.server, os, signal, sys, time
name = sys.argv[1] if "workers" in sys.argv[0] else "sandbox"
with open(os.environ["SEEN"], "a") as seen:
    seen.write(f"start {name} {os.environ.get('REDIS_URL')} {os.environ.get('VIDEOSDK_API_URL')}\\n")
def end(*_):
    if name == os.environ.get("STUBBORN"):
        return
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(f"end {name}\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_):
        pass
if name == "web":
    http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Ready).serve_forever()
while True:
    time.sleep(60)
"""


class Up:
    """One `tally up` on a directory of its own, its output read as it comes."""

    def __init__(self, home: Path, **environ: str) -> None:
        self.home = home
        for package in ("workers", "sandbox"):
            (home / package).mkdir(exist_ok=True)
            (home / package / "__init__.py").write_text("")
            (home / package / "__main__.py").write_text(CHILD)
        (home / "up.py").write_text(UP)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        tree = str(paths.ROOT)
        self.output = home / f"output-{time.monotonic_ns()}"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(home / "up.py")],
                cwd=home,
                env=kept | {"PYTHONPATH": tree, "SEEN": str(home / "seen"), "DATA_DIR": "var"} | environ,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_for_output(self, what: str) -> bool:
        return wait_until(lambda: what in self.text(), LIMIT_S)

    def text(self) -> str:
        return self.output.read_text()

    def run(self) -> dict[str, Any]:
        run: dict[str, Any] = json.loads((self.home / "var" / "run.json").read_text())
        return run

    def lives(self, name: str) -> bool:
        run = self.run()
        return runs(run["processes"][name], run["commands"][name])

    def recorded_lines(self) -> list[str]:
        return (self.home / "seen").read_text().splitlines()


@contextmanager
def up(home: Path, **environ: str) -> Iterator[Up]:
    instance = Up(home, **environ)
    try:
        yield instance
    finally:
        instance.process.terminate()
        try:
            instance.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            instance.process.kill()
            instance.process.wait(LIMIT_S)


@pytest.fixture
def port() -> int:
    """A port that is free, and the next one too."""
    return free_ports(2)[0]


def test_without_credentials_the_sandbox_runs_on_a_store_of_its_own(tmp_path: Path, port: int) -> None:
    with up(tmp_path, PORT=str(port), REDIS_URL="redis://example.invalid/0") as instance:
        assert instance.wait_for_output("ready after")
        assert set(instance.run()["processes"]) == {
            "store",
            "sandbox",
            "web",
            "worker",
            "call",
            "deliver",
            "clock",
        }
        starts = [line.split() for line in instance.recorded_lines()]
        assert {words[2] for words in starts} == {EmbeddedStore(tmp_path / "var" / "sandbox").url}
        assert {words[3] for words in starts} == {f"http://127.0.0.1:{port + 1}"}
        assert "Ignoring REDIS_URL" in instance.text()
        assert (tmp_path / "var" / "admin_token").read_text().strip() in instance.text()
    assert instance.process.returncode == 0


def test_with_credentials_there_is_no_sandbox(tmp_path: Path, port: int) -> None:
    with up(tmp_path, PORT=str(port), VIDEOSDK_API_KEY="key", VIDEOSDK_SECRET="secret") as instance:
        assert instance.wait_for_output("ready after")
        assert "sandbox" not in instance.run()["processes"]
        assert {line.split()[2] for line in instance.recorded_lines()} == {EmbeddedStore(tmp_path / "var").url}


def test_ctrl_c_stops_everything_in_order_and_the_next_run_prints_no_secret(tmp_path: Path, port: int) -> None:
    with up(tmp_path, PORT=str(port)) as instance:
        assert instance.wait_for_output("ready after")
        run = instance.run()
        instance.process.send_signal(signal.SIGINT)
        assert instance.process.wait(LIMIT_S) == 0
        ends = [line.split()[1] for line in instance.recorded_lines() if line.startswith("end")]
        assert ends == ["web", "clock", "worker", "call", "deliver", "sandbox"]
        assert not any(runs(run["processes"][name], run["commands"][name]) for name in run["processes"])
        assert not (tmp_path / "var" / "run.json").exists()
    with up(tmp_path, PORT=str(port)) as two:
        assert two.wait_for_output("ready after")
        assert (tmp_path / "var" / "admin_token").read_text().strip() not in two.text()


def test_a_second_ctrl_c_hurries_and_still_closes_the_store(tmp_path: Path, port: int) -> None:
    with up(tmp_path, PORT=str(port), STUBBORN="call") as instance:
        assert instance.wait_for_output("ready after")
        instance.process.send_signal(signal.SIGINT)
        assert wait_until(lambda: "end worker" in instance.recorded_lines(), LIMIT_S)
        instance.process.send_signal(signal.SIGINT)
        assert instance.process.wait(LIMIT_S) == 0
        assert "killing call" in instance.text()
        assert "bye bye" in (tmp_path / "var" / "sandbox" / "store" / "valkey.log").read_text()


@pytest.mark.parametrize("name", ["worker", "web", "store"])
def test_what_is_killed_is_started_again(tmp_path: Path, port: int, name: str) -> None:
    with up(tmp_path, PORT=str(port)) as instance:
        assert instance.wait_for_output("ready after")
        before = instance.run()["processes"][name]
        os.kill(before, signal.SIGKILL)
        assert wait_until(lambda: instance.run()["processes"][name] != before and instance.lives(name), LIMIT_S)
        assert instance.wait_for_output("restarting now")


def test_nothing_lives_on_when_the_supervisor_is_killed(tmp_path: Path, port: int) -> None:
    with up(tmp_path, PORT=str(port)) as instance:
        assert instance.wait_for_output("ready after")
        run = instance.run()
        instance.process.kill()
        instance.process.wait(LIMIT_S)
        with up(tmp_path, PORT=str(port)) as two:
            assert two.wait_for_output("ready after")
            assert instance.process.pid != two.run()["supervisor"]
            left = {name for name, pid in run["processes"].items() if runs(pid, run["commands"][name])}
            assert left <= {"store"}
    assert wait_until(lambda: not runs(run["processes"]["store"], run["commands"]["store"]), LIMIT_S)


def test_a_second_run_beside_a_running_one_says_so(tmp_path: Path, port: int) -> None:
    with up(tmp_path, PORT=str(port)) as instance:
        assert instance.wait_for_output("ready after")
        with up(tmp_path, PORT=str(free_ports(1)[0])) as two:
            assert two.process.wait(LIMIT_S) == 1
            assert two.text().startswith("tally: Tallylight is already running here (process ")
            assert two.text().count("\n") == 1
        assert instance.lives("web")


@pytest.mark.parametrize("offset", [0, 1])
def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path, port: int, offset: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + offset))
        other.listen()
        with up(tmp_path, PORT=str(port)) as instance:
            assert instance.process.wait(LIMIT_S) == 1
            assert instance.text().startswith(f"tally: PORT is {port}")
            assert "set PORT to another" in instance.text()
            assert instance.text().count("\n") == 1
    assert not (tmp_path / "seen").exists()


def test_an_address_that_is_not_ours_is_reported(tmp_path: Path, port: int) -> None:
    with up(tmp_path, PORT=str(port), HOST="192.0.2.1") as instance:
        assert instance.process.wait(LIMIT_S) == 1
        assert instance.text().startswith("tally: HOST is '192.0.2.1'")


def test_a_data_directory_that_is_a_file_is_reported(tmp_path: Path, port: int) -> None:
    (tmp_path / "var").write_text("")
    with up(tmp_path, PORT=str(port)) as instance:
        assert instance.process.wait(LIMIT_S) == 1
        assert instance.text().startswith("tally: DATA_DIR is 'var': it must be a writable directory")
        assert instance.text().count("\n") == 1


def test_a_damaged_store_stops_the_start_with_its_own_word(tmp_path: Path, port: int) -> None:
    with up(tmp_path, PORT=str(port)) as instance:
        assert instance.wait_for_output("ready after")
    (manifest,) = (tmp_path / "var" / "sandbox" / "store" / "appendonlydir").glob("*.manifest")
    manifest.write_text("nonsense\n")
    with up(tmp_path, PORT=str(port)) as two:
        assert two.process.wait(LIMIT_S) == 1
        assert "AOF manifest" in two.text().splitlines()[-1]
    assert manifest.read_text() == "nonsense\n"
