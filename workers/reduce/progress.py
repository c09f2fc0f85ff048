"""Which event the worker is folding, in memory that it shares with its watchdog: marking one costs no system call."""

import mmap
import os
import struct
import tempfile
from dataclasses import dataclass

SIZE = 4096
_ID_MAX = 48
_RECORD = struct.Struct(f"<{_ID_MAX}sdQ")  # event id, CPU limit (s), and last the serial number, 0 while idle


@dataclass(frozen=True, slots=True)
class Mark:
    """One fold under way. Folding the same event again is another serial number."""

    serial: int
    event_id: str
    cpu_limit_s: float


class FoldProgress:
    """The worker's side: marks each fold. Whoever opens the file descriptor sees it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - shared for as long as the process lives
        self._file.truncate(SIZE)
        self._memory = mmap.mmap(self._file.fileno(), SIZE)
        self._serial = 0

    @property
    def fd(self) -> int:
        """The descriptor to hand to the watchdog."""
        return self._file.fileno()

    def begin(self, event_id: str, cpu_limit_s: float) -> None:
        """The fold of this event begins."""
        self._serial += 1
        _RECORD.pack_into(self._memory, 0, event_id.encode()[:_ID_MAX], cpu_limit_s, self._serial)

    def end(self) -> None:
        """Nothing is being folded."""
        _RECORD.pack_into(self._memory, 0, b"", 0.0, 0)

    def close(self) -> None:
        """Let the memory go; a watchdog that still reads keeps its own."""
        self._memory.close()
        self._file.close()


def open_marks(fd: int) -> mmap.mmap:
    """The shared memory behind a descriptor, to be read."""
    memory = mmap.mmap(fd, SIZE, prot=mmap.PROT_READ)
    os.close(fd)
    return memory


def read_mark(memory: mmap.mmap) -> Mark | None:
    """The fold under way; None when there is none, or when it changes while it is read."""
    event_id, cpu_limit_s, serial = _RECORD.unpack_from(memory)
    if not serial or _RECORD.unpack_from(memory) != (event_id, cpu_limit_s, serial):
        return None
    return Mark(serial, event_id.rstrip(b"\0").decode("ascii", "replace"), cpu_limit_s)
