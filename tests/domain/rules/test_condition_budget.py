"""Conditions within a budget: whatever is written, evaluating it ends soon, ends no process, and says why."""

import subprocess
import sys
from typing import Any

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from marshmallow import ValidationError

from tests.support.scenario import Scenario
from webhook_app.domain.budget import BudgetExceededError, step_budget
from webhook_app.domain.events import Source
from webhook_app.domain.explanations import Explanation, explain
from webhook_app.domain.reasons import Reason
from webhook_app.domain.rules.cel.meter import (
    PATTERN_MAX_STATES,
    STEPS_MAX,
    MeteredProgram,
    measure,
    size_of,
    states_of,
)
from webhook_app.domain.rules.cel.source import DEPTH_MAX, MACROS, SourceError, meter, tokens_of
from webhook_app.domain.rules.condition_faults import ConditionFault
from webhook_app.domain.rules.conditions import (
    ConditionError,
    compile_condition,
    evaluate,
    expression_value,
    stored_condition,
)
from webhook_app.schemas.rule import RuleSchema

PEOPLE = [{"participant_id": f"p{number}", "name": f"Guest {number}"} for number in range(100)]
ROOM = {"on_air": True, "state": "playable", "session": {"participants": PEOPLE, "participant_count": 100}}
LIST = "[1,2,3,4,5,6,7,8,9]"
WHO = "room.session.participants"


def field_of(name: Any, inner: Any) -> Any:
    return ROOM[name]


def evaluated(source: Any, event: Any = None) -> Any:
    return evaluate(compile_condition(source), field_of, event)


def nested(macro: Any, depth: Any, body: str = "true", before: str = "") -> Any:
    return "".join(f"{LIST}.{macro}(x{level}, {before}" for level in range(depth)) + body + ")" * depth


COSTLY = {
    "all, nested": nested("all", 20),
    "all, behind what absorbs an error": nested("all", 20, before="false || "),
    "exists": nested("exists", 20, "false"),
    "exists, behind what absorbs an error": nested("exists", 20, "false", before="true && "),
    "exists_one": nested("exists_one", 20, "false"),
    "existsOne": nested("existsOne", 20, "false"),
    "filter": "".join(f"{LIST}.filter(x{level}, " for level in range(15)) + "true" + ").size() > 0" * 15,
    "map": nested("map", 20, "1") + ".size() == 9",
    "map with a filter": nested("map", 15, "1", before="true, ") + ".size() == 9",
    "map whose filter iterates": nested("map", 8, "1", before=f"{LIST}.all(y, true), ") + ".size() == 9",
    "people four times": f"{WHO}.all(a, {WHO}.all(b, {WHO}.all(c, {WHO}.all(d, a == a))))",
    "lists that double": "[[1, 1]]" + ".map(x, x + x)" * 60 + " == []",
    "lists of lists that double": "[[1, 1]]" + ".map(x, [x, x])" * 60 + " == []",
    "maps that double": "[[1, 1]]" + ".map(x, {1: x, 2: x})" * 40 + " == []",
    "strings that double": "['aaaaaaaaaaaaaaaa']" + ".map(x, x + x + x + x)" * 40 + " == []",
    "one hundredfold": f"[{WHO}]" + (".map(x, [" + "x," * 99 + "x])") * 3 + " == []",
    "hidden from a lexer by a comment": nested("all", 15).replace(".all(", ". all // (\n ("),
    "regular expressions in a loop": WHO + r".all(p, " + WHO + r".all(q, p.name.matches('\\w{90}') || true))",
}


@pytest.mark.parametrize("source", COSTLY.values(), ids=COSTLY.keys())
def test_a_condition_that_costs_too_much_is_false_and_says_so(source: Any) -> None:
    result = evaluated(source)
    assert (result.is_true, result.refused) == (False, True)
    assert result.error is not None and result.error.code == ConditionFault.TOO_COSTLY


COSTLY_ANYWHERE = {name: source for name, source in COSTLY.items() if "room" not in source}


