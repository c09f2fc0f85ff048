"""The state file: what a run may have started, written before each start, so that the next run can end it.

It lies in the data directory beside a lock. The system releases the lock when a process dies, so a file without a
lock is left over from a run that was killed.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from webhook_app.domain.outputs import Output

STATE_FILE = "conformance.json"
LOCK_FILE = ".conformance.lock"
VERSION = 1


class StateFileError(Exception):
    """The state file cannot be locked, read or written; the message says what to do."""


@dataclass(frozen=True, slots=True)
class StartedOutput:
    """A start that was, or may have been, sent. `names` are ids and URL folders of the stream, once they are known.

    `sent_at` is in ms, by this machine's clock. `is_answered`: VideoSDK accepted the start. `is_end_accepted`: it has
    accepted an end since. `was_shown`: it has shown the stream as running.
    """

    output: Output
    sent_at: int
    names: tuple[str, ...] = ()
    is_answered: bool = False
    is_end_accepted: bool = False
    was_shown: bool = False
    videosdk_id: str | None = None


@dataclass(frozen=True, slots=True)
class RunState:
    """What a run has started, where, and in which session."""

    api_url: str
    room_id: str
    session_id: str | None
    started: tuple[StartedOutput, ...] = ()


class StateFile:
    """Keeps the state of the run on disk; each change is on disk when the call returns."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._path = data_dir / STATE_FILE

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._path

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock. Raises StateFileError while another run holds it."""
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateFileError(f"DATA_DIR is '{self._data_dir}': it must be writable ({error.strerror})") from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateFileError("another conformance run is under way on this data directory") from None
            yield
        finally:
            os.close(lock)

    def load(self) -> RunState | None:
        """Return what an earlier run left; None when it left nothing. Raises StateFileError when it is unreadable."""
        try:
            return _decode(json.loads(self._path.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateFileError(
                f"{self._path} of an earlier run cannot be read ({type(error).__name__}): end its stream in VideoSDK's "
                "dashboard if one is running, then delete the file"
            ) from None

    def save(self, state: RunState) -> None:
        """Replace the file, or delete it when nothing is running. Raises StateFileError."""
        try:
            if state.started:
                _write(self._path, json.dumps({"version": VERSION, **asdict(state)}, indent=2) + "\n")
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StateFileError(f"{self._path} cannot be written ({error.strerror})") from None


class RunRecord:
    """The state of a run in memory and on disk."""

    def __init__(self, file: StateFile, state: RunState) -> None:
        self._file = file
        self.state = state

    def add(self, started: StartedOutput) -> None:
        """Record a start that is about to be sent."""
        self._save(*self.state.started, started)

    def replace(self, old: StartedOutput, new: StartedOutput) -> None:
        """Record what has become known of a start."""
        self._save(*(new if started == old else started for started in self.state.started))

    def remove(self, started: StartedOutput) -> None:
        """Record that a start was refused, or its stream is over."""
        self._save(*(other for other in self.state.started if other != started))

    def _save(self, *started: StartedOutput) -> None:
        state = replace(self.state, started=started)
        self.state = state  # in memory also when the disk is full: the stream is ended all the same
        self._file.save(state)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _decode(content: Any) -> RunState:
    if content["version"] != VERSION:
        raise ValueError("another version")
    started = tuple(
        StartedOutput(
            output=Output(item["output"]),
            sent_at=int(item["sent_at"]),
            names=tuple(map(str, item["names"])),
            is_answered=bool(item["is_answered"]),
            is_end_accepted=bool(item["is_end_accepted"]),
            was_shown=bool(item["was_shown"]),
            videosdk_id=item["videosdk_id"],
        )
        for item in content["started"]
    )
    return RunState(str(content["api_url"]), str(content["room_id"]), content["session_id"], started)
