"""Reads an HTTP response: the status from the status line alone, everything else as far as it can be read.

Two readers parse the same bytes. A lenient one takes the status, and Retry-After where needed: an endpoint that wrote a
status has responded, however malformed the rest is. A strict one (llhttp) decides whether the whole response was well
formed: only then is its end certain, and the connection fit for another request.
"""

import re

import httptools

HEAD_MAX_BYTES = 32 * 1024
INTERIM = range(100, 200)
SWITCHING_PROTOCOLS = 101  # the last response on its connection, although in the range of interim ones
SUCCESS = range(200, 300)

_PREFIX = b"HTTP/1."
# RFC 9112, section 4, lets a client split a status line at any white space.
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9][ \t\v\f]+([1-9][0-9]{2})(?:[ \t\v\f].*)?", re.DOTALL)
_LINE_END = re.compile(rb"[\r\n]")
_HEAD_END = re.compile(rb"\r?\n\r?\n|\r\r")
_FOLD = re.compile(rb"(?:\r\n|\r|\n)[ \t]+")


class ResponseReader:
    """One response, fed as it arrives.

    `status` is set as soon as the line of a final status is complete. `done`: nothing further is worth waiting for, as
    the response has ended, is not HTTP, or enough of it was read. `clean`: it was well formed to its end, and the
    connection may be used again.
    """

    def __init__(self, *, kept_bytes: int) -> None:
        self.status: int | None = None
        self.done = False
        self.clean = False
        self._kept_bytes = kept_bytes
        self._raw = bytearray()  # the first HEAD_MAX_BYTES
        self._line_at = self._searched_to = 0
        self._interim_seen = False
        self._head_at = self._head_searched_to = 0
        self._head_end: re.Match[bytes] | None = None
        self._body: bytes | None = None  # None until the strict reader has passed the head
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    @property
    def started(self) -> bool:
        """Whether anything was received."""
        return bool(self._raw)

    @property
    def head_bytes(self) -> int:
        """How much of what was received is held in memory, besides the body."""
        return len(self._raw)

    def feed(self, data: bytes) -> None:
        """Read what was received."""
        before = len(self._raw)
        self._raw += data[: HEAD_MAX_BYTES - before]
        if self.status is None:
            self._scan_for_status()
        if self._parser is not None:
            self._parse(data)
        if self.status is None:
            self.done = self.done or before + len(data) > HEAD_MAX_BYTES
        elif not self.done:
            self.done = before + len(data) > HEAD_MAX_BYTES or self._enough()

    def close(self) -> None:
        """Drop the parser, which refers back to this reader."""
        self._parser = None

    def body(self) -> bytes:
        """The beginning of the body; without a status, the beginning of what was received instead."""
        if self._body is not None:
            return self._body
        if self.status is None:
            return bytes(self._raw[: self._kept_bytes])
        head_end = self._head_end or _HEAD_END.search(self._raw, self._head_at)
        return b"" if head_end is None else bytes(self._raw[head_end.end() : head_end.end() + self._kept_bytes])

    def retry_after(self) -> str | None:
        """The first Retry-After header, as far as the head was received."""
        head_end = self._head_end or _HEAD_END.search(self._raw, self._head_at)
        head = bytes(self._raw[self._head_at : None if head_end is None else head_end.start() + 1])
        complete_lines = _LINE_END.split(_FOLD.sub(b" ", head))[:-1]
        for line in complete_lines:
            name, colon, value = line.partition(b":")
            if colon and name.strip().lower() == b"retry-after":
                return value.strip().decode("latin-1")
        return None

    def _scan_for_status(self) -> None:
        """Go through complete lines until one holds a final status.

        1. White space before the first line is skipped. If the first line is not a status line, reading ends.
        2. After an interim status every line up to the next status line is skipped.
        """
        while True:
            line_end = _LINE_END.search(self._raw, self._searched_to)
            at = len(self._raw) if line_end is None else line_end.start()
            line = bytes(self._raw[self._line_at : at]).lstrip() if line_end or not self._interim_seen else b""
            if line_end is None:
                self._searched_to = at
                self.done = not _PREFIX.startswith(line[: len(_PREFIX)])
                return
            self._searched_to = self._line_at = line_end.end()
            status_line = _STATUS_LINE.fullmatch(line)
            if status_line is not None:
                status = int(status_line[1])
                if status not in INTERIM or status == SWITCHING_PROTOCOLS:
                    self.status, self._head_at, self._head_searched_to = status, at, at
                    if status == SWITCHING_PROTOCOLS:
                        self._parser = None
                    return
                self._interim_seen = True
            elif line and not self._interim_seen:
                self.done = True
                return

    def _parse(self, data: bytes) -> None:
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._parser, self.clean = None, False

    def _enough(self) -> bool:
        """Whether a response that has not ended cleanly was read far enough.

        A well-formed one is read until its body is as long as what is kept. The end of a malformed one is unknown: a
        success ends with its head; the body of a failure is worth waiting for, as it may say why.
        """
        if self._body is not None:
            return self._parser is None or len(self._body) >= self._kept_bytes
        if self._parser is not None:
            return False
        if self._head_end is None:
            self._head_end = _HEAD_END.search(self._raw, self._head_searched_to)
            self._head_searched_to = max(self._head_at, len(self._raw) - 3)
        if self._head_end is None:
            return False
        return self.status in SUCCESS or len(self._raw) - self._head_end.end() >= self._kept_bytes

    # Called by the parser.

    def on_message_begin(self) -> None:
        """llhttp: a response begins."""
        self.clean = False  # a second response follows the first, or its beginning

    def on_headers_complete(self) -> None:
        """llhttp: status line and headers are read."""
        assert self._parser is not None
        if not self.done and self._parser.get_status_code() == self.status:
            self._body = b""

    def on_body(self, body: bytes) -> None:
        """llhttp: a part of the body; kept up to the limit."""
        if not self.done and self._body is not None and len(self._body) < self._kept_bytes:
            self._body = (self._body + body)[: self._kept_bytes]

    def on_message_complete(self) -> None:
        """llhttp: the response is complete."""
        assert self._parser is not None
        if self.status is not None and not self.done and self._parser.get_status_code() == self.status:
            self.clean = self._parser.should_keep_alive()
            self.done = True
