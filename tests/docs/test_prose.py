"""Documentation is written in plain present-day English: phrases of the old private dialect stay out."""

import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md"), *ROOT.glob("*.md")])
DIALECT = re.compile(
    r"\b(?:(?:is|are|was|were) (?:told|asked)\b|parted by|anew\b|whoever\b|wish(?:es)?\b|as we knew|mend(?:s|ed)?\b"
    r"|none of ours|what came of|passed over|in line\b|(?:call|deliver|process) hand\b|minds its|plays VideoSDK"
    r"|nobody is told|knows nothing of|looks after|is heard\b|to be had\b|as it stands\b)",
    re.IGNORECASE,
)


def dialect_in(text: str) -> list[str]:
    """The phrases of the dialect in a text, outside code."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)
    return DIALECT.findall(prose)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_free_of_dialect(page: Path) -> None:
    assert dialect_in(page.read_text("utf-8")) == []


def test_dialect_is_recognised() -> None:
    sample = "VideoSDK is asked, and whoever minds its hall is told anew. `is told` in code does not count."
    assert dialect_in(sample) == ["is asked", "whoever", "minds its", "is told", "anew"]
