"""Whether an append-only file ends in a write that was cut short, or is damaged further in."""

import re
from pathlib import Path

_COMMAND_INSIDE = re.compile(rb"\r\n\*\d+\r\n\$\d+\r\n[A-Za-z]")


def is_only_torn(path: Path) -> bool:
    """True when nothing but the last command is incomplete, and no other command lies within what is left.

    A damaged length looks like a torn end to the server, which would then cut off everything behind it.
    """
    try:
        start = _torn_command(path)
        if start is None:
            return False
        with path.open("rb") as file:
            file.seek(start)
            return not _COMMAND_INSIDE.search(file.read())
    except (OSError, ValueError):
        return False


def _torn_command(path: Path) -> int | None:
    """Where the command that the file's end cuts off begins; None when it ends with a whole one."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while (start := file.tell()) < size:
            words = _length(file.readline(), b"*")
            for _ in range(words or 0):
                length = _length(file.readline(), b"$")
                if length is None or file.tell() + length + 2 > size:
                    return start
                file.seek(length + 2, 1)
            if words is None:
                return start
    return None


def _length(line: bytes, mark: bytes) -> int | None:
    """The number in a header line; None when the line is cut off; ValueError when it is no header."""
    if not line.endswith(b"\n"):
        return None
    if not line.startswith(mark):
        raise ValueError(line[:20])
    return int(line[1:])
