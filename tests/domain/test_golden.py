"""Recorded journals fold to what they folded to when they were recorded: every code, notice, call, timer and view."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.golden import events_of, load, record

RECORDINGS = Path(__file__).parent.parent / "fixtures" / "golden"


def assert_folds_as_recorded(journal: list[list[str]], expected: list[dict[str, Any]]) -> None:
    for event, actual, golden in zip(journal, record(events_of(journal)), expected, strict=True):
        assert actual == golden, event


@pytest.mark.parametrize("name", ["history-1", "history-2", "rush", "weeks", "outputs"])
def test_a_recorded_journal_folds_as_recorded(name: str) -> None:
    recording = load(RECORDINGS / f"{name}.json.gz")
    assert_folds_as_recorded(recording["journal"], recording["records"])


def test_recorded_scenarios_fold_as_recorded() -> None:
    for scenario in load(RECORDINGS / "scenarios.json.gz"):
        assert_folds_as_recorded(scenario["journal"], scenario["records"])


def test_a_recording_notices_a_changed_reason() -> None:
    recording = load(RECORDINGS / "rush.json.gz")
    recording["records"][-1]["reasons"] = ["something-else"]
    with pytest.raises(AssertionError):
        assert_folds_as_recorded(recording["journal"], recording["records"])
