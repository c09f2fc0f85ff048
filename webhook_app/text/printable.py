"""Makes untrusted text safe to print: no terminal control, forged lines or bidirectional overrides."""

import json
import re
from typing import Any

# A blank is the only space that is printable; str.isprintable also refuses control characters, bidirectional overrides,
# line and paragraph separators, and lone surrogates, which cannot be encoded at all.
_NOT_ASCII_PRINTABLE = re.compile(r"[^\x20-\x7e]")


def printable(text: str) -> str:
    """Escape characters that are not printable, such as \\x1b or \\u202e."""
    if text.isprintable():
        return text
    return _NOT_ASCII_PRINTABLE.sub(_escaped, text)


def printable_lines(text: str) -> str:
    """Escape a text of several lines and indent each, so that none can be taken for a log line."""
    return "\n".join("    " + printable(line) for line in text.split("\n"))


def json_for_terminal(value: Any, *, indent: int | None = None) -> str:
    """Encode JSON with readable letters of all languages and escaped non-printable characters."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _NOT_ASCII_PRINTABLE.sub(_escaped_in_json, text)


def _escaped(match: re.Match[str]) -> str:
    letter = match[0]
    return letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode("ascii")


def _escaped_in_json(match: re.Match[str]) -> str:
    letter = match[0]
    # The line ends of an indented document; inside a string JSON has escaped them already.
    return letter if letter == "\n" or letter.isprintable() else json.dumps(letter)[1:-1]
