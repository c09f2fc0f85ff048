"""Read a file named by a user: only regular files, up to a size limit, and only when it has changed."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from webhook_app.domain.explanations import explain
from webhook_app.domain.failures import Failure
from webhook_app.text.error_messages import explain_os_error

CHUNK_BYTES = 1024 * 1024

FileIdentity = tuple[int, int, int, int, int]


class FileReadError(OSError):
    """A file cannot be read; the message continues the sentence `the file …`, and `explanation` is its code."""

    def __init__(self, failure: Failure, **arguments: object) -> None:
        self.explanation = explain(failure, **arguments)
        super().__init__(self.explanation.text)


@dataclass(frozen=True, slots=True)
class RegularFile:
    """The content of a file, and the identity of this version."""

    content: bytes
    identity: FileIdentity


def identity_of(status: os.stat_result) -> FileIdentity:
    """Return the identity of a file's version; it includes the inode change time, which cannot be set back."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_regular_file(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes. Raises FileReadError with the reason if that fails."""
    file = read_changed_file(path, limit, None)
    assert file is not None
    return file.content


def read_changed_file(path: Path, limit: int, last_identity: FileIdentity | None) -> RegularFile | None:
    """Read a regular file of at most `limit` bytes; None if it is unchanged since `last_identity`.

    A pipe or a device would block for ever or never end, so the file is opened without waiting and its type checked
    first.
    FileReadError says why a file is not read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = explain_os_error(error) if isinstance(error, OSError) else explain(Failure.FILE_NAME_NUL)
        raise FileReadError(Failure.FILE_UNREADABLE, why=why) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileReadError(Failure.FILE_UNREADABLE, why=explain(Failure.FILE_IRREGULAR))
        identity = identity_of(status)
        if identity == last_identity:
            return None
        content = _read(descriptor, limit)
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise FileReadError(Failure.FILE_TOO_LARGE, limit=limit)
    return RegularFile(content, identity)


def _read(descriptor: int, limit: int) -> bytes:
    """Read to the end, but at most one byte more than the limit."""
    content = bytearray()
    try:
        while len(content) <= limit and (chunk := os.read(descriptor, min(CHUNK_BYTES, limit + 1 - len(content)))):
            content += chunk
    except OSError as error:
        raise FileReadError(Failure.FILE_UNREADABLE, why=explain_os_error(error)) from None
    return bytes(content)