@pytest.mark.parametrize("source", COSTLY_ANYWHERE.values(), ids=COSTLY_ANYWHERE.keys())
def test_rule_validation_refuses_a_condition_that_can_cost_too_much_in_any_room(source: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        RuleSchema().load({"name": "a", "rooms": ["*"], "when": source, "do": "end"})
    assert "steps to compute" in refused.value.messages_dict["when"][0]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (f"{WHO}.exists(p, p.name == 'Guest 99')", True),
        (f"{WHO}.exists(p, {WHO}.exists(q, p.name == q.name && p.participant_id != q.participant_id))", False),
        (f"{WHO}.map(p, p.name + '!').size() == 100", True),
        (f"{WHO}.filter(p, p.name.startsWith('Guest 1')).size() == 11", True),
        (f"{WHO}.all(p, p in {WHO})", True),
        (f"{WHO}.exists_one(p, p.name.matches('^Guest 7[0-9]?$') && p.name.endsWith('77'))", True),
        ("room.state in ['starting', 'playable'] && room.session.participant_count > 3", True),
        (f"{WHO}.map(p, p.participant_id != 'p1', p.name).size() == 99", True),
    ],
)
def test_what_people_ask_of_a_hundred_participants_is_within_the_budget(source: str, expected: bool) -> None:
    assert evaluated(source).error is None
    assert evaluated(source).is_true is expected


def test_a_cached_result_of_a_condition_costs_as_much_as_its_first_evaluation() -> None:
    condition = compile_condition("room.state.matches('^play') && room.on_air")
    costs = []
    for _ in range(2):
        with step_budget(STEPS_MAX, "the test") as budget:
            assert evaluate(condition, field_of).is_true
        costs.append(budget.spent)
    assert costs[0] == costs[1] > 0


def test_the_budget_around_an_evaluation_is_not_taken_for_the_conditions_own() -> None:
    condition = compile_condition("room.state.matches('^pl') && room.on_air")
    with pytest.raises(BudgetExceededError, match="the fold"), step_budget(5, "the fold"):
        evaluate(condition, field_of)
    assert evaluate(condition, field_of).is_true


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("event.data.map(k, k) == ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']", True),
        ("event.data.filter(k, k > 'f') == ['g', 'h']", True),
        ("event.data.exists(k, k == 'b' || 1 / 0 == 1)", False),
        ("event.data.all(k, k < 'x')", True),
        ("{'b': 1, 'a': 2, 'c': 3}.map(k, k) == ['a', 'b', 'c']", True),
    ],
)
def test_a_mapping_is_iterated_in_one_order(source: str, expected: bool) -> None:
    data = dict.fromkeys("hgfedcba", 1)
    results, costs = set(), set()
    for _ in range(20):
        with step_budget(STEPS_MAX, "the test") as budget:
            condition = compile_condition(source)
            condition.results.clear()
            results.add(evaluate(condition, field_of, {"data": data}).is_true)
        costs.add(budget.spent)
    assert results == {expected}
    assert len(costs) == 1


HUGE = {"data": {"xs": [1] * 120_000, "text": "a" * 240_000, "deep": [[{"a": "b"}] * 1_000] * 50}}


@pytest.mark.parametrize(
    "source",
    [
        "event == event && event.data == event.data && event.data.xs == event.data.xs && [event, event] == [event]",
        "event.data.xs.map(x, x).size() == 1",
        "event.data.xs.filter(x, true).size() == 1",
        "event.data.xs.all(x, event.data.xs.all(y, x == y))",
        "event.data.text.matches('(a{1,50}){1,50}b')",
        "[" + ", ".join(["event"] * 100) + "] == []",
        "[event].map(e, [e, e, e, e, e, e]) == []",
        " || ".join(["event.data.xs.exists(x, x == 2)"] * 50),
    ],
)
def test_a_large_event_does_not_make_a_condition_large(source: Any) -> None:
    result = evaluated(source, HUGE)
    assert (result.is_true, result.refused) == (False, True)


