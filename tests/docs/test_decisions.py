"""Design decisions: each has status, date and all its parts, and the index lists them all."""

import pytest

from tests.tools.decision_index import DECISIONS, HEADINGS, INDEX, DecisionPage, decision_pages, index_page


@pytest.mark.parametrize("page", decision_pages(), ids=lambda page: page.path.stem)
def test_a_decision_has_all_its_parts(page: DecisionPage) -> None:
    assert page.headings == HEADINGS
    assert page.status.split()[0].strip(";") in {"accepted", "proposed", "superseded"}


def test_numbers_are_used_once() -> None:
    numbers = [page.path.name[:4] for page in decision_pages()]
    assert len(set(numbers)) == len(numbers)


def test_the_index_is_generated_from_the_pages() -> None:
    assert INDEX.read_text("utf-8") == index_page(), "run `make docs`"


def test_every_page_is_a_decision() -> None:
    assert {path.name for path in DECISIONS.iterdir()} == {page.path.name for page in decision_pages()} | {INDEX.name}
