"""Identifiers use the field's standard terms: words of the project's earlier private vocabulary stay out."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support import paths

PACKAGES = ("webhook_app", "workers", "sandbox", "tests", "bench")
# Bindings that carry no type: the reader has to look up what they are.
BARE_NAMES = frozenset({"one", "found", "said", "told", "made", "held", "known", "given", "asked", "seen", "wanted"})
# Words with a standard term: "worker" for hand, "desired" for wish, "delivered" or "announced" for told, and so on.
BANNED_WORDS = frozenset(
    (
        "audience bell bells belongs desk desks dial dialler dialling door doors elsewhere flights forgive "
        "gentle gently hall halls hammer hand hands hasten hear heard hears house houses hungry judge judged "
        "lane lanes layer manners minded minding misses nameless office outlook patience patient patiently "
        "poster speaker speaking spread stories story stretch stretches tale tales teller tidy tidying told "
        "unspent untold verdict verdicts weigh weighs wire wires wiring wish wished wishes"
    ).split()
)
# Banned in identifiers, plain English in the sentence that names a test: "retried by hand".
PLAIN_IN_SENTENCES = frozenset({"belongs", "elsewhere", "hand", "misses", "spread"})
# Names of fields in stored data or in the API, which stay as they are.
STORED_OR_PUBLIC = frozenset(
    {
        ("webhook_app/api/system.py", "known"),
        ("webhook_app/domain/delivery/subscriber.py", "wanted"),
        ("webhook_app/domain/rules/triggers.py", "given"),
        ("webhook_app/store/subscriber_sealing.py", "wanted"),
    }
)
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def bindings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that a module binds, with its line: variables, parameters, attributes, functions, classes.

    The names of test functions are sentences; `is_plain` checks those.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not node.name.startswith("test_"):
                yield node.lineno, node.name
        elif isinstance(node, ast.alias) and node.asname is not None:
            yield node.lineno, node.asname


def names_of_tests(source: str) -> list[str]:
    """The names of a module's test functions."""
    nodes = ast.walk(ast.parse(source))
    functions = [node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [name for name in functions if name.startswith("test_")]


def is_plain(test_name: str) -> bool:
    """Whether the sentence that names a test uses no banned word."""
    return (BANNED_WORDS - PLAIN_IN_SENTENCES).isdisjoint(test_name.split("_"))


def faults(source: str) -> list[str]:
    """The bindings of a module that use a banned word or are a bare participle, as `line: name`."""
    return [
        f"{line}: {name}"
        for line, name in bindings(ast.parse(source))
        if name in BARE_NAMES or not BANNED_WORDS.isdisjoint(word.lower() for word in WORDS.findall(name))
    ]


MODULES = {
    str(path.relative_to(paths.ROOT)): path
    for package in PACKAGES
    for path in sorted((paths.ROOT / package).rglob("*.py"))
}


def test_identifiers_use_standard_terms() -> None:
    found_faults = {name: faults(path.read_text()) for name, path in MODULES.items()}
    unexpected = {
        name: [fault for fault in module_faults if (name, fault.partition(": ")[2]) not in STORED_OR_PUBLIC]
        for name, module_faults in found_faults.items()
    }
    assert {name: module_faults for name, module_faults in unexpected.items() if module_faults} == {}


def test_every_exception_is_still_needed() -> None:
    needed = {(name, fault.partition(": ")[2]) for name, path in MODULES.items() for fault in faults(path.read_text())}
    assert needed >= STORED_OR_PUBLIC


def test_no_file_is_named_by_a_banned_word() -> None:
    assert [name for name, path in MODULES.items() if not BANNED_WORDS.isdisjoint(path.stem.split("_"))] == []


def test_names_of_tests_use_standard_terms() -> None:
    names = {name: names_of_tests(path.read_text()) for name, path in MODULES.items() if name.startswith("tests/")}
    unexpected = {
        module: [name for name in module_names if not is_plain(name)] for module, module_names in names.items()
    }
    assert sum(map(len, names.values())) > 1_000
    assert {module: module_names for module, module_names in unexpected.items() if module_names} == {}


@pytest.mark.parametrize("name", ["test_a_failure_is_told_at_once", "test_a_wish_is_dropped", "test_verdicts_are_kept"])
def test_a_banned_word_in_the_name_of_a_test_is_noticed(name: str) -> None:
    assert not is_plain(name)
    assert is_plain("test_a_delivery_that_failed_is_retried_by_hand")


@pytest.mark.parametrize(
    "source",
    [
        "one = deliveries[0]",
        "for found in rooms: pass",
        "found_rooms = [said for said in answers]",
        "def put_in_hand(delivery): pass",
        "def deliver(told): pass",
        "class DeliverHand: pass",
        "class WishSchema: pass",
        "self.wires = []",
        "GENTLE_PER_S = 5",
        "import workers.deliver as deliver_hand",
        "with product() as one: pass",
        "lambda seen: seen",
    ],
)
def test_a_banned_name_is_found(source: str) -> None:
    assert len(faults(source)) == 1


@pytest.mark.parametrize(
    "source",
    ["delivery = deliveries[0]", "handler = None", "is_known = True", "def test_that_a_hand_is_told(): pass", "x.told"],
)
def test_other_names_are_left_alone(source: str) -> None:
    assert faults(source) == []
