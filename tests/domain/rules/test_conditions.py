"""Conditions: what they look at, what they come to, and how they fail."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from webhook_app.domain.explanations import explain
from webhook_app.domain.rules.condition_faults import ConditionFault
from webhook_app.domain.rules.conditions import ConditionError, compile_condition, evaluate, expression_value
from webhook_app.domain.rules.messages import split_message

ROOM = {"on_air": True, "state": "playable", "session": {"participant_count": 2, "participants": []}, "stream": None}


def field_of(name: Any, inner: Any) -> Any:
    return ROOM[name]


def evaluated(source: Any, event: Any = None, now: Any = None) -> Any:
    return evaluate(compile_condition(source), field_of, event, now)


def test_a_condition_receives_only_the_fields_it_reads() -> None:
    paths = []

    def read_field(name: str, inner: object) -> Any:
        paths.append(name)
        return ROOM[name]

    condition = compile_condition('room.on_air && room.state == "playable"')
    assert evaluate(condition, read_field).is_true
    assert list(dict.fromkeys(paths)) == ["on_air", "state"]


def test_a_condition_that_uses_the_room_as_a_whole_is_handed_all_of_it() -> None:
    assert len(compile_condition("size(room) > 1").room_paths) == 17


def test_a_room_in_a_string_is_not_the_room() -> None:
    assert compile_condition('room.state == "room.on_aire"').room_paths == {"state": None}


def test_a_condition_says_whether_it_depends_on_who_is_there() -> None:
    assert compile_condition("room.session.participant_count == 0").uses_session
    assert not compile_condition("room.on_air").uses_session


def test_a_condition_is_compiled_once() -> None:
    assert compile_condition("room.on_air") is compile_condition("room.on_air")


def test_an_error_is_false_and_says_what_it_was() -> None:
    assert evaluated("room.session.participant_count == 2").error is None
    missing = evaluated("event.data.nobody == 1", {"data": {}})
    assert (missing.is_true, missing.error) == (False, explain(ConditionFault.FIELD_MISSING, field="nobody"))
    nothing = evaluated("room.stream.state == 'x'")
    assert (nothing.is_true, bool(nothing.error)) == (False, True)


def test_what_is_neither_true_nor_false_is_false_and_says_so() -> None:
    assert evaluated("room.state").error == explain(ConditionFault.NOT_BOOLEAN, type="str")
    assert not evaluated("1").is_true


@pytest.mark.parametrize(
    "source",
    [
        "1 / (room.session.participant_count - 2) == 1",
        "1 % (room.session.participant_count - 2) == 1",
        "room.session.participants[3] == 1",
        "room.state.matches('[')",
        "9223372036854775807 + 1 == 1",
        "int(room.state) == 1",
        "room.state < 1",
        "{1: 2}[3] == 2",
        "[1, 2].map(x, x / 0) == []",
        "duration('soon') == duration('1s')",
        "timestamp('soon') == timestamp('later')",
        "nobody(room.state)",
    ],
)
def test_no_condition_however_wrong_raises(source: str) -> None:
    result = evaluated(source)
    assert not result.is_true
    assert result.error


@pytest.mark.parametrize("zone", ["Nowhere/Zone", "../../etc/passwd", ""])
def test_a_zone_that_does_not_exist_is_false(zone: str) -> None:
    result = evaluated(f"now.getHours('{zone}') == 12", now=datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert not result.is_true
    assert result.error


def test_the_hour_is_the_moments_own_and_a_zone_may_be_named() -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert evaluated("now.getHours() == 12", now=noon).is_true
    assert evaluated("now.getHours('Asia/Tokyo') == 21", now=noon).is_true
    assert evaluated("now.getDayOfWeek() == 0 && now.getMonth() == 10 && now.getDate() == 22", now=noon).is_true


def test_a_moment_in_a_zone_with_daylight_saving_is_the_wall_clocks() -> None:
    summer = datetime(2026, 7, 1, 9, tzinfo=ZoneInfo("Europe/London"))
    assert evaluated("now.getHours() == 9", now=summer).is_true
    assert evaluated("now == timestamp('2026-07-01T08:00:00Z')", now=summer).is_true


def test_nothing_of_python_can_be_reached() -> None:
    for source in ["__import__('os')", "room.__class__", "open('/etc/passwd')"]:
        with pytest.raises((ConditionError, RuntimeError, KeyError, TypeError)):
            expression_value(compile_condition(source), field_of)


def test_a_message_is_split_into_text_and_expressions() -> None:
    assert split_message("a {b} c{d}") == [("a ", "b"), (" c", "d")]
    assert split_message("plain") == [("plain", None)]


@pytest.mark.parametrize("text", ["{room", "room}", "{a} b}"])
def test_a_brace_without_its_twin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has no matching"):
        split_message(text)