def test_a_large_text_is_searched() -> None:
    assert evaluated("event.data.text.matches('a*a*a*a*a*b')", HUGE).error is None
    assert evaluated("event.data.text.contains('aaa')", HUGE).is_true


DEEP = {
    "parentheses": "(" * 990 + "1" + ")" * 990,
    "lists": "[" * 990 + "]" * 990,
    "maps": "{1:" * 400 + "1" + "}" * 400,
    "calls": "size(" * 330 + "'a'" + ")" * 330,
    "has": "has(" * 400 + "a.b" + ")" * 400,
    "sums": "1" + "+1" * 990,
    "comparisons": "1" + "<1" * 990,
    "paths": "room" + ".a" * 900,
    "indexes": "room.groups" + "[0]" * 600,
    "conditionals": "true?true:" * 199 + "true",
    "not": "!" * 1_900 + "true",
    "minus": "-" * 1_900 + "1",
    "or": "||".join(["true"] * 330),
    "macros": "[1]" + ".map(x,[x])" * 150,
    "unbalanced": "(" * 1_990,
    "quotes": "'" * 1_990,
    "a huge number": "9" * 1_990,
    "a huge double": "1e999999 == 1.0",
    "durations": "duration('9223372036854775807s') < duration('-9999999999999999h')",
    "a moment past its end": "timestamp('9999-12-31T23:59:59Z') + duration('999999h') == room.updated_at",
    "a lone surrogate": "'\ud800' == ''",
    "NUL": "'\x00' == ''",
    "at the limit": "(" * DEPTH_MAX + "1" + "+1" * 290 + ")" * DEPTH_MAX + " == 291",
}
TRY_ALL = """
import threading
from tests.domain.rules.test_condition_budget import DEEP
from webhook_app.domain.rules.conditions import evaluate, stored_condition
def run():
    for source in DEEP.values():
        evaluate(stored_condition(source), lambda name, inner: None)
    print("ended")
threading.stack_size(512 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


def test_no_depth_overflows_the_smallest_stack_a_thread_has() -> None:
    ended = subprocess.run([sys.executable, "-c", TRY_ALL], capture_output=True, text=True, check=False, timeout=300)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ended\n", "")


def test_what_is_nested_too_deep_is_refused_with_the_limit() -> None:
    with pytest.raises(ConditionError, match=f"more than {DEPTH_MAX} levels"):
        compile_condition("(" * 25 + "true" + ")" * 25)
    with pytest.raises(ConditionError, match="more than 300 operators"):
        compile_condition("1" + " + 1" * 301 + " == 1")


@pytest.mark.parametrize("pattern", [r"\w{300}", "((a{1,99}){1,99}){1,99}", r"[\w-]{300}", r"\p{L}{300}", "a{9999999}"])
def test_a_regular_expression_that_is_too_large_is_not_compiled(pattern: str) -> None:
    assert states_of(pattern) > PATTERN_MAX_STATES
    escaped = pattern.replace("\\", "\\\\")
    assert evaluated(f"room.state.matches('{escaped}')").error == explain(
        ConditionFault.FAILED, error="the regular expression is too large"
    )


@pytest.mark.parametrize(
    "pattern",
    ["^[a-z]{4}-[a-z]{4}-[a-z]{4}$", r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$", "(?i)guest|host", r"^\+?[0-9 ]{5,20}$"],
)
def test_a_regular_expression_that_people_write_is_small(pattern: str) -> None:
    assert states_of(pattern) <= PATTERN_MAX_STATES


def test_the_names_of_the_metering_cannot_be_called() -> None:
    for source in ("__step(0)", "[1].map(x, __grown(x)) == []", "'a'.__matches('a')", "__step"):
        with pytest.raises(ConditionError, match="does not exist"):
            compile_condition(source)


def test_a_stored_condition_that_is_none_any_more_is_false_and_says_why() -> None:
    result = evaluate(stored_condition("(" * 40 + "true" + ")" * 40), field_of)
    assert (result.is_true, result.refused) == (False, True)
    assert result.error is not None and result.error.code == ConditionFault.UNUSABLE


def put(scenario: Any, name: Any, **rule: Any) -> None:
    rule = {"name": name, "rooms": ["*"], "for_s": 0, **rule}
    scenario.process(Source.CONFIG, "rule-put", {"rule": rule}, room=None)


def test_a_room_goes_on_beside_a_rule_that_costs_too_much() -> None:
    scenario = Scenario()
    costly = nested("all", 20)
    put(scenario, "costly", when=costly, do="end")
    put(scenario, "told", on="hls-started", do="notify", message="a {" + costly + "} b {room.room_id}")
    scenario.process(Source.VIDEOSDK, "hls-started", {"meetingId": scenario.room_id, "sessionId": "s1"})
    assert scenario.world.rooms[scenario.room_id].on_air
    decided = {
        decision.reason: decision.arguments["error"]["code"]
        for outcome in scenario.outcomes
        for decisions in outcome.decisions.values()
        for decision in decisions
        if "error" in decision.arguments
    }
    too_costly = ConditionFault.TOO_COSTLY
    assert decided == {Reason.CONDITION_ERROR: too_costly, Reason.RULE_MESSAGE_ERROR: too_costly}
    for name in ("costly", "told"):
        last_error = scenario.world.memory[name].last_error
        assert isinstance(last_error, Explanation) and last_error.code == too_costly
    [notice] = [notice for notice in scenario.announced if notice.type == "rule.told"]
    assert notice.data["message"] == f"a ? b {scenario.room_id}"


def test_rule_validation_refuses_a_message_of_many_costly_parts() -> None:
    message = "{" + nested("all", 3) + "}"
    with pytest.raises(ValidationError) as refused:
        RuleSchema().load({"name": "a", "rooms": ["*"], "on": "x", "do": "notify", "message": message * 15})
    assert "steps to compute" in refused.value.messages_dict["message"][0]


def test_the_library_writes_nothing_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    for source in COSTLY.values():
        evaluated(source)
    evaluated("room.state.matches('[')")
    assert capfd.readouterr() == ("", "")


MARKS = [*"'\"\\ \n/rRbB+", '"""', "'''", "'a'", '"b"', "//", "x", "1", "==", "(", ")", "size", "[1]", ".map(x, x)"]
PIECES = some.lists(some.sampled_from(MARKS), max_size=14).map("".join)


