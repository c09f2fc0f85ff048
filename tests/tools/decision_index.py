"""Generates the index of design decisions from their titles, dates and statuses. Run by `make docs`."""
# ruff: noqa: E501 - a paragraph of the page is one line

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

DECISIONS = ROOT / "docs" / "adr"
INDEX = DECISIONS / "README.md"
HEADINGS = ("Context", "Decision", "Alternatives", "Consequences")
HEAD = """\
# Design decisions

One page per decision: status, date, context, decision, alternatives, consequences. To record a new one, take the next free number, use the same headings, and run `make docs`, which generates this page. Do not rewrite the decision of an accepted page: write a new one that supersedes it, and link both in their status.

| | decision | date | status |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """A decision's page: its title, its status line, its date, and its headings of the second level."""

    path: Path
    title: str
    status: str
    date: str
    headings: tuple[str, ...]


def decision_pages() -> list[DecisionPage]:
    """All decisions, by number. ValueError for a page without title, status or date."""
    return [_read(path) for path in sorted(DECISIONS.glob("[0-9]*.md"))]


def _read(path: Path) -> DecisionPage:
    text = path.read_text("utf-8")
    head = re.match(r"# (.+)\n\n- Status: (.+)\n- Date: (\d{4}-\d\d-\d\d)", text)
    if head is None:
        raise ValueError(f"{path.name}: expected '# title', then '- Status: …' and '- Date: YYYY-MM-DD'")
    title, status, date = head.groups()
    return DecisionPage(path, title, status, date, headings=tuple(re.findall(r"^## (.+)$", text, re.M)))


def index_page() -> str:
    """The whole page."""
    rows = [
        f"| {page.path.name[:4]} | [{page.title}]({page.path.name}) | {page.date} | {page.status} |\n"
        for page in decision_pages()
    ]
    return HEAD + "".join(rows)


if __name__ == "__main__":
    INDEX.write_text(index_page(), "utf-8")
