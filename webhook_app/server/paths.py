"""Request paths whose segments may hold an encoded slash: decoding them, and the URL converter for rooms."""

import re
from urllib.parse import unquote_to_bytes

from werkzeug.routing import PathConverter

_KEPT = re.compile(rb"(%2[Ff]|%25)")


def decoded_path(raw_path: bytes) -> bytes:
    """A path, percent-decoded but for `%2F` and `%25`: a slash in a segment differs from one between segments."""
    pieces = _KEPT.split(raw_path)
    return b"".join(piece.upper() if at % 2 else unquote_to_bytes(piece) for at, piece in enumerate(pieces))


class RoomConverter(PathConverter):
    """A room in a URL: one segment in which `%2F` and `%25` are left to decode.

    A proxy may have decoded the slashes, so several segments are accepted too. What they mean can then be ambiguous;
    one encoded segment never is.
    """

    def to_python(self, value: str) -> str:
        """Decode a path segment, in which a slash is encoded."""
        return value.replace("%2F", "/").replace("%25", "%")
