"""The architecture page and the reducer name the same stages of a room's step."""

import inspect
import re

from tests.support.paths import ROOT
from webhook_app.domain import reducer

PAGE = ROOT / "docs" / "architecture.md"


def stages(text: str) -> list[str]:
    """The numbered items of a text, each on one line."""
    items = re.findall(r"^ *\d+\. (.+?)(?=^ *\d+\. |\n\n|\Z)", text, re.M | re.S)
    return [" ".join(item.split()) for item in items]


def test_the_page_lists_the_stages_of_the_reducer() -> None:
    docstring = inspect.getdoc(reducer._step_room)
    assert docstring is not None
    section = PAGE.read_text("utf-8").partition("## The order of a room's step")[2].partition("\n## ")[0]
    assert len(stages(docstring)) == 10
    assert stages(section) == stages(docstring)
