"""Conditions: whatever is written, it compiles or is refused, ends within its budget, and means what CEL means."""

from random import Random
from typing import Any

import cel

from webhook_app.domain.budget import BudgetExceededError, step_budget
from webhook_app.domain.cel_meter import CEL_ERRORS, STEPS_MAX
from webhook_app.domain.conditions import ConditionError, Verdict, compile_condition, holds, stored_condition
from webhook_app.domain.shapes import room_shapes

ATOMS = (
    *("true", "false", "null", "1", "0", "-1", "2u", "1.5", "9223372036854775807", "'a'", '"é"', "r'\\d'", "b'x'"),
    *("room.on_air", "room.state", "room.session.participant_count", "room.session.participants", "room.groups"),
    *("event.data.name", "event.data.list", "event.type", "event.data.nothing", "x", "y", "[1, 2, 3]", "['a', 'b']"),
    *("{'a': 1}", "[]", "[[1, 1]]", "duration('1h')", "timestamp('2026-01-01T00:00:00Z')", "'(a+)+b'", "'\\\\w{90}'"),
)
OPERATORS = ("&&", "||", "==", "!=", "<", ">=", "+", "-", "*", "/", "%", "in")
MACROS = ("all", "exists", "exists_one", "existsOne", "map", "filter")
METHODS = ("size", "contains", "startsWith", "endsWith", "matches", "getHours")
PIECES = (*"()[]{}?:.,'\"\\!-+", "&&", "||", "//", "\n", '"""', ".all(x,", ".map(x,", "__step(0)", "room", "event")
EVENT = {"id": "1-0", "type": "hls-started", "data": {"name": "Guest", "list": [1, 2, 3, 2], "text": "aaaa" * 20}}
COMPARED_STEPS_MAX = 2_000


def make(random: Random) -> str:
    """A condition from this seed: by the grammar, and now and then damaged."""
    source = _expression(random, random.randint(1, 6))
    for _ in range(random.choice((0, 0, 0, 1, 3))):
        at = random.randint(0, len(source))
        source = source[:at] + random.choice(PIECES) + source[at + random.randint(0, 2) :]
    return source


def check(source: str) -> None:
    """AssertionError, or whatever is raised, when the condition does what none may."""
    try:
        compile_condition(source)
    except ConditionError:
        assert holds(stored_condition(source), lambda name, inner: None).refused
        return
    shape = room_shapes()[-1]
    condition = stored_condition(source)

    def decide() -> tuple[Verdict, int]:
        condition.known.clear()
        with step_budget(10 * STEPS_MAX, "the fuzzer") as budget:
            verdict = holds(condition, lambda name, inner: shape[name], EVENT)
        return verdict, budget.spent

    (verdict, steps), again = decide(), decide()
    assert (verdict, steps) == again
    assert steps <= STEPS_MAX + 1
    assert verdict.refused == (steps > STEPS_MAX or "steps to compute" in (verdict.error or ""))
    if not verdict.refused and steps <= COMPARED_STEPS_MAX:
        _means_the_same(source, shape, verdict)


def _means_the_same(source: str, shape: Any, verdict: Verdict) -> None:
    variables = {"room": dict(shape), "event": EVENT}
    try:
        plain = cel.compile(source).execute(variables)
    except (*CEL_ERRORS, BudgetExceededError):
        plain = None
    assert verdict.held == (plain is True), (verdict, plain)


def _expression(random: Random, depth: int) -> str:
    if depth == 0:
        return random.choice(ATOMS)
    inner = [_expression(random, depth - 1 if random.random() < 0.7 else 0) for _ in range(3)]
    match random.randint(0, 7):
        case 0 | 1:
            return f"({inner[0]} {random.choice(OPERATORS)} {inner[1]})"
        case 2:
            return f"{inner[0]}.{random.choice(MACROS)}({random.choice('xy')}, {inner[1]})"
        case 3:
            return f"{inner[0]}.map(x, {inner[1]}, {inner[2]})"
        case 4:
            return f"{inner[0]}.{random.choice(METHODS)}({random.choice(('', inner[1]))})"
        case 5:
            return f"({inner[0]} ? {inner[1]} : {inner[2]})"
        case 6:
            return f"[{', '.join(inner[: random.randint(1, 3)])}]" + ".map(x, x + x)" * random.randint(0, 12)
        case _:
            return f"!({inner[0]})" if random.random() < 0.5 else f"{{'a': {inner[0]}, 'b': {inner[1]}}}"
