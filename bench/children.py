"""Child processes of benchmarks: start with a clean environment, wait, measure CPU, stop."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from webhook_app.config.loading import COMPLETE
from workers.child_process import kill_group, spawn

ROOT = Path(__file__).resolve().parents[1]
READY_LIMIT_S = 30.0
STOP_LIMIT_S = 15.0
POLL_S = 0.02
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


class NotReadyError(Exception):
    """A process or condition was not ready in time."""


@contextmanager
def python(module: str, *arguments: str, environ: Mapping[str, str], log: Path) -> Iterator[int]:
    """Run `python -m module` with a minimal environment while the body runs; yields its process id."""
    inherited = {name: os.environ[name] for name in KEPT if name in os.environ}
    whole = {**inherited, COMPLETE: "1", "PYTHONPATH": os.fspath(ROOT), **environ}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = spawn([sys.executable, "-m", module, *arguments], environ=whole, output=output)
    try:
        yield process.pid
    finally:
        _end(process)


def wait_for(holds: Callable[[], bool], what: str, *, limit_s: float = READY_LIMIT_S) -> None:
    """Wait until `holds` returns True. Raises NotReadyError after the limit."""
    until = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > until:
            raise NotReadyError(f"{what}: not within {limit_s:.0f} s")
        time.sleep(POLL_S)


def answers(port: int, path: str) -> bool:
    """Whether a server answers 2xx at this path."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """Return a port that is currently free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_s(pid: int) -> float:
    """Return the CPU seconds used so far by the session that `pid` leads; 0 without /proc."""
    return sum(ticks for _, ticks in _session(pid)) / os.sysconf("SC_CLK_TCK")


def _session(leader: int) -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            yield int(path.parent.name), int(fields[11]) + int(fields[12])


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            pass
    kill_group(process.pid)
    process.wait()
