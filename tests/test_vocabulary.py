"""Identifiers in Python, templates, style sheets and scripts use standard terms: the earlier vocabulary stays out."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jinja2
import pytest
from jinja2 import nodes

from tests.support import paths

PACKAGES = ("webhook_app", "workers", "sandbox", "tests", "bench")
# Bindings that carry no type: the reader has to look up what they are.
BARE_NAMES = frozenset({"one", "found", "said", "told", "made", "held", "known", "given", "asked", "seen", "wanted"})
# The same, where all are gone from the product.
PRODUCT_BARE_NAMES = frozenset(
    (
        "alike anew ask been began beside came good here kept look loud meant mine ours say taken theirs there "
        "trouble troubles went world wrong"
    ).split()
)
PRODUCT = ("webhook_app", "workers", "sandbox")
# CSS classes that say nothing about the element they style.
BARE_CLASSES = frozenset(
    "about act acts alone been came careful did do here ill order orders place said told trial unseen was went".split()
)
CONSOLE = paths.ROOT / "webhook_app" / "console"
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


def product_faults(source: str) -> list[str]:
    """The bindings of a product module that are bare words, as `line: name`."""
    return [f"{line}: {name}" for line, name in bindings(ast.parse(source)) if name.lstrip("_") in PRODUCT_BARE_NAMES]


def is_banned(name: str) -> bool:
    """Whether a name of a template or a script may not be used."""
    words = (word.lower() for word in WORDS.findall(name))
    return name in BARE_NAMES | PRODUCT_BARE_NAMES or not BANNED_WORDS.isdisjoint(words)


def template_bindings(source: str) -> Iterator[str]:
    """Every name that a Jinja template binds: loop variables, assignments, macros and their parameters, imports."""
    template = jinja2.Environment(autoescape=True).parse(source)
    yield from (name.name for name in template.find_all(nodes.Name) if name.ctx in ("store", "param"))
    for macro in template.find_all(nodes.Macro):
        yield macro.name


def css_classes(source: str) -> set[str]:
    """The classes in the selectors of a style sheet."""
    selectors = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", source, flags=re.S)
    return set(re.findall(r"\.([A-Za-z_][\w-]*)", selectors))


def script_bindings(source: str) -> set[str]:
    """The variables, functions and arrow parameters of a script; comments are left out."""
    code = re.sub(r"//[^\n]*", "", source)
    names = set(re.findall(r"\b(?:const|let|var|function)\s+([A-Za-z_$][\w$]*)", code))
    for parameters in re.findall(r"\(([\w$, ]+)\)\s*(?:=>|\{)", code):
        names |= {parameter.strip() for parameter in parameters.split(",")}
    for declaration in re.findall(r"\b(?:let|var)\s+([^;]*);", code):
        names |= set(re.findall(r"([A-Za-z_$][\w$]*)\s*=(?!=)", declaration))
    return names


@cache
def faults_of(path: Path) -> list[str]:
    """The faults of a module, which is parsed once."""
    return faults(path.read_text())


MODULES = {
    str(path.relative_to(paths.ROOT)): path
    for package in PACKAGES
    for path in sorted((paths.ROOT / package).rglob("*.py"))
}


def test_identifiers_use_standard_terms() -> None:
    found_faults = {name: faults_of(path) for name, path in MODULES.items()}
    unexpected = {
        name: [fault for fault in module_faults if (name, fault.partition(": ")[2]) not in STORED_OR_PUBLIC]
        for name, module_faults in found_faults.items()
    }
    assert {name: module_faults for name, module_faults in unexpected.items() if module_faults} == {}


def test_every_exception_is_still_needed() -> None:
    needed = {(name, fault.partition(": ")[2]) for name, path in MODULES.items() for fault in faults_of(path)}
    assert needed >= STORED_OR_PUBLIC


def test_no_bare_word_names_a_variable_of_the_product() -> None:
    product = {name: path for name, path in MODULES.items() if name.startswith(PRODUCT)}
    found_faults = {name: product_faults(path.read_text()) for name, path in product.items()}
    assert {name: module_faults for name, module_faults in found_faults.items() if module_faults} == {}


def test_templates_use_standard_terms() -> None:
    names = {path.name: set(template_bindings(path.read_text())) for path in (CONSOLE / "templates").glob("*.html")}
    assert {name: banned for name, bound in names.items() if (banned := set(filter(is_banned, bound)))} == {}


def test_style_sheets_use_standard_terms() -> None:
    classes = css_classes((CONSOLE / "static" / "tally.css").read_text())
    assert len(classes) > 100
    assert classes & (BARE_CLASSES | BARE_NAMES | BANNED_WORDS) == set()


def test_scripts_use_standard_terms() -> None:
    names = {path.name: script_bindings(path.read_text()) for path in (CONSOLE / "static").glob("*.js")}
    assert {name: banned for name, bound in names.items() if (banned := set(filter(is_banned, bound)))} == {}


def test_banned_names_in_templates_styles_and_scripts_are_found() -> None:
    template = "{% for one in rows %}{% set found = one.x %}{% macro say(told) %}{{ seen }}{% endmacro %}{% endfor %}"
    assert set(filter(is_banned, template_bindings(template))) == {"one", "found", "say", "told"}
    assert css_classes(".a .order { color: red } /* .b */ @media x { .went:hover { top: 1.5em } }") == {
        "a",
        "order",
        "went",
    }
    script = "// one\nconst found = rows.map((one) => one.id); let said = 1, busy = 0; function say(text, told) { }"
    assert set(filter(is_banned, script_bindings(script))) == {"found", "one", "said", "say", "told"}


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
