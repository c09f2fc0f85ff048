"""CEL source: its tokens, its limits, and the metered form that is evaluated in its place.

The CEL library has no step counter and holds the interpreter's lock while it evaluates. So the source is rewritten
before it is compiled:

1. `XS.all(x, P)` becomes `XS.all(x, __step(n) ? (P) : false)`, and so for each macro that iterates. `__step` gives
   true, or null when the budget is spent. A conditional on null is an error, which ends the iteration and, as each
   macro around it is metered as well, the evaluation.
2. `XS.map(x, P)` becomes `XS.__bounded(k).map(x, __step(n) ? __grown(P) : false)`, as `map` is the only macro whose
   result can be larger than its input. `__bounded` limits the size of what is iterated, `__grown` counts each result.
   `filter` gets `__bounded` too: the library copies what it has of a new list with each item that it adds.
   What may be a mapping is iterated by its sorted keys (`__bounded`, `__ordered`), as the library's order is random.
3. `S.matches(R)` becomes `S.__matches(R)`, which limits the regular expression before the library compiles it.

Comments are left out. Source that the tokens below do not cover is refused.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
BUILDING = frozenset({"map", "filter"})
STEP, GROWN, BOUNDED, ORDERED, MATCHES = "__step", "__grown", "__bounded", "__ordered", "__matches"
METERING = frozenset({STEP, GROWN, BOUNDED, ORDERED, MATCHES})

# The library recurses over its input: these keep it well within the smallest stack that a thread has (512 KiB).
DEPTH_MAX = 24
OPERATORS_MAX = 300
STEP_COST = 20

_TOKEN = re.compile(
    r"""
      (?P<space>[\t \r\n\f]+|//[^\n]*)
    | (?P<string>[bB]?[rR](?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|"[^"\n\r]*"|'[^'\n\r]*')
      |[bB]?(?:\"\"\"(?:\\[\s\S]|[^\\])*?\"\"\"|'''(?:\\[\s\S]|[^\\])*?'''|"(?:\\.|[^"\\\n\r])*"|'(?:\\.|[^'\\\n\r])*'))
    | (?P<number>(?:0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[uU]?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE,
)
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_CHAINING = frozenset("+ - * / % < > <= >= == != ? .".split())
_COMPARING = frozenset("== != < > <= >= in +".split())
_CONSTANT = frozenset({"true", "false", "null"})
_KEYWORDS = _CONSTANT | {"in"}


class SourceError(ValueError):
    """Source that is not evaluated; the message says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of source: `kind` is string, number, name or mark."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What evaluating a piece of source once can cost, without what its macros iterate over.

    `steps` are fixed. `whole` counts operations on values as large as anything handed in, `items` operations on the
    items of lists; what they cost is known once the values are.
    """

    steps: int = 0
    whole: int = 0
    items: int = 0


@dataclass(frozen=True, slots=True)
class MeteredSource:
    """Source in its metered form. `steps` are the costs that `__step` names by their index."""

    text: str
    cost: Cost
    steps: tuple[Cost, ...]
    metered: bool


def tokens_of(source: str) -> list[Token]:
    """Split source into tokens; SourceError on what is no CEL, nested too deep or too long a chain."""
    tokens: list[Token] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            what = "a string is not closed" if source[at] in "\"'" else f"{source[at]!r} is not expected"
            raise SourceError(f"{what} (character {at + 1})")
        at = match.end()
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, match.group()))
    _check_limits(tokens)
    return tokens


def meter(tokens: Sequence[Token]) -> MeteredSource:
    """The metered form of these tokens; they are well nested, as `tokens_of` has checked that."""
    return _Metering(tokens).source()


def _check_limits(tokens: Sequence[Token]) -> None:
    open_brackets: list[str] = []
    operators = 0
    for token in tokens:
        if token.kind == "name" and token.text in METERING:
            raise SourceError(f"{token.text} does not exist")
        if token.kind != "mark":
            continue
        operators += token.text in _CHAINING
        if token.text in _CLOSES:
            open_brackets.append(token.text)
            if len(open_brackets) > DEPTH_MAX:
                raise SourceError(f"brackets are nested more than {DEPTH_MAX} levels deep")
        elif token.text in ")]}" and (not open_brackets or _CLOSES[open_brackets.pop()] != token.text):
            raise SourceError(f"a {token.text} closes nothing")
    if open_brackets:
        raise SourceError(f"a {open_brackets[-1]} is not closed")
    if operators > OPERATORS_MAX:
        raise SourceError(f"it has more than {OPERATORS_MAX} operators; split it into several rules")


class _Metering:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._closing = dict(_brackets(tokens))
        self._macros = {at: arguments for at in range(len(tokens)) if (arguments := self._macro_arguments(at))}
        self._bound = {tokens[arguments[0][0]].text for arguments in self._macros.values()}
        self._constructs = any(self._constructs_at(at) for at in range(len(tokens)))
        self._costs: list[Cost] = []
        self._metered = False

    def source(self) -> MeteredSource:
        text = " ".join(self._written(0, len(self._tokens)))
        return MeteredSource(text, self._cost(0, len(self._tokens)), tuple(self._costs), self._metered)

    def _written(self, begin: int, end: int) -> Iterator[str]:
        at = begin
        while at < end:
            token = self._tokens[at]
            arguments = self._macros.get(at)
            if arguments is not None:
                yield from self._macro(token.text, arguments)
                at = arguments[-1][1] + 1
            elif token.kind == "name" and token.text == "matches" and self._is(at + 1, "("):
                self._metered = True
                yield MATCHES
                at += 1
            elif self._is(at, ".") and (spans := self._macros.get(at + 1)):
                if self._tokens[at + 1].text in BUILDING:
                    # The items may be used as often as names stand in the body.
                    names = sum(inner.kind == "name" for inner in self._tokens[spans[0][0] : spans[-1][1]])
                    yield f". {BOUNDED} ( {names} ) ."
                else:
                    yield "." if self._is_list(at - 1) else f". {ORDERED} ( ) ."
                at += 1
            else:
                yield token.text
                at += 1

    def _macro(self, name: str, arguments: list[tuple[int, int]]) -> Iterator[str]:
        self._metered = True
        yield f"{name} ("
        yield from self._written(*arguments[0])
        for number, (begin, end) in enumerate(arguments[1:], 1):
            index = len(self._costs)
            cost = self._cost(begin, end)
            self._costs.append(Cost(cost.steps + STEP_COST, cost.whole, cost.items))
            result = GROWN if name == "map" and number == len(arguments) - 1 else ""
            yield f", {STEP} ( {index} ) ? {result} ("
            yield from self._written(begin, end)
            yield ") : false"
        yield ")"

    def _cost(self, begin: int, end: int) -> Cost:
        """The cost of evaluating a stretch of tokens once, with one pass over the bodies of the macros inside it."""
        whole = items = 0
        for at in range(begin, end):
            token = self._tokens[at]
            if token.text in _COMPARING and token.kind in ("mark", "name"):
                if self._compares_items(at):
                    items += 1
                elif not self._compares_constant(at):
                    whole += 1
            elif token.kind == "name" and self._is(at + 1, "("):
                if self._reads_item(at):
                    items += 1
                else:
                    whole += 1
        if any(self._constructs_at(at) for at in range(begin, end)):
            whole += sum(token.kind == "name" for token in self._tokens[begin:end])
        return Cost(end - begin, whole, items)

    def _compares_items(self, at: int) -> bool:
        if self._constructs or self._tokens[at].text == "in":
            return not self._constructs and self._root_after(at) in self._bound
        return self._root_after(at) in self._bound or self._root_before(at) in self._bound

    def _compares_constant(self, at: int) -> bool:
        if self._tokens[at].text == "+":
            return False
        sides = [self._tokens[side] for side in (at - 1, at + 1) if 0 <= side < len(self._tokens)]
        if self._tokens[at].text == "in":
            return self._is(at + 1, "[")
        return any(side.kind in ("string", "number") or side.text in _CONSTANT for side in sides)

    def _reads_item(self, at: int) -> bool:
        if self._constructs:
            return False
        root = self._root_before(at - 1) if self._is(at - 1, ".") else self._root_after(at + 1)
        return root in self._bound

    def _root_after(self, at: int) -> str:
        after = self._tokens[at + 1] if at + 1 < len(self._tokens) else None
        return after.text if after is not None and after.kind == "name" else ""

    def _root_before(self, at: int) -> str:
        """The first name of the path `a.b.c` that ends before a token, or nothing when something else ends there."""
        before = at - 1
        if before < 0 or self._tokens[before].kind != "name":
            return ""
        while before >= 2 and self._is(before - 1, ".") and self._tokens[before - 2].kind == "name":
            before -= 2
        return "" if self._is(before - 1, ".") else self._tokens[before].text

    def _is_list(self, at: int) -> bool:
        """Whether what ends at a token is known to be a list: one that is written out, or the participants."""
        if self._tokens[at].text == "participants":
            return True
        opening = next((opened for opened, closed in self._closing.items() if closed == at), None)
        if opening is None or not self._is(opening, "["):
            return False
        before = self._tokens[opening - 1] if opening else None
        return before is None or (before.kind == "mark" and before.text not in (")", "]", "}"))

    def _constructs_at(self, at: int) -> bool:
        """Whether a list or map that holds more than constants is written here."""
        if self._is(at, "["):
            before = self._tokens[at - 1] if at else None
            if before is not None and (before.kind == "string" or before.text in (")", "]", "}")):
                return False
            if before is not None and before.kind == "name" and before.text not in _KEYWORDS:
                return False
        elif not self._is(at, "{"):
            return False
        inside = self._tokens[at + 1 : self._closing[at]]
        return any(token.kind == "name" and token.text not in _CONSTANT for token in inside)

    def _macro_arguments(self, at: int) -> list[tuple[int, int]] | None:
        """Where the arguments of the macro begin and end whose name stands here, None when it is none."""
        token = self._tokens[at]
        if token.kind != "name" or token.text not in MACROS or not self._is(at + 1, "("):
            return None
        arguments, begin, inside = [], at + 2, at + 2
        end = self._closing[at + 1]
        while inside < end:
            if inside in self._closing:
                inside = self._closing[inside]
            elif self._is(inside, ","):
                arguments.append((begin, inside))
                begin = inside + 1
            inside += 1
        arguments.append((begin, end))
        return arguments if len(arguments) in (2, 3) and all(first < last for first, last in arguments) else None

    def _is(self, at: int, mark: str) -> bool:
        return 0 <= at < len(self._tokens) and self._tokens[at].kind == "mark" and self._tokens[at].text == mark


def _brackets(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.kind == "mark" and token.text in _CLOSES:
            opened.append(at)
        elif token.kind == "mark" and token.text in ")]}":
            yield opened.pop(), at
