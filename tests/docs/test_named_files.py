"""Every file and directory of the repository that a page names is there."""

import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "deploy").rglob("*.md"),
        *ROOT.glob("*.md"),
        *ROOT.glob(".github/**/*.md"),
    ]
)
TOP = ("webhook_app", "workers", "sandbox", "tests", "bench", "deploy", "docs", ".ci", ".github")
_NAMED = re.compile(rf"`((?:{'|'.join(map(re.escape, TOP))})/[\w./@*-]*)(?:::\w+)?`")
_SHORT = re.compile(r"`([a-z_]+/[\w/]+\.(?:py|lua|html|json))`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    missing = [name for name in _NAMED.findall(text) if not any(ROOT.glob(name.rstrip("/")))]
    missing += [name for name in _SHORT.findall(text) if not any(ROOT.rglob(name))]
    assert not missing
