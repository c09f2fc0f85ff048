"""Tell an append-only file with an unfinished last write from one that is damaged elsewhere.

A power cut leaves two kinds of unfinished end: a truncated last command, and, if the file system had extended the file
before writing the data, zero bytes up to the end. Neither write was acknowledged.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_COMMAND_INSIDE = re.compile(rb"\r\n\*\d+\r\n\$\d+\r\n[A-Za-z]")
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class UnfinishedTail:
    """The offset of the unfinished write, and the number of zero bytes at the end of the file."""

    start: int
    zeros: int


def unfinished_tail(path: Path) -> UnfinishedTail | None:
    """Return the unfinished write at the end of the file; None if there is none, or the damage is of another kind.

    The server takes a damaged length for a truncated end and would drop everything after it. Therefore the remaining
    bytes must not contain another command.
    """
    try:
        size = path.stat().st_size
        zeros = _trailing_zeros(path, size)
        start = _cut_command(path, size - zeros)
        if start is None:
            return UnfinishedTail(size - zeros, zeros) if zeros else None
        with path.open("rb") as file:
            file.seek(start)
            inside = _COMMAND_INSIDE.search(file.read(size - zeros - start))
        return None if inside else UnfinishedTail(start, zeros)
    except (OSError, ValueError):
        return None


def drop_zeros(path: Path, tail: UnfinishedTail) -> None:
    """Remove zero bytes at the end, which the server treats as damage rather than as an unfinished write.

    The server itself removes a truncated command before them, with the transaction that it belongs to.
    """
    if tail.zeros:
        with path.open("r+b") as file:
            file.truncate(file.seek(0, os.SEEK_END) - tail.zeros)
            os.fsync(file.fileno())


def _trailing_zeros(path: Path, size: int) -> int:
    with path.open("rb") as file:
        end = size
        while end > 0:
            start = max(0, end - _CHUNK_BYTES)
            file.seek(start)
            content = file.read(end - start).rstrip(b"\0")
            if content:
                return size - start - len(content)
            end = start
    return size


def _cut_command(path: Path, size: int) -> int | None:
    """Return the offset of a command truncated at `size` bytes; None if they end with a complete one."""
    with path.open("rb") as file:
        while (start := file.tell()) < size:
            argument_count = _length(file.readline(), b"*", file.tell() > size)
            for _ in range(argument_count or 0):
                length = _length(file.readline(), b"$", file.tell() > size)
                if length is None or file.tell() + length + 2 > size:
                    return start
                file.seek(length + 2, 1)
            if argument_count is None:
                return start
    return None


def _length(line: bytes, mark: bytes, beyond: bool) -> int | None:
    """Return the number in a header line; None if the line is truncated. Raises ValueError for anything else."""
    if beyond or not line.endswith(b"\n"):
        return None
    if not line.startswith(mark):
        raise ValueError(line[:20])
    return int(line[1:])
