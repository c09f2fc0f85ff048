"""Explanations: codes and arguments are stored, and the texts may change without changing anything that is stored."""

from collections.abc import Iterator

import pytest

from tests.support.golden import events_of, load
from tests.support.notice_examples import notice_examples
from tests.support.paths import ROOT
from webhook_app.domain import explanations
from webhook_app.domain.context import SystemState
from webhook_app.domain.explanations import Explanation, code_text, explain, render, text_of
from webhook_app.domain.reasons import Reason
from webhook_app.domain.reducer import apply
from webhook_app.store import codec
from webhook_app.store.state.outline import encode_arguments
from workers.folding import fold_one


def stored_bytes() -> Iterator[tuple[str, bytes]]:
    """What folding a recorded journal stores, outcome by outcome."""
    state = SystemState()
    for event in events_of(load(ROOT / "tests" / "fixtures" / "golden" / "history-1.json.gz")["journal"]):
        outcome = fold_one(state, event)
        apply(state, outcome)
        parts = (outcome.decisions, outcome.notices, outcome.alarms, outcome.calls, outcome.rooms, outcome.memory)
        yield event.id, b"".join([encode_arguments(outcome.effects), *map(codec.encode, parts)])


def test_other_texts_change_nothing_that_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(stored_bytes())
    examples = notice_examples()
    for code in explanations.TEXTS:
        monkeypatch.setitem(explanations.TEXTS, code, f"<{code}>")
    assert dict(stored_bytes()) == before
    assert notice_examples()["broadcast.late"] != examples["broadcast.late"]


def test_an_explanation_reads_back_as_it_was_stored() -> None:
    inner = explain(Reason.NO_SESSION)
    outer = explain(Reason.HELD_BACK, why=inner)
    assert codec.decoder(Explanation)(codec.encode(outer)) == outer
    assert inner.text in outer.text and text_of(outer.stored) == outer.text


def test_what_is_no_code_is_its_own_text() -> None:
    assert code_text("written by an earlier version") == "written by an earlier version"
    assert render("a-code-of-a-newer-version", {"x": 1}) == "a-code-of-a-newer-version"
    assert text_of("plain") == "plain"
