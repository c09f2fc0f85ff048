"""Conditions: whatever is written, it compiles or is refused, ends within its budget, and means what CEL means."""

from random import Random
from typing import Any

import cel

from webhook_app.domain.budget import BudgetExceededError, step_budget
from webhook_app.domain.rules.cel.meter import CEL_ERRORS, STEPS_MAX
from webhook_app.domain.rules.condition_faults import ConditionFault
from webhook_app.domain.rules.conditions import (
    ConditionError,
    ConditionResult,
    compile_condition,
    evaluate,
    stored_condition,
)
from webhook_app.domain.view_examples import room_shapes

ATOMS = (
    *("true", "false", "null", "1", "0", "-1", "2u", "1.5", "9223372036854775807", "'a'", '"é"', "r'\\d'", "b'x'"),
    *("room.on_air", "room.state", "room.session.participant_count", "room.session.participants", "room.groups"),
    *("event.data.name", "event.data.list", "event.type", "event.data.nothing", "x", "y", "[1, 2, 3]", "['a', 'b']"),
    *("{'a': 1}", "[]", "[[1, 1]]", "duration('1h')", "timestamp('2026-01-01T00:00:00Z')", "'(a+)+b'", "'\\\\w{90}'"),
)
PIECES = (*"()[]{}?:.,'\"\\!-+", "&&", "||", "//", "\n", '"""', ".all(x,", ".map(x,", "__step(0)", "room", "event")
EVENT = {"id": "1-0", "type": "hls-started", "data": {"name": "Guest", "list": [1, 2, 3, 2], "text": "aaaa" * 20}}
COMPARED_STEPS_MAX = 2_000


def make(random: Random) -> str:
    """A condition from this seed: by the grammar, and now and then damaged."""
    source = _expression(random, random.randint(1, 6))
    for _ in range(random.choice((0, 0, 0, 0, 0, 1, 3))):
        at = random.randint(0, len(source))
        source = source[:at] + random.choice(PIECES) + source[at + random.randint(0, 2) :]
    return source


def check(source: str) -> None:
    """AssertionError, or whatever is raised, when the condition does what none may."""
    try:
        compile_condition(source)
    except ConditionError:
        assert evaluate(stored_condition(source), lambda name, inner: None).refused
        return
    shape = room_shapes()[-1]
    condition = stored_condition(source)

    def decide() -> tuple[ConditionResult, int]:
        condition.results.clear()
        with step_budget(10 * STEPS_MAX, "the fuzzer") as budget:
            result = evaluate(condition, lambda name, inner: shape[name], EVENT)
        return result, budget.spent

    (result, steps), again = decide(), decide()
    assert (result, steps) == again
    assert steps <= STEPS_MAX + 1
    assert result.refused == (
        steps > STEPS_MAX or (result.error is not None and result.error.code == ConditionFault.TOO_COSTLY)
    )
    if not result.refused and steps <= COMPARED_STEPS_MAX:
        _means_the_same(source, shape, result)


def _means_the_same(source: str, shape: Any, result: ConditionResult) -> None:
    variables = {"room": dict(shape), "event": EVENT}
    try:
        plain = cel.compile(source).execute(variables)
    except (*CEL_ERRORS, BudgetExceededError):
        plain = None
    assert result.is_true == (plain is True), (result, plain)


def _expression(random: Random, depth: int) -> str:
    """Mostly of fitting types, so that it is evaluated to its end; now and then of any."""
    if random.random() < 0.1:
        return random.choice(ATOMS)
    return _truth(random, depth)


def _truth(random: Random, depth: int) -> str:
    if depth <= 0:
        return random.choice(("true", "false", "room.on_air", "room.watchable", "event.data.list.size() > 2", "1 < 2"))
    match random.randint(0, 7):
        case 0 | 1:
            return f"({_truth(random, depth - 1)} {random.choice(('&&', '||'))} {_expression(random, depth - 1)})"
        case 2:
            return f"!{_truth(random, depth - 1)}"
        case 3 | 4:
            macro = random.choice(("all", "exists", "exists_one", "existsOne"))
            body = random.choice((_truth(random, depth - 1), "x == 2", "x > y"))
            return f"{_list(random, depth - 1)}.{macro}(x, {body})"
        case 5:
            side = random.choice((_list, _text, _number))
            return f"({side(random, depth - 1)} {random.choice(('==', '!='))} {side(random, depth - 1)})"
        case 6:
            method = random.choice(("contains", "startsWith", "endsWith", "matches"))
            return f"{_text(random, depth - 1)}.{method}({_text(random, depth - 1)})"
        case _:
            return f"({_number(random, depth - 1)} in {_list(random, depth - 1)})"


def _list(random: Random, depth: int) -> str:
    if depth <= 0:
        return random.choice(("[1, 2, 3]", "event.data.list", "room.session.participants", "[]", "[[1], [2, 2]]"))
    match random.randint(0, 4):
        case 0:
            return f"{_list(random, depth - 1)}.map(x, {random.choice(('x', '[x, x]', _number(random, depth - 1)))})"
        case 1:
            return f"{_list(random, depth - 1)}.filter(x, {_expression(random, depth - 1)})"
        case 2:
            return f"{_list(random, depth - 1)}.map(y, {_truth(random, depth - 1)}, y)"
        case 3:
            return "[[1, 1]]" + ".map(x, x + x)" * random.randint(0, 20)
        case _:
            return f"({_list(random, depth - 1)} + {_list(random, depth - 1)})"


def _text(random: Random, depth: int) -> str:
    if depth <= 0:
        return random.choice(
            ("'a'", "room.state", "event.data.name", "event.data.text", "'(a+)+b'", "r'\\w{90}'", "'['")
        )
    return f"({_text(random, depth - 1)} + {_text(random, depth - 1)})"


def _number(random: Random, depth: int) -> str:
    if depth <= 0:
        return random.choice(("0", "1", "2", "room.session.participant_count", "9223372036854775807", "x"))
    if random.random() < 0.5:
        return f"{_list(random, depth - 1)}.size()"
    return f"({_number(random, depth - 1)} {random.choice('+-*/%')} {_number(random, depth - 1)})"
