"""The documentation site: it builds strictly, lists every page, and loads nothing from other hosts."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.paths import ROOT

DOCS = ROOT / "docs"
CONFIGURATION = ROOT / "mkdocs.yml"
_RESOURCE = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(https?:)?//|<link\b[^>]*\bhref=[\"']?https?://"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from a copy of the pages."""
    home = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, home / "docs")
    shutil.copy(CONFIGURATION, home)
    built = build(home)
    assert built.returncode == 0, built.stdout + built.stderr
    return home / "site"


def build(home: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=120)


def test_every_page_is_built_and_can_be_found(site: Path) -> None:
    pages = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md") if path.name != "README.md"}
    assert not [page for page in pages if not (site / page).is_file()]
    index = (site / "search.json").read_text("utf-8")
    assert not [page for page in pages if page.as_posix() not in index]


def test_every_page_but_the_decisions_is_in_the_navigation() -> None:
    listed = set(re.findall(r"\b[\w/-]+\.md\b", repr(YAML(typ="safe").load(CONFIGURATION)["nav"])))
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert {page for page in pages if not re.match(r"adr/\d", page)} == listed


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    assert not [page.name for page in site.rglob("*.html") if _RESOURCE.search(page.read_text("utf-8"))]
    assert not [style.name for style in site.rglob("*.css") if re.search(r"url\([\"']?(https?:)?//", style.read_text())]


def test_no_page_needs_a_script_that_is_fetched_when_it_is_shown() -> None:
    assert not [page.name for page in DOCS.rglob("*.md") if "```mermaid" in page.read_text("utf-8")]


def test_no_page_links_out_of_the_documentation() -> None:
    for page in DOCS.rglob("*.md"):
        prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
        for target in re.findall(r"\]\(((?![a-z]+:|#)[^)#\s]+)", prose):
            assert (page.parent / target).resolve().is_relative_to(DOCS), f"{page.name}: {target}"


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "README.md").write_text("# Home\n\n[nowhere](nowhere.md)\n")
    (tmp_path / "mkdocs.yml").write_text("site_name: Test\ndocs_dir: docs\nsite_dir: site\n")
    assert build(tmp_path).returncode != 0
