"""Moments and durations at the edges."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook_app.domain.times import format_duration, from_rfc3339, maybe_rfc3339, parse_duration, rfc3339


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_795_348_807_120) == "2026-11-22T12:00:07.120Z"
    assert maybe_rfc3339(None) is None


@given(st.integers(0, 253_402_300_799_999))
def test_what_is_written_is_read_back(ms: Any) -> None:
    assert from_rfc3339(rfc3339(ms)) == ms


def test_an_offset_is_taken_into_account() -> None:
    assert from_rfc3339("2026-11-22T13:00:00+01:00") == from_rfc3339("2026-11-22T12:00:00Z")


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("2026-11-22T12:00:00", "has no offset"),
        ("yesterday", "is not a time"),
        ("", "is not a time"),
        ("2026-02-30T00:00:00Z", "is not a time"),
    ],
)
def test_a_time_that_is_wrong_is_refused_with_what_would_be_right(text: str, fragment: str) -> None:
    with pytest.raises(ValueError, match=fragment):
        from_rfc3339(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("1h30m", 5400), ("1d", 86400), ("0s", 0)]
)
def test_a_duration_is_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "1.5h", "30m1h", "5M", "367d", "9999999999s"])
def test_a_duration_that_is_wrong_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|is longer than a year"):
        parse_duration(text)


@given(st.integers(0, 366 * 86400))
def test_a_duration_that_is_written_is_read_back(seconds: Any) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


def test_a_duration_is_written_as_short_as_it_can_be() -> None:
    assert [format_duration(s) for s in (0, 90, 300, 5400, 7200)] == ["0s", "90s", "5m", "1h30m", "2h"]
