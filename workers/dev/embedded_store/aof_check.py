"""Find out whether an append-only file only ends in an unfinished write, or is damaged further in.

A power cut leaves two kinds of unfinished end: a last command that is cut short, and, where the file system had
extended the file before it wrote the data, zero bytes up to the end. Neither was acknowledged.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_COMMAND_INSIDE = re.compile(rb"\r\n\*\d+\r\n\$\d+\r\n[A-Za-z]")
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class UnfinishedTail:
    """Where the unfinished write begins, and how many zero bytes the file ends in."""

    start: int
    zeros: int


def unfinished_tail(path: Path) -> UnfinishedTail | None:
    """The unfinished write that the file ends in; None when there is none, or the damage is of another kind.

    A damaged length looks like a cut end to the server, which would then drop everything behind it: so no other
    command may lie within what is left.
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
    """Cut off a tail of zero bytes, which the server calls damage rather than an unfinished write.

    The start of a command that is left before it is cut off by the server, which also drops the transaction that the
    command belongs to.
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
            kept = file.read(end - start).rstrip(b"\0")
            if kept:
                return size - start - len(kept)
            end = start
    return size


def _cut_command(path: Path, size: int) -> int | None:
    """Where the command that the first `size` bytes cut off begins; None when they end with a whole one."""
    with path.open("rb") as file:
        while (start := file.tell()) < size:
            words = _length(file.readline(), b"*", file.tell() > size)
            for _ in range(words or 0):
                length = _length(file.readline(), b"$", file.tell() > size)
                if length is None or file.tell() + length + 2 > size:
                    return start
                file.seek(length + 2, 1)
            if words is None:
                return start
    return None


def _length(line: bytes, mark: bytes, beyond: bool) -> int | None:
    """The number in a header line; None when the line is cut off; ValueError when it is no header."""
    if beyond or not line.endswith(b"\n"):
        return None
    if not line.startswith(mark):
        raise ValueError(line[:20])
    return int(line[1:])
