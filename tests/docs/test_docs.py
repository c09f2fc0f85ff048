"""Documentation matches the product: examples load, commands exist, links resolve, every notice has an example."""

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
from webhook_app.config.loading import load
from webhook_app.domain.notices.types import NOTICE_TYPES
from webhook_app.domain.times import from_rfc3339
from workers.cli.main import main
from workers.config_file.reading import read

DOCS = TREE / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *TREE.glob("*.md")])
EXAMPLES = sorted((DOCS / "examples").glob("*.yaml"))
VARIABLES = {
    "SLACK_URL": "slack://TAAAAAAAA/BBBBBBBBB/CCCCCCCCCCCCCCCCCCCCCCCC",
    "STREAM_KEY": "abcd-1234",
    "APP_URL": "https://app.example.org/hook",
    "ON_CALL_URL": "https://on-call.example.org/hook",
}
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)


def name_of(path: Path) -> str:
    return str(path.relative_to(TREE))


def blocks(path: Path, language: str) -> list[str]:
    """The code blocks of a language, without their indentation."""
    return [
        "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))
        for indent, block_language, text in _BLOCK.findall(path.read_text())
        if block_language == language
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_every_example_is_a_valid_configuration(example: Path) -> None:
    assert read(example, load(VARIABLES, dotenv=None)).rules or example.stem == "slack"


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_every_example_is_shown_unchanged_on_a_page(example: Path) -> None:
    assert any(example.read_text() in blocks(path, "yaml") for path in PAGES)


def test_the_configuration_file_in_the_rules_reference_is_valid(tmp_path: Path) -> None:
    files = [block for block in blocks(DOCS / "rules.md", "yaml") if block.startswith("rooms:")]
    assert files
    for number, block in enumerate(files):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block)
        read(file, load({"AV_TEAM_URL": "https://av-team.example.org/hook"}, dotenv=None))


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_to_existing_files_and_headings(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), f"{name_of(path)}: {target}"
        if heading:
            assert heading in headings(linked), f"{name_of(path)}: {target}"


def headings(path: Path) -> set[str]:
    """The anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_is_in_the_index() -> None:
    linked = {
        (DOCS / target.partition("#")[0]).resolve()
        for target in re.findall(r"\]\(([^)\s]+\.md[^)]*)\)", (DOCS / "README.md").read_text())
    }
    pages = {path for path in PAGES if path.is_relative_to(DOCS) and path.parent.name != "adr"}
    assert pages - {DOCS / "README.md"} <= linked, pages - linked


def test_the_command_line_reference_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_the_commands_on_a_page_exist(path: Path) -> None:
    for line in commands(path):
        assert_exists(line, name_of(path))


def commands(path: Path) -> Iterator[str]:
    """Every line of a shell block that runs `tally`, and every `tally …` in the text."""
    for block in blocks(path, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.match(r"\s*(?:[A-Z_]+=\S+ )*(?:\S*/)?tally (.*)", line)
            if command:
                yield command.group(1)
    prose = _BLOCK.sub("", path.read_text())
    yield from re.findall(r"`tally ([^`]+)`", prose)


def assert_exists(line: str, where: str) -> None:
    """Assert that the words name a command and its own options."""
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


def test_every_notice_has_an_example_with_the_fields_that_the_code_sends() -> None:
    documented = {
        body["type"]: body for text in blocks(DOCS / "reference" / "notices.md", "json") if (body := json.loads(text))
    }
    examples = notice_examples()
    assert set(NOTICE_TYPES) <= set(documented), set(NOTICE_TYPES) - set(documented)
    assert set(documented) == set(examples)
    for kind, body in documented.items():
        assert from_rfc3339(body["timestamp"])
        assert {"room_id", "room_name", "sequence", "because"} <= set(body["data"]), kind
        assert shape(body) == shape(examples[kind]), kind


def shape(value: Any) -> Any:
    """The field names of a body, at every depth, without values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value[:1]] if isinstance(value, list) else None


def test_every_notice_type_has_a_heading() -> None:
    titles = set(re.findall(r"^### (\S+)$", (DOCS / "reference" / "notices.md").read_text(), re.M))
    assert set(NOTICE_TYPES) <= titles
