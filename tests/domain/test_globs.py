"""Globs: what they match, and that no pattern takes long."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from marshmallow import ValidationError

from webhook_app.config.values import InvalidValueError, globs
from webhook_app.domain.globs import (
    PATTERN_MAX_CHARS,
    STARS_MAX,
    any_glob_matches,
    check_glob,
    glob_matcher,
    glob_matches,
)
from webhook_app.schemas.room import NewRoomSchema
from webhook_app.schemas.rule import RuleSchema
from webhook_app.schemas.subscriber import SubscribeSchema

PATTERNS = some.text(alphabet="ab*?[]!-^\\&~|.\n(){}+", max_size=16)
TEXTS = some.text(alphabet="ab*[]!-^\\&~|.\n", max_size=10)


@settings(max_examples=1_000, deadline=None)
@given(TEXTS, PATTERNS)
def test_a_pattern_means_what_it_means_to_fnmatch(text: Any, pattern: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert glob_matches(text, pattern) == glob_matcher(pattern)(text) == fnmatchcase(text, pattern)


@pytest.mark.parametrize(
    "pattern", ["[z-a]", "[", "[]", "[!]", "[!z-a]", "[[a]", "[a&&b]", "[a-]", "(?P<g0>", "\\", "[\\]"]
)
def test_an_odd_pattern_raises_nothing(pattern: str) -> None:
    assert glob_matches("no", pattern) in (True, False)


def test_case_and_the_whole_text_count() -> None:
    assert glob_matches("team-a", "team-*")
    assert not glob_matches("Team-a", "team-*")
    assert not glob_matches("team-a-b", "team-?")
    assert any_glob_matches("x", ["a*", "[w-z]"])


CATASTROPHIC = ["*a" * 99 + "*b", "*" * 199 + "b", "*?" * 99 + "b", "*[ab]" * 39 + "c", "*a*?" * 49 + "b"]
MATCH_ALL = f"""
from webhook_app.domain.globs import glob_matches
print([glob_matches("ab" * 1_000, pattern) for pattern in {CATASTROPHIC!r}])
"""


def test_no_pattern_backtracks() -> None:
    ended = subprocess.run([sys.executable, "-c", MATCH_ALL], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.count("False") + ended.stdout.count("True") == len(CATASTROPHIC)


@pytest.mark.parametrize("pattern", ["x" * (PATTERN_MAX_CHARS + 1), "*" * (STARS_MAX + 1), "a*" * (STARS_MAX + 1)])
def test_every_input_refuses_a_pattern_that_is_too_large(pattern: str) -> None:
    assert check_glob(pattern) is not None
    with pytest.raises(ValidationError) as rule:
        RuleSchema().load({"name": "a", "rooms": [pattern], "on": "x", "do": "notify"})
    assert "rooms" in rule.value.messages
    for field in ("rooms", "because", "types"):
        with pytest.raises(ValidationError) as subscriber:
            SubscribeSchema().load({"url": "https://example.com", field: [pattern]})
        assert field in subscriber.value.messages
    with pytest.raises(ValueError, match="at most"):
        globs(f"team-*,{pattern}")


IMPOSSIBLE = ["", " ", "group:", "a\x01b", "a\nb", "a\x7f", "a\u2028b", "group:a\tb", "a\x85", "\ud800"]
POSSIBLE = ["Große Halle", "hello?x", "team/standup", "🎻", "👨\u200d👩\u200d👧", "نمی\u200cدانم", "group:a b"]


@pytest.mark.parametrize("pattern", IMPOSSIBLE)
def test_a_pattern_that_can_match_no_room_is_refused_everywhere(pattern: Any) -> None:
    assert check_glob(pattern) is not None
    refusals: list[Callable[[], object]] = [
        lambda: rule(rooms=[pattern]),
        lambda: subscriber(rooms=[pattern]),
        lambda: room(pattern.removeprefix("group:")),
    ]
    for refuse in refusals:
        with pytest.raises(ValidationError):
            refuse()
    if pattern.strip() == pattern:
        with pytest.raises(InvalidValueError):
            globs(f"x,{pattern}")


@pytest.mark.parametrize("pattern", POSSIBLE)
def test_names_of_every_script_are_accepted(pattern: Any) -> None:
    assert check_glob(pattern) is None
    assert rule(rooms=[pattern])["rooms"] == [pattern]


def rule(**fields: Any) -> Any:
    return RuleSchema().load({"name": "x", "when": "room.on_air", "do": "notify", **fields})


def subscriber(**fields: Any) -> Any:
    return SubscribeSchema().load({"url": "https://subscriber.example/in", **fields})


def room(room_id: Any) -> Any:
    return NewRoomSchema().load({"room_id": room_id})
