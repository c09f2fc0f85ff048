"""Values that a test knows to be there, asserted for the reader and the type checker."""

import re
from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """The value; AssertionError when it is None."""
    assert value is not None
    return value


def found_group(pattern: str, text: str, group: int = 1, flags: int = 0) -> str:
    """A group of the pattern's first match in the text; AssertionError when nothing matches."""
    match = re.search(pattern, text, flags)
    assert match is not None, f"nothing matches {pattern}"
    return str(match.group(group))
