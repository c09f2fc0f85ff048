"""The table of a conformance run: which answers of VideoSDK are as assumed, and what follows from the others."""

from typing import Any

import pytest

from webhook_app.domain.outputs import Output
from webhook_app.providers.videosdk.answers import ApiAnswer
from workers.doctor.conformance.answer_checks import answer_rows
from workers.doctor.conformance.observations import Observations, Step, TimedAnswer
from workers.doctor.conformance.rows import Result, Row

STREAM = {"id": "62a3f0a1b2c3d4e5f6a7b8c9", "playbackHlsUrl": "https://cdn.example/meetings-hls/f1/index.m3u8"}
RUNNING = {**STREAM, "end": None}
OTHER_ID = {**RUNNING, "id": "other"}
OTHER_STREAM = {"id": "other", "playbackHlsUrl": "https://cdn.example/meetings-hls/f2/index.m3u8", "end": None}
STARTED = ApiAnswer(200, STREAM)


def rows(output: Output = Output.HLS, took_ms: int = 100, **answers: ApiAnswer) -> dict[str, Row]:
    steps = {Step(name.replace("_", "-")): TimedAnswer(answer, took_ms) for name, answer in answers.items()}
    return {row.check: row for row in answer_rows(Observations(output, steps))}


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (ApiAnswer(404, {"message": "No active HLS"}), Result.AS_ASSUMED),
        (ApiAnswer(402, None), Result.AS_ASSUMED),
        (ApiAnswer(204, None), Result.AS_ASSUMED),
        (ApiAnswer(200, {"code": 200, "data": None}), Result.AS_ASSUMED),
        (ApiAnswer(200, {"code": 404, "message": "none"}), Result.AS_ASSUMED),
        (ApiAnswer(400, {"message": "none"}), Result.DIFFERS),
        (ApiAnswer(200, {"state": "idle"}), Result.DIFFERS),
        (ApiAnswer(200, {"data": RUNNING}), Result.DIFFERS),
        (ApiAnswer(500, None), Result.FAILED),
        (ApiAnswer(401, None), Result.FAILED),
        (ApiAnswer(None, None, "timed out"), Result.FAILED),
    ],
)
def test_nothing_active_has_known_forms(answer: ApiAnswer, result: Result) -> None:
    assert rows(active_before=answer)["active-before"].result is result


def test_a_form_that_changes_between_before_and_after_is_shown() -> None:
    row = rows(active_before=ApiAnswer(404, None), active_after=ApiAnswer(200, {"data": None}))["active-after"]
    assert (row.result, row.observed) == (Result.DIFFERS, "200, {data: null}")


@pytest.mark.parametrize(
    ("output", "body", "result"),
    [
        (Output.HLS, STREAM, Result.AS_ASSUMED),
        (Output.HLS, "HLS started successfully", Result.DIFFERS),
        (Output.HLS, {}, Result.DIFFERS),
        (Output.RECORDING, "Recording started successfully", Result.AS_ASSUMED),
        (Output.RECORDING, {"id": "rec1"}, Result.DIFFERS),
    ],
)
def test_a_start_names_its_stream_or_not(output: Output, body: Any, result: Result) -> None:
    assert rows(output, start=ApiAnswer(200, body))["start"].result is result


def test_a_refused_start_is_a_failure_and_has_no_time() -> None:
    table = rows(start=ApiAnswer(400, {"message": "quota exceeded"}))
    assert (table["start"].result, "start-time" in table) == (Result.FAILED, False)


@pytest.mark.parametrize(("took_ms", "result"), [(9_900, Result.AS_ASSUMED), (12_000, Result.DIFFERS)])
def test_a_start_is_to_be_answered_within_the_deadline_of_a_call(took_ms: int, result: Result) -> None:
    assert rows(took_ms=took_ms, start=STARTED)["start-time"].result is result


