"""The event being folded, in memory shared with the watchdog; marking one costs no system call."""

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
    """One fold in progress. Folding the same event again gets a new serial number."""

    serial: int
    event_id: str
    cpu_limit_s: float


class FoldProgress:
    """The worker's side: marks each fold for any process that has the file descriptor."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - shared for as long as the process lives
        self._file.truncate(SIZE)
        self._memory = mmap.mmap(self._file.fileno(), SIZE)
        self._serial = 0

    @property
    def fd(self) -> int:
        """The descriptor to pass to the watchdog."""
        return self._file.fileno()

    def begin(self, event_id: str, cpu_limit_s: float) -> None:
        """Mark the start of folding this event, with its limit of processor time in seconds."""
        self._serial += 1
        _RECORD.pack_into(self._memory, 0, event_id.encode()[:_ID_MAX], cpu_limit_s, self._serial)

    def end(self) -> None:
        """Mark that nothing is being folded."""
        _RECORD.pack_into(self._memory, 0, b"", 0.0, 0)

    def close(self) -> None:
        """Release the memory; a watchdog that still reads keeps its own mapping."""
        self._memory.close()
        self._file.close()


def open_marks(fd: int) -> mmap.mmap:
    """Map the shared memory behind a descriptor for reading."""
    memory = mmap.mmap(fd, SIZE, prot=mmap.PROT_READ)
    os.close(fd)
    return memory


def read_mark(memory: mmap.mmap) -> Mark | None:
    """Return the fold in progress; None if there is none, or it changes while being read."""
    event_id, cpu_limit_s, serial = _RECORD.unpack_from(memory)
    if not serial or _RECORD.unpack_from(memory) != (event_id, cpu_limit_s, serial):
        return None
    return Mark(serial, event_id.rstrip(b"\0").decode("ascii", "replace"), cpu_limit_s)
