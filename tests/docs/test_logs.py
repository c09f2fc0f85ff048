"""The page of logs lists messages that the processes write."""

import re

import pytest

from tests.support.paths import ROOT

_ROW = re.compile(r"^\| (`[^|]+`) \| [^|]+ \| [^|]+ \|", re.M)
_PAGE = (ROOT / "docs" / "logs.md").read_text("utf-8")
MESSAGES = [
    message
    for cell in _ROW.findall(_PAGE[_PAGE.index("## Messages") :])
    for message in re.findall(r"`([^`]+)`", cell)
    if message != "event"
]
SOURCES = "\n".join(
    path.read_text("utf-8") for package in ("webhook_app", "workers") for path in (ROOT / package).rglob("*.py")
)


def test_the_page_lists_messages() -> None:
    assert len(MESSAGES) > 20


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_on_the_page_is_written_somewhere(message: str) -> None:
    assert message.removesuffix("…").strip() in SOURCES
