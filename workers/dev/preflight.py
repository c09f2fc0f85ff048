"""Checks before `tally up` starts anything: data directory, lock, ports and leftover processes."""

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from webhook_app.config.settings import Settings
from workers.child_process import kill_group, runs, send, wait_until

RUN_FILE = "run.json"
LOCK_FILE = ".lock"
LEFTOVER_LIMIT_S = 10.0


class StartupError(Exception):
    """`tally up` cannot start; the message says why and what to change."""


def take_lock(data_dir: Path) -> int:
    """Lock the data directory while the returned descriptor is open; children do not inherit it."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartupError(f"DATA_DIR is '{data_dir}': it must be a writable directory ({error.strerror})") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        run = read_run(data_dir)
        owner = f" (process {run['supervisor']}, {run['url']})" if run else ""
        raise StartupError(
            f"Tallylight is already running here{owner}: stop it, or set another DATA_DIR and PORT for this one"
        ) from None
    return lock


def check_ports(settings: Settings, *, sandbox: bool) -> None:
    """Check that each port about to be used is free."""
    if sandbox and settings.port == 65535:
        raise StartupError("PORT is 65535: it must be lower, since the sandbox uses the next port")
    _require_free(settings.host, settings.port, f"PORT is {settings.port}", "set PORT to another")
    if sandbox:
        _require_free(
            "127.0.0.1",
            settings.port + 1,
            f"PORT is {settings.port}, and the sandbox uses the next port, {settings.port + 1}",
            "set PORT to another, or set VideoSDK credentials to run without the sandbox",
        )


def read_run(data_dir: Path) -> dict[str, Any] | None:
    """Read the run file of a running `tally up`, or of one that was killed."""
    try:
        run = json.loads((data_dir / RUN_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return run if isinstance(run, dict) and "processes" in run else None


def write_run(data_dir: Path, run: Mapping[str, object]) -> None:
    """Write the run file atomically. Raises OSError, for example on a full disk, and keeps the previous file."""
    aside = data_dir / f".{RUN_FILE}.new"
    try:
        aside.touch(mode=0o600)
        aside.write_text(json.dumps(run, indent=2) + "\n", "utf-8")
        aside.replace(data_dir / RUN_FILE)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def remove_run(data_dir: Path) -> None:
    """Delete the run file; one left behind names ended processes, which does no harm."""
    with contextlib.suppress(OSError):
        (data_dir / RUN_FILE).unlink(missing_ok=True)


def terminate_leftovers(data_dir: Path) -> list[str]:
    """Terminate children of a killed supervisor that are still running; return their names.

    The embedded store keeps running: it is adopted.
    """
    run = read_run(data_dir) or {"processes": {}, "commands": {}}
    commands: Mapping[str, Sequence[str]] = run.get("commands", {})
    left = {
        name: pid
        for name, pid in run["processes"].items()
        if name != "store" and name in commands and runs(pid, commands[name])
    }
    for pid in left.values():
        send(pid, signal.SIGTERM)
    wait_until(lambda: not any(runs(pid, commands[name]) for name, pid in left.items()), LEFTOVER_LIMIT_S)
    for pid in left.values():
        kill_group(pid)
    return list(left)


def _require_free(host: str, port: int, use: str, change: str) -> None:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        raise StartupError(f"HOST is '{host}': it must be an address or name of this machine") from None
    except OSError as wrong:
        if wrong.errno == errno.EADDRINUSE:
            raise StartupError(f"{use}, which is in use; {change}") from None
        if wrong.errno == errno.EACCES:
            raise StartupError(f"{use}, which requires administrator rights; {change}") from None
        raise StartupError(f"HOST is '{host}': it must be an address of this machine ({wrong.strerror})") from None
