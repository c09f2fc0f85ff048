"""Read a file that a user names: a regular file, and no more of it than a limit."""

import os
import stat
from pathlib import Path

CHUNK_BYTES = 1024 * 1024


class FileReadError(OSError):
    """A file that is not read; the message says why."""


def read_regular_file(path: Path, limit: int) -> bytes:
    """The bytes of a regular file, at most `limit` of them; FileReadError says why there are none.

    A pipe or a device would block for ever or never end, so the file is opened without waiting and looked at first.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name holds a NUL"
        raise FileReadError(f"cannot be read: {reason}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileReadError("cannot be read: it is a directory, a pipe or a device, not a file")
        content = bytearray()
        while len(content) <= limit and (chunk := os.read(descriptor, min(CHUNK_BYTES, limit + 1 - len(content)))):
            content += chunk
    except FileReadError:
        raise
    except OSError as error:
        raise FileReadError(f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise FileReadError(f"larger than {limit} bytes")
    return bytes(content)