@settings(max_examples=400, deadline=None)
@given(PIECES)
def test_the_metered_form_means_what_the_source_means(source: Any) -> None:
    def outcome(run: Any) -> Any:
        try:
            return repr(run())
        except (ValueError, TypeError, RuntimeError, LookupError):
            return "an error"

    try:
        program = cel.compile(source)
    except ValueError:
        return
    metered = MeteredProgram(meter(tokens_of(source)))
    value = metered.evaluate({"x": "y"}, {})[0]
    assert outcome(lambda: program.execute({"x": "y"})) == ("an error" if isinstance(value, Exception) else repr(value))


PLAIN = some.none() | some.booleans() | some.integers() | some.text()
VALUES = some.recursive(PLAIN, lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner))


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_both_measures_of_a_value_agree(value: Any) -> None:
    size, largest = measure(value)
    assert size == size_of(value)
    assert 1 <= largest <= size


def test_every_macro_of_the_library_is_metered() -> None:
    for macro in MACROS:
        assert "__step" in meter(tokens_of(f"[1].{macro}(x, x == 1)")).text
    for source in ("[1].all(x)", "all(x, y)", "[1].all(1, 2, 3, 4)"):
        with pytest.raises((ValueError, RuntimeError)):
            cel.compile(source).execute({})


def test_source_that_is_no_cel_is_refused_by_its_character() -> None:
    with pytest.raises(SourceError, match=r"character 3"):
        tokens_of("1 # 2")
    with pytest.raises(SourceError, match="a string is not closed"):
        tokens_of("'a")


def test_a_value_that_takes_too_many_steps_is_not_computed() -> None:
    with pytest.raises(BudgetExceededError):
        expression_value(compile_condition(nested("all", 20)), field_of)
