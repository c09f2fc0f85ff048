"""README and .env.example match the code."""

import re

from tests.support import paths
from webhook_app.domain.streams.machine import MOVES

ROOT = paths.ROOT


def test_the_state_diagram_shows_the_transition_table() -> None:
    diagram = re.search(r"```mermaid\nstateDiagram-v2\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert diagram is not None
    transitions = set(re.findall(r"^\s*(\w+) --> (\w+)$", diagram.group(1), re.MULTILINE))
    assert transitions == {(state.value, after.value) for state, moves in MOVES.items() for after in moves}
    assert "[*] --> starting" in diagram.group(1)


def test_every_setting_is_in_the_example_file() -> None:
    from webhook_app.config.loading import environ_of
    from webhook_app.config.settings import Settings

    example = (ROOT / ".env.example").read_text()
    internal = {"TALLY_SANDBOX_URL", "TALLY_ENVIRON_COMPLETE"}
    missing = [name for name in environ_of(Settings()) if name not in internal and name not in example]
    assert missing == []
