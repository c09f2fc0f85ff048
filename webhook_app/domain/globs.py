"""Globs of rooms, types and reasons: `*`, `?`, `[abc]`, `[!abc]`. All patterns of users are matched here.

`fnmatch.translate` writes each `*` so that it never backtracks (since Python 3.9), so the time of a match grows with
the lengths of text and pattern only; a test holds that.
"""

import re
import warnings
from collections.abc import Callable, Iterable
from fnmatch import translate
from functools import lru_cache
from unicodedata import category

PATTERN_MAX_CHARS = 200
STARS_MAX = 20
_NO_NAME = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control characters, half characters, line and paragraph separators


def check_glob(pattern: str) -> str | None:
    """Why a pattern is not taken, or None when it is."""
    if len(pattern) > PATTERN_MAX_CHARS:
        return f"a pattern has at most {PATTERN_MAX_CHARS} characters"
    if pattern.count("*") > STARS_MAX:
        return f"a pattern has at most {STARS_MAX} `*`"
    return name_fault(pattern.removeprefix("group:"))


def name_fault(text: str) -> str | None:
    """Why no room, group or type can have this name; joiners, as in some emoji and scripts, are fine."""
    if not text.strip():
        return "it is empty; write an id, a name or a glob"
    if any(category(letter) in _NO_NAME for letter in text):
        return "it holds a line break or another control character, which no room's name or id does"
    return None


def is_glob(pattern: str) -> bool:
    """Whether a pattern means more than what it spells."""
    return any(letter in pattern for letter in "*?[")


def glob_matches(text: str, pattern: str) -> bool:
    """Whether the whole text matches a pattern; upper and lower case differ."""
    return _matcher(pattern)(text) is not None


def any_glob_matches(text: str, patterns: Iterable[str]) -> bool:
    """Whether the whole text matches one of the patterns."""
    return any(glob_matches(text, pattern) for pattern in patterns)


def glob_matcher(pattern: str) -> Callable[[str], bool]:
    """What matches whole texts with a pattern that is not kept: a request's filter must not displace those of rules."""
    match = _compile(pattern)
    return lambda text: match(text) is not None


@lru_cache(maxsize=50_000)
def _matcher(pattern: str) -> Callable[[str], object]:
    """The library's own cache holds a few hundred patterns: beyond, each would be compiled again for each room."""
    return _compile(pattern)


def _compile(pattern: str) -> Callable[[str], object]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about sets that may mean something else in a later Python
            return re.compile(translate(pattern)).match
    except (re.error, RecursionError, OverflowError):
        return lambda text: None
