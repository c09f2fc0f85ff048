"""A log stream that ignores write errors."""

from typing import TextIO


class LogStream:
    """Writes to `stream` and drops what cannot be written, as to a file on a full disk or a pipe that was closed.

    A log line is no reason for a request or a job to fail.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # ValueError: the stream is closed
            return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            pass

    def isatty(self) -> bool:
        """Whether a terminal reads it."""
        return self._stream.isatty()
