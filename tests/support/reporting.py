"""pytest hooks that keep a failure on one screen, and the failure of something shared to one error."""

from collections.abc import Generator
from typing import Any

import pytest

from tests.support.polling import last_lines

SECTION_MAX_LINES = 40
FAILURE_HEAD_LINES = 15
LINE_MAX_CHARS = 600
FAILURE_MAX_LINES = 45  # CI shows it twice

_reported: dict[int, BaseException] = {}  # keeps them alive, so that no id is used twice


class SharedFailureError(Exception):
    """Something that many tests share has failed; the first test that needs it reports `cause`, others are skipped."""

    def __init__(self, what: str, cause: BaseException) -> None:
        super().__init__(f"{what}: {type(cause).__name__}: {last_lines(str(cause))}")
        self.__cause__ = cause


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """A fixture that several tests share raises the same exception for each: report it once."""
    try:
        return (yield)
    except Exception as error:
        _skip_if_reported(error)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    try:
        return (yield)
    except SharedFailureError as error:
        _skip_if_reported(error)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    report.sections = [(title, last_lines(text, SECTION_MAX_LINES)) for title, text in report.sections]
    if report.failed and report.longrepr is not None:
        lines = str(report.longrepr).splitlines()
        if len(lines) > FAILURE_MAX_LINES or any(len(line) > LINE_MAX_CHARS for line in lines):
            report.longrepr = _shortened(lines)
    return report


def _skip_if_reported(error: BaseException) -> None:
    if id(error) in _reported:
        raise pytest.skip.Exception(f"failed before: {str(error).splitlines()[0][:160]}")
    _reported[id(error)] = error


def _shortened(lines: list[str]) -> str:
    """The beginning and the end of a failure, each line no longer than a few on the screen."""
    half = LINE_MAX_CHARS // 2
    lines = [line if len(line) <= LINE_MAX_CHARS else f"{line[:half]} … {line[-half:]}" for line in lines]
    if len(lines) > FAILURE_MAX_LINES:
        tail = lines[FAILURE_HEAD_LINES - FAILURE_MAX_LINES :]
        left_out = len(lines) - FAILURE_MAX_LINES
        lines = [*lines[:FAILURE_HEAD_LINES], f"… ({left_out} lines left out) …", *tail]
    return "\n".join(lines)
