"""The docs say what is so: examples load, commands exist, links lead somewhere, every notice has its body."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tests.support.notice_examples import notice_examples
from tests.support.product import TREE
from tests.tools.cli_reference import PAGE, page
from webhook_app.config.settings import load
from webhook_app.domain.notices.notice import NOTICE_TYPES
from webhook_app.domain.times import from_rfc3339
from workers.cli.main import main
from workers.config_file.reading import read

DOCS = TREE / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *TREE.glob("*.md")])
EXAMPLES = sorted((DOCS / "examples").glob("*.yaml"))
VARIABLES = {
    "SLACK_URL": "slack://TAAAAAAAA/BBBBBBBBB/CCCCCCCCCCCCCCCCCCCCCCCC",
    "APP_URL": "https://app.example.org/hook",
    "ON_CALL_URL": "https://on-call.example.org/hook",
}
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)


def name_of(path: Path) -> str:
    return str(path.relative_to(TREE))


def blocks(path: Path, language: str) -> list[str]:
    """The code blocks of a language, without their indent."""
    found = []
    for indent, kind, text in _BLOCK.findall(path.read_text()):
        if kind == language:
            found.append("".join(line.removeprefix(indent) for line in text.splitlines(keepends=True)))
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_an_example_is_a_configuration_that_loads(example: Path) -> None:
    assert read(example, load(VARIABLES, dotenv=None)).rules or example.stem == "slack"


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_an_example_is_shown_on_a_page_as_it_is(example: Path) -> None:
    assert any(example.read_text() in blocks(path, "yaml") for path in PAGES)


def test_the_configuration_on_the_page_of_rules_loads(tmp_path: Path) -> None:
    whole = [block for block in blocks(DOCS / "rules.md", "yaml") if block.startswith("rooms:")]
    assert whole
    for number, block in enumerate(whole):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block)
        read(file, load({"AV_TEAM_URL": "https://av-team.example.org/hook"}, dotenv=None))


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings_that_there_are(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{name_of(path)}: {target}"
        if heading:
            assert heading in headings(there), f"{name_of(path)}: {target}"


def headings(path: Path) -> set[str]:
    """The anchors of a page's headings."""
    found = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in found}


def test_every_page_is_in_the_index() -> None:
    linked = {
        (DOCS / target.partition("#")[0]).resolve()
        for target in re.findall(r"\]\(([^)\s]+\.md[^)]*)\)", (DOCS / "README.md").read_text())
    }
    wanted = {path for path in PAGES if path.is_relative_to(DOCS) and path.parent.name != "adr"}
    assert wanted - {DOCS / "README.md"} <= linked, wanted - linked


def test_the_reference_of_the_command_line_is_what_the_commands_say() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_the_commands_on_a_page_exist(path: Path) -> None:
    for line in commands(path):
        exists(line, name_of(path))


def commands(path: Path) -> Iterator[str]:
    """Every line of a shell block that runs `tally`, and every `tally …` in the text."""
    for block in blocks(path, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.match(r"\s*(?:[A-Z_]+=\S+ )*(?:\S*/)?tally (.*)", line)
            if found:
                yield found.group(1)
    prose = _BLOCK.sub("", path.read_text())
    yield from re.findall(r"`tally ([^`]+)`", prose)


def exists(line: str, where: str) -> None:
    """The words name a command, and its options are its own."""
    words = shlex.split(re.split(r" [|#>;&]| …|\$\(", line)[0])
    if words[:1] == ["sandbox"] or any("<" in word or "|" in word for word in words):
        return
    command: click.Command = main
    options = _options(main)
    for word in words:
        if word.startswith("-"):
            assert word.split("=")[0] in options, f"{where}: tally {line}: {word}"
        elif isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
            options |= _options(command)
    assert command is not main or {"--url", "--help", "--version"} & set(words), f"{where}: tally {line}"


def _options(command: click.Command) -> set[str]:
    flags = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
    return flags | {"-h", "--help", "--version"}


def test_every_notice_has_a_body_of_the_shape_that_the_code_gives_it() -> None:
    shown = {
        body["type"]: body for text in blocks(DOCS / "reference" / "notices.md", "json") if (body := json.loads(text))
    }
    made = notice_examples()
    assert set(NOTICE_TYPES) <= set(shown), set(NOTICE_TYPES) - set(shown)
    assert set(shown) == set(made)
    for kind, body in shown.items():
        assert from_rfc3339(body["timestamp"])
        assert {"room_id", "room_name", "sequence", "because"} <= set(body["data"]), kind
        assert shape(body) == shape(made[kind]), kind


def shape(value: Any) -> Any:
    """The names in a body, at every depth, without what they hold."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value[:1]] if isinstance(value, list) else None


def test_every_type_is_a_heading_of_the_notices() -> None:
    heads = set(re.findall(r"^### (\S+)$", (DOCS / "reference" / "notices.md").read_text(), re.M))
    assert set(NOTICE_TYPES) <= heads
