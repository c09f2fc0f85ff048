"""The report of a conformance run shows forms, and neither secrets nor names nor whole ids."""

from typing import Any

import pytest

from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.answers import ApiAnswer
from workers.doctor.conformance.plan import RunOptions, plan_lines
from workers.doctor.conformance.report import SANDBOX_NOTE, Report, as_json, markdown, summary
from workers.doctor.conformance.rows import Result, Row
from workers.doctor.conformance.scrubbing import describe, scrubbed

DIFFERENT = Row("start", Output.HLS, "A | b", "200, {id}", Result.DIFFERS, "Harmless.")
ASSUMED = Row("start", Output.RECORDING, "A start.", "200", Result.AS_ASSUMED)


def report(*rows: Row, failure: str | None = None, is_sandbox: bool = False) -> Report:
    return Report(rows, "https://api.videosdk.live", "1.2.3", "2026-11-29", is_sandbox, failure)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (ApiAnswer(404, {"message": "No active HLS", "code": 404}), "404, {message, code} “No active HLS”"),
        (ApiAnswer(200, {"data": {"id": "x", "end": None}}), "200, {data: {id, end: null}}"),
        (ApiAnswer(200, {"data": []}), "200, {data: []}"),
        (ApiAnswer(200, "HLS started"), "200, text “HLS started”"),
        (ApiAnswer(200, {"code": 404, "msg": "none"}), "200 (code 404), {code, msg} “none”"),
        (ApiAnswer(204, None), "204, no body"),
        (ApiAnswer(None, None, "timed out"), "no answer (timed out)"),
        (ApiAnswer(200, {"Grace Hopper": 1}), "200, {…}"),
        (ApiAnswer(200, {"a": {"b": {"c": {"d": 1}}}}), "200, {a: {b: {c: {…}}}}"),
    ],
)
def test_an_answer_is_described_by_its_form(answer: ApiAnswer, text: str) -> None:
    assert describe(answer) == text


@pytest.mark.parametrize(
    "text",
    [
        "room abcd-efgh-ijkl is unknown",
        "stream 62a3f0a1b2c3d4e5f6a7b8c9 failed",
        "see https://cdn.videosdk.live/meetings-hls/f1/index.m3u8?token=abc",
        "ask grace@example.org",
        "token eyJhbGciOiJIUzI1NiJ9.eyJhcGlrZXkiOiJ4In0.c2lnbmF0dXJl refused",
        "Grace Hopper is not allowed",
    ],
)
def test_a_message_loses_ids_urls_tokens_and_names(text: str) -> None:
    shown = scrubbed(text, ("Grace Hopper",))
    for private in ("efgh-ijkl", "62a3f0a1", "meetings-hls", "grace@", "eyJhbGci", "Hopper"):
        assert private not in shown


def test_the_page_has_a_table_for_each_output() -> None:
    page = markdown(report(DIFFERENT, ASSUMED))
    assert "| A \\| b | 200, {id} | **differs** | Harmless. |" in page
    assert "## Stream" in page and "## Recording" in page and "Tallylight 1.2.3" in page
    assert SANDBOX_NOTE not in page
    assert SANDBOX_NOTE in markdown(report(is_sandbox=True))


@pytest.mark.parametrize(
    ("rows", "failure", "ok"),
    [((ASSUMED,), None, True), ((ASSUMED, DIFFERENT), None, False), ((ASSUMED,), "interrupted", False)],
)
def test_only_a_complete_run_without_differences_is_well(rows: tuple[Row, ...], failure: str | None, ok: bool) -> None:
    content: dict[str, Any] = as_json(report(*rows, failure=failure))
    assert (content["ok"], content["failure"], len(content["checks"])) == (ok, failure, len(rows))


def test_what_was_not_observed_is_no_problem() -> None:
    not_observed = Row("x", Output.HLS, "a", "b", Result.NOT_OBSERVED)
    assert report(not_observed).as_assumed
    assert summary(report(not_observed, ASSUMED, DIFFERENT)) == "1 as assumed, 1 differs, 1 not observed."


def test_the_plan_says_what_it_costs_and_who_is_disconnected() -> None:
    whole = RunOptions(recording=True, end_session=True, start_without_session=True)
    text = "\n".join(plan_lines(whole, "main-hall", is_sandbox=False))
    for part in ("main-hall", "6 minutes of HLS and 1 minute of recording", "everybody in the room is disconnected"):
        assert part in text
    short = "\n".join(plan_lines(RunOptions(), "main-hall", is_sandbox=True))
    assert "simulated" in short
    for part in ("charges", "recording of", "SESSION", "empty room"):
        assert part not in short
