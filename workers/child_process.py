"""Start, signal and watch child processes. A child gets no terminal signals, and ends when its parent does."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.02


def spawn(
    command: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
    pass_fds: Sequence[int] = (),
    ends_with_us: bool = True,
    end_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` in its own session.

    On Linux the kernel sends it `end_signal` when the calling thread ends for any reason, so call this from the main
    thread. A suspended process ends with SIGKILL alone.
    """
    return subprocess.Popen(  # noqa: S603 - our own commands
        list(command),
        env=None if environ is None else dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
        preexec_fn=_end_with_parent(end_signal) if ends_with_us and _LINUX else None,
    )


def runs(pid: int, command: Sequence[str]) -> bool:
    """Whether process `pid` runs this command (the program's path may differ)."""
    return pid > 0 and " ".join(command[1:]) in _command_line(pid)


def exists(pid: int) -> bool:
    """Whether a process with this id exists, including zombies."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def kill_group(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Signal all remaining processes of the group that `pid` leads or led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process; no error if it has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def signal_name(number: int) -> str:
    """Return a signal's name; its number if it has none, such as a real-time signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def wait_until(holds: Callable[[], bool], limit_s: float) -> bool:
    """Wait until `holds` returns True; False after the limit."""
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _end_with_parent(end_signal: signal.Signals) -> Callable[[], None]:
    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, int(end_signal), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the signal was set up
            os._exit(1)

    return in_child


def _command_line(pid: int) -> str:
    """Return a process's command line; empty if it has ended."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if _LINUX:
            return ""
        output = subprocess.run(  # noqa: S603 - a number is all that varies
            ["ps", "-ww", "-o", "command=", "-p", str(pid)],  # noqa: S607 - the system's own
            capture_output=True,
            check=False,
            timeout=5,
        )
        return output.stdout.decode(errors="replace").strip()
    return arguments.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
