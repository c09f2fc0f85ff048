"""Reason codes: each has its words, is used, and stays readable in what earlier versions stored."""

import re
from pathlib import Path
from string import Formatter

import pytest

from tests.tools.reference_pages import REFERENCE, reasons_page
from webhook_app.domain.explanations import TEXTS, code_text, explain
from webhook_app.domain.reasons import UNEVENTFUL, Reason
from webhook_app.domain.schedules.open_window import SuppressionReason
from webhook_app.store.codec import encode, encode_room, room_of

SOURCES = [
    path.read_text("utf-8")
    for package in ("webhook_app", "workers")
    for path in Path(package).rglob("*.py")
    if not path.name.startswith("reason")
]


def fields_of(reason: Reason) -> list[str]:
    return [field for _, field, _, _ in Formatter().parse(TEXTS[reason]) if field]


@pytest.mark.parametrize("reason", list(Reason))
def test_a_code_is_a_slug_and_has_words(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", reason.value)
    assert Reason(reason.value) is reason
    words = explain(reason, **dict.fromkeys(fields_of(reason), "x")).text
    assert words and "{" not in words


@pytest.mark.parametrize("reason", list(Reason))
def test_every_code_is_given_somewhere(reason: Reason) -> None:
    assert any(f"Reason.{reason.name}" in source for source in SOURCES)


def test_a_text_in_braces_stays_as_it_is() -> None:
    assert explain(Reason.CALL_REFUSED, said="400 {x} {0}").text == "VideoSDK refused: 400 {x} {0}"


def test_what_an_earlier_version_stored_as_words_is_shown_as_it_is() -> None:
    assert code_text("armed: nobody has opened a session") == "armed: nobody has opened a session"
    assert code_text("no-session") == TEXTS[Reason.NO_SESSION]


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ("somebody stopped the stream", SuppressionReason.INTERRUPTED),
        ("the stream ended, and `restart` says to leave it", SuppressionReason.NOT_RESTARTED),
        ("nobody is there", SuppressionReason.EMPTY),
        ("empty", SuppressionReason.EMPTY),
    ],
)
def test_an_open_window_of_an_earlier_version_keeps_why_it_is_left_off(stored: str, reason: SuppressionReason) -> None:
    window = {"opens_at": 1, "closes_at": 2, "rules": ["show"], "held": stored}
    room = room_of(encode({"room_id": "abcd", "window": window}))
    assert room.schedule.window is not None and room.schedule.window.suppressed is reason
    assert room_of(encode_room(room)) == room


def test_uneventful_codes_are_codes() -> None:
    assert {Reason(code) for code in UNEVENTFUL} == set(UNEVENTFUL)


def test_the_page_lists_them_all() -> None:
    assert (REFERENCE / "reasons.md").read_text("utf-8") == reasons_page()