@pytest.mark.parametrize(
    ("answer", "result", "consequence"),
    [
        (ApiAnswer(409, None), Result.AS_ASSUMED, "None."),
        (ApiAnswer(400, None), Result.AS_ASSUMED, "None."),
        (ApiAnswer(422, None), Result.DIFFERS, "Another status"),
        (ApiAnswer(200, STREAM), Result.DIFFERS, "Harmless"),
        (ApiAnswer(200, OTHER_STREAM), Result.DIFFERS, "A repeated start may start a second one"),
        (ApiAnswer(200, "started"), Result.DIFFERS, "A repeated start may start a second one"),
    ],
)
def test_a_second_start_is_to_be_refused(answer: ApiAnswer, result: Result, consequence: str) -> None:
    row = rows(start=STARTED, second_start=answer)["second-start"]
    assert (row.result, row.consequence[: len(consequence)]) == (result, consequence)


@pytest.mark.parametrize(
    ("shown", "result", "consequence"),
    [
        (RUNNING, Result.AS_ASSUMED, "None."),
        (OTHER_ID, Result.DIFFERS, "Harmless"),
        (OTHER_STREAM, Result.DIFFERS, "One stream may be shown as two"),
        (None, Result.DIFFERS, "Probes would end streams that run"),
    ],
)
def test_the_running_stream_is_to_be_shown_under_its_id(shown: Any, result: Result, consequence: str) -> None:
    row = rows(start=STARTED, active_running=ApiAnswer(200, {"data": shown}))["active-running"]
    assert (row.result, row.consequence[: len(consequence)]) == (result, consequence)


def test_the_running_stream_is_compared_with_the_newest_start() -> None:
    restarted: Any = {"start": ApiAnswer(200, OTHER_STREAM), "start_again": STARTED}
    table = rows(**restarted, active_running=ApiAnswer(200, {"data": RUNNING}))
    assert table["active-running"].result is Result.AS_ASSUMED


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ({"data": [RUNNING]}, Result.AS_ASSUMED),
        ({"data": [STREAM]}, Result.DIFFERS),
        ({"data": []}, Result.DIFFERS),
        ("none", Result.DIFFERS),
    ],
)
@pytest.mark.parametrize("output", [Output.HLS, Output.RECORDING])
def test_lists_are_to_show_what_runs(output: Output, body: Any, result: Result) -> None:
    assert rows(output, list_running=ApiAnswer(200, body))["list-running"].result is result


@pytest.mark.parametrize(
    ("row", "result"),
    [
        ({"id": "r1", "end": "2026-11-29T10:00:00Z", "file": {"filePath": "a.mp4"}}, Result.AS_ASSUMED),
        ({"id": "r1", "end": "2026-11-29T10:00:00Z"}, Result.DIFFERS),
        ({"id": "r1", "end": None}, Result.DIFFERS),
    ],
)
def test_a_recording_is_to_be_listed_with_its_file(row: Any, result: Result) -> None:
    table = rows(Output.RECORDING, list_after=ApiAnswer(200, {"data": [row]}))
    assert table["list-after"].result is result


@pytest.mark.parametrize("step", ["end_while_starting", "end_while_stopping", "end_after"])
@pytest.mark.parametrize(
    ("status", "result"), [(400, Result.AS_ASSUMED), (404, Result.AS_ASSUMED), (200, Result.DIFFERS)]
)
def test_ends_at_wrong_moments_are_to_be_refused(step: str, status: int, result: Result) -> None:
    answers: Any = {step: ApiAnswer(status, None)}
    assert rows(**answers)[step.replace("_", "-")].result is result


def test_videosdks_record_of_webhooks_is_quoted() -> None:
    record = {"data": [{"type": "hls-started", "success": True}, {"type": "hls-started", "success": False}]}
    row = rows(detail=ApiAnswer(200, {**STREAM, "webhook": record}))["detail"]
    assert (row.result, row.observed.endswith("delivered: hls-started 1/2")) == (Result.AS_ASSUMED, True)
    assert rows(detail=ApiAnswer(200, STREAM))["detail"].result is Result.DIFFERS


def test_every_step_that_is_in_the_table_has_an_assumption() -> None:
    answers = {step: TimedAnswer(ApiAnswer(200, None)) for step in Step}
    checks = {row.check for row in answer_rows(Observations(Output.HLS, answers))}
    assert {step.value for step in Step} - checks == {"start-again", "active-before-session-end"}
