"""Makes text from outside safe to print: nothing in it can steer a terminal, forge a line or turn text around."""

import json
import re
from typing import Any

# A blank is the only space that is printable; str.isprintable also refuses control characters, bidirectional overrides,
# line and paragraph separators, and lone surrogates, which cannot be encoded at all.
_NOT_ASCII_PRINTABLE = re.compile(r"[^\x20-\x7e]")


def printable(text: str) -> str:
    """The text with every character that is not printable as its escape, such as \\x1b or \\u202e."""
    if text.isprintable():
        return text
    return _NOT_ASCII_PRINTABLE.sub(_escaped, text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines, each set in, so that none of them can pass for a line of the log."""
    return "\n".join("    " + printable(line) for line in text.split("\n"))


def json_for_terminal(value: Any, *, indent: int | None = None) -> str:
    """JSON that keeps the letters of every language readable and escapes what is not printable."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _NOT_ASCII_PRINTABLE.sub(_escaped_in_json, text)


def _escaped(match: re.Match[str]) -> str:
    letter = match[0]
    return letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode("ascii")


def _escaped_in_json(match: re.Match[str]) -> str:
    letter = match[0]
    # The line ends of an indented document; inside a string JSON has escaped them already.
    return letter if letter == "\n" or letter.isprintable() else json.dumps(letter)[1:-1]
