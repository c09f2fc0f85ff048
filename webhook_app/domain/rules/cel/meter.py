"""Evaluate metered CEL within a budget of steps; see `cel.source` for the metered form.

One step is about as much work as looking at one value. What an expression costs depends on its source and on what is
handed in, and never on time, so that a replay decides the same.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import cel

from webhook_app.domain.budget import BudgetExceededError
from webhook_app.domain.rules.cel.source import BOUNDED, GROWN, MATCHES, ORDERED, STEP, Cost, MeteredSource

STEPS_MAX = 1_000_000
ITERATED_MAX = 200_000
PATTERN_MAX_CHARS = 500
PATTERN_MAX_STATES = 5_000
CHARS_PER_STEP = 16
CONVERSION_STEPS = 4
COMPILATION_STEPS = 20
STATE_STEPS = 200
WHAT = "the condition"

# What the CEL library raises for a missing key, an index out of bounds, other types, a division by zero and the like.
CEL_ERRORS = (LookupError, TypeError, RuntimeError, ValueError, ArithmeticError)

Functions = Mapping[str, Callable[..., Any]]
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_UNICODE_CLASS = re.compile(r"\\[wWdDsSpPbB]")
# A class in brackets (classes may stand inside it), an escape, a count, or any one letter.
_ATOM = re.compile(r"\[\^?\]?(?:\\.|\[[^\]]*\]|[^\]\\])*\]|\\[pPxuU]\{[^}]*\}|\\.|\{\d+(?:,\d*)?\}|.", re.DOTALL)


class MeteredProgram:
    """A compiled expression that is evaluated within a budget."""

    __slots__ = ("_program", "_source")

    def __init__(self, source: MeteredSource) -> None:
        _silence_the_library()
        self._source = source
        self._program = cel.compile(source.text)

    def variables(self) -> list[str]:
        """The names that the expression refers to."""
        return self._program.variables()

    def evaluate(
        self, variables: Mapping[str, Any], functions: Functions, *, limit: int = STEPS_MAX
    ) -> tuple[Any, int]:
        """The value and the steps it took; they are not charged to any other budget.

        An evaluation that fails has its error as the value: what the CEL library raises, or BudgetExceededError.
        """
        meter = Meter(self._source, variables, limit)
        try:
            return self._run(meter, variables, functions), meter.spent
        except CEL_ERRORS as error:
            return error.with_traceback(None), meter.spent

    def _run(self, meter: "Meter", variables: Mapping[str, Any], functions: Functions) -> Any:
        meter.begin()
        cel_input: Any = dict(variables)
        if self._source.metered or functions:
            cel_input = cel.Context(
                cel_input, {**functions, **meter.functions()} if self._source.metered else dict(functions)
            )
        try:
            value = self._program.execute(cel_input)
        except CEL_ERRORS:
            meter.check()
            if meter.error is not None:
                raise RuntimeError(meter.error) from None
            raise
        except BaseException as error:
            # A panic of the library is no Exception; it must not end a process.
            if type(error).__name__ != "PanicException":
                raise
            raise RuntimeError("the CEL library failed on it") from None
        meter.check()
        if value is None and meter.error is not None:
            raise RuntimeError(meter.error)
        return value


class Meter:
    """The steps of one evaluation. Once the limit is passed, its functions give null, which ends every iteration."""

    def __init__(self, source: MeteredSource, variables: Mapping[str, Any], limit: int) -> None:
        self._source = source
        self._limit = limit
        self._largest, self._item = measure(variables)
        self._produced = 0
        self.spent = 0
        self.exceeded = False
        self.error: str | None = None

    def begin(self) -> None:
        """Charge what the expression costs outside its iterations, before anything is evaluated."""
        self._charge(self._largest + self._steps(self._source.cost))
        self.check()

    def check(self) -> None:
        """BudgetExceededError once the limit was passed, whatever the expression made of it."""
        if self.exceeded:
            raise BudgetExceededError(WHAT, self._limit)

    def functions(self) -> dict[str, Callable[..., Any]]:
        """The functions that the metered form calls."""
        return {
            STEP: self._step,
            GROWN: self._grown,
            BOUNDED: self._bounded,
            ORDERED: self._ordered,
            MATCHES: self._matches,
        }

    def _charge(self, steps: int) -> bool:
        self.spent += steps
        if self.spent > self._limit:
            self.spent = self._limit + 1
            self.exceeded = True
        return not self.exceeded

    def _steps(self, cost: Cost) -> int:
        whole, item = self._largest + self._produced, self._item + self._produced
        return cost.steps + cost.whole * whole + cost.items * item

    def _step(self, index: int) -> bool | None:
        return True if self._charge(self._steps(self._source.steps[index])) else None

    def _grown(self, value: Any) -> Any:
        size = size_of(value)
        self._produced += size
        return value if self._charge(CONVERSION_STEPS * size) else None

    def _bounded(self, value: Any, names: int) -> Any:
        size = size_of(value)
        copies = len(value) ** 2 // 2 if isinstance(value, Sequence | Mapping) else 0
        if not self._charge(CONVERSION_STEPS * size + copies):
            return None
        if size * names > ITERATED_MAX or self._largest * names > 10 * ITERATED_MAX:
            self.exceeded = True
            return None
        return _iterated(value)

    def _ordered(self, value: Any) -> Any:
        return _iterated(value) if self._charge(CONVERSION_STEPS * size_of(value)) else None

    def _matches(self, text: Any, pattern: Any) -> bool | None:
        if not isinstance(text, str) or not isinstance(pattern, str):
            self._fail("matches() compares a text with a regular expression")
            return None
        states = states_of(pattern)
        if len(pattern) > PATTERN_MAX_CHARS or states > PATTERN_MAX_STATES:
            self._fail("the regular expression is too large")
            return None
        reading = len(text) * states // STATE_STEPS + len(text) // CHARS_PER_STEP
        if not self._charge(COMPILATION_STEPS * states + reading):
            return None
        try:
            return bool(_matching().execute({"text": text, "pattern": pattern}))
        except CEL_ERRORS as error:
            self._fail(str(error).split("\n", 1)[0])
            return None

    def _fail(self, error: str) -> None:
        self.error = self.error or error


def _iterated(value: Any) -> Any:
    """What a macro iterates: of a mapping its keys, in an order that a replay repeats."""
    return sorted(value, key=repr) if isinstance(value, Mapping) else value


def size_of(value: Any) -> int:
    """How many values there are in a value; a text counts for its length."""
    size, waiting = 0, [value]
    while waiting:
        value = waiting.pop()
        size += 1
        if isinstance(value, str | bytes):
            size += len(value) // CHARS_PER_STEP
        elif isinstance(value, Mapping):
            waiting.extend(value.keys())
            waiting.extend(value.values())
        elif isinstance(value, Sequence):
            waiting.extend(value)
    return size


def measure(value: Any) -> tuple[int, int]:
    """The size of a value, and that of the largest item of a list, or key of a mapping, anywhere in it."""
    if isinstance(value, str | bytes):
        return 1 + len(value) // CHARS_PER_STEP, 1
    size, largest = 1, 1
    if isinstance(value, Mapping):
        for key, inner in value.items():
            key_size, _ = measure(key)
            inner_size, inner_largest = measure(inner)
            size += key_size + inner_size
            largest = max(largest, key_size, inner_largest)
    elif isinstance(value, Sequence):
        for inner in value:
            inner_size, inner_largest = measure(inner)
            size += inner_size
            largest = max(largest, inner_size, inner_largest)
    return size, largest


def states_of(pattern: str) -> int:
    """About how large the automaton of a regular expression becomes: counts multiply what they stand behind."""
    totals, last = [0], 0
    for atom in _ATOM.findall("".join(pattern.split())):
        count = _COUNT.fullmatch(atom)
        if count is not None:
            times = max(int(number[:9] or 0) for number in count.groups("0"))
            totals[-1] += last * max(0, times - 1)
            last *= max(1, times)
        elif atom == "(":
            totals.append(0)
        elif atom == ")" and len(totals) > 1:
            last = totals.pop()
            totals[-1] += last
        elif atom not in "*+?|^$)":
            last = 50 if _UNICODE_CLASS.search(atom) else 10 if atom[0] in ".[" else 1
            totals[-1] += last
    # A letter stands for several where case is ignored.
    return (sum(totals) + 1) * (4 if "(?" in pattern else 1)


@lru_cache(maxsize=1)
def _matching() -> cel.Program:
    return cel.compile("text.matches(pattern)")


@lru_cache(maxsize=1)
def _silence_the_library() -> None:
    """Errors are raised; that the library also logs them would only fill stderr."""
    logger = logging.getLogger("cel")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
